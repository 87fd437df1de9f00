"""Reproducible measurements: ``python -m benchmarks``. Nothing here ships."""
