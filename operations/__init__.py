"""What an operator does to a deployed stack: ``python -m operations``. Nothing here ships."""

import sys
from pathlib import Path

# Run from the repository's root, as everything beside the functions is.
sys.path.append(str(Path(__file__).resolve().parents[1] / "layers" / "core"))
