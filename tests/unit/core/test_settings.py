"""Settings come from the environment, when they are asked for and not before."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from promptmill.errors import BrokenContractError
from promptmill.settings import Settings, read_settings, variable_name

CORE = Path(__file__).parents[3] / "layers" / "core"


def test_a_setting_is_its_name_in_capitals_behind_the_product() -> None:
    assert read_settings({"PROMPTMILL_JOBS_TABLE": "jobs", "JOBS_TABLE": "other"}).jobs_table == "jobs"
    assert variable_name("jobs_table") == "PROMPTMILL_JOBS_TABLE"


def test_every_field_is_read_from_its_own_variable() -> None:
    names = [field.name for field in fields(Settings)]
    read = read_settings({variable_name(name): f"value of {name}" for name in names})
    assert {name: getattr(read, name) for name in names} == {name: f"value of {name}" for name in names}


def test_a_variable_that_is_empty_is_one_that_is_missing() -> None:
    assert read_settings({"PROMPTMILL_PUBLIC_URL": ""}) == Settings()


def test_required_values_come_in_the_order_asked() -> None:
    settings = Settings(jobs_table="jobs", stage="dev", control_table="control")
    assert settings.require("control_table", "jobs_table") == ("control", "jobs")


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(BrokenContractError) as caught:
        Settings(stage="dev").require("jobs_table", "stage", "control_table", "owner_salt")
    said = caught.value.detail
    assert said == ("settings missing: PROMPTMILL_JOBS_TABLE, PROMPTMILL_CONTROL_TABLE, PROMPTMILL_OWNER_SALT")


def test_a_setting_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().stage = "prod"  # type: ignore[misc]


PROGRAM = """
import os, pathlib
class Watched(dict):
    def __getitem__(self, key): return note(key) or super().__getitem__(key)
    def get(self, key, default=None): return note(key) or super().get(key, default)
    def __contains__(self, key): return bool(note(key)) or super().__contains__(key)
seen = []
def note(key):
    if str(key).startswith("PROMPTMILL"): seen.append(key)
os.environ = Watched(os.environ)
import promptmill
for path in sorted(pathlib.Path(promptmill.__file__).parent.rglob("*.py")):
    if path.name == "__init__.py": continue
    parts = path.relative_to(pathlib.Path(promptmill.__file__).parents[1]).with_suffix("").parts
    __import__(".".join(parts))
print(seen)
from promptmill.settings import settings
print(settings().stage, len(seen))
"""


def test_no_module_reads_its_settings_when_it_is_imported() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CORE), "PROMPTMILL_STAGE": "dev"}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["[]", f"dev {len(fields(Settings))}"]
