"""What the repository holds: locks that agree, documents that are up to date, nothing of one machine.

`make check` runs these too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

from local.rendering import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# Put together here, so that this file is not what it looks for.
REGISTRIES = ("files.python" + "hosted", "py" + "pi.org", "test.py" + "pi")
MACHINE = re.compile(r"(?<![\w.~/-])/(?:root|work|home|Users)/[a-z]")
INDEX_LINE = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url|--find-links|--trusted-host)\b", re.MULTILINE)
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def tracked_files() -> list[Path]:
    """The files of the repository, with those not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def pins(path: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / path).read_text(encoding="utf-8")))


def test_the_layer_ships_versions_of_the_lock() -> None:
    shipped, locked = pins("layers/core/requirements.txt"), pins("requirements.lock")
    assert shipped
    assert {name: version for name, version in shipped.items() if locked.get(name) != version} == {}


def test_what_the_project_asks_for_is_what_the_layer_ships() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shipped = pins("layers/core/requirements.txt")
    asked = {re.sub(r"\[\w+]", "", requirement) for requirement in project["dependencies"]}
    assert asked <= {f"{name}=={version}" for name, version in shipped.items()}


def test_what_the_lambda_runtime_brings_is_not_shipped_again() -> None:
    assert pins("layers/core/requirements.txt").keys().isdisjoint({"boto3", "botocore", "s3transfer", "urllib3"})


def test_every_locked_version_has_its_hashes() -> None:
    for path in ("requirements.lock", "layers/core/requirements.txt"):
        entries = re.split(r"\n(?=[a-z0-9])", (ROOT / path).read_text(encoding="utf-8").strip())
        assert [entry.splitlines()[0] for entry in entries if PIN.match(entry) and not HASH.search(entry)] == []


def test_no_file_names_a_package_registry_or_a_place_on_one_machine() -> None:
    found = []
    for file in tracked_files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if any(name in text for name in REGISTRIES) or MACHINE.search(text):
            found.append(str(file.relative_to(ROOT)))
        if file.suffix in {".lock", ".txt"} and INDEX_LINE.search(text):
            found.append(f"{file.relative_to(ROOT)}: an index")
    assert found == []


def test_the_openapi_document_is_what_the_code_says() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "promptmill.http.openapi"],
        cwd=ROOT, env={"PYTHONPATH": "layers/core"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for path in ("docs/openapi.json", "layers/core/promptmill/http/openapi.json"):
        assert json.loads((ROOT / path).read_text(encoding="utf-8")) == json.loads(made), f"{path}: run `make format`"


def test_the_documents_of_the_events_are_what_the_catalogue_says(tmp_path: Path) -> None:
    folders = ("docs", "events/published")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-m", "promptmill.events.documents", str(tmp_path)],
        cwd=ROOT, env={"PYTHONPATH": "layers/core"}, check=True,
    )  # fmt: skip
    made = {path.relative_to(tmp_path).as_posix() for folder in folders for path in (tmp_path / folder).iterdir()}
    for path in made:
        committed = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else ""
        assert committed == (tmp_path / path).read_text(encoding="utf-8"), f"{path}: run `make format`"
    published = {path.relative_to(ROOT).as_posix() for path in (ROOT / "events" / "published").iterdir()}
    assert published == made - {"docs/asyncapi.json"} | {"events/published/v1.fields.json"}


def test_supported_pythons_are_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert project["project"]["requires-python"] == ">=3.11,<3.14"
    assert project["tool"]["mypy"]["python_version"] == "3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert "AllowedValues: [python3.11, python3.12, python3.13]" in template
