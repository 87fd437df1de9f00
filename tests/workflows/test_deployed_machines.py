"""The machines that are deployed are the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.workflows.machines import DELETION, GENERATION, INTERACTIONS, Machines

if TYPE_CHECKING:
    from local.stack import Stack


@pytest.mark.parametrize("file", [GENERATION, DELETION, INTERACTIONS], ids=lambda file: file.stem)
def test_the_deployed_machine_is_the_file_with_its_substitutions_filled(stack: Stack, file: Path) -> None:
    machines = Machines(stack, file)
    text = file.read_text(encoding="utf-8")
    for name, value in machines.values.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    assert machines.deployed == json.loads(text)
