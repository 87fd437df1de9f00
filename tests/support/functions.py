"""The functions' handlers, as Lambda loads them."""

from __future__ import annotations

import importlib.util
from typing import Any

from local.sam import ROOT


def handler(folder: str) -> Any:
    """The ``lambda_handler`` of ``functions/<folder>/app.py``, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"loaded_{folder}", ROOT / "functions" / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler
