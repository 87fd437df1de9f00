"""The scan for secrets finds what must not be committed, says where, and does not say it itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from local.code_checks import CHECKS, run
from promptmill.identity.api_keys.model import KEY_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

(SECRETS,) = (check for check in CHECKS if check.name.startswith("secrets"))
# Put together here, so that this file is not what is looked for.
AWS_KEY = "AKIA" + "5RZQ7XWLM2KDTV4B"
OWN_KEY = KEY_PREFIX + "hT3vLq8ZxWc5RnYb2KdMf7Gs"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "harmless.py").write_text(f'KEY = "{KEY_PREFIX}{{digest}}"\nID = "job_01J9ZQ4T7H6Y5X3W2V1R0P8N7M"\n')
    return tmp_path


@pytest.mark.parametrize(("secret", "kind"), [(AWS_KEY, "AWS Access Key"), (OWN_KEY, "Promptmill API key")])
def test_the_check_fails_on_a_key_and_says_where_it_is_but_not_what(repository: Path, secret: str, kind: str) -> None:
    (repository / "settings.py").write_text(f'REGION = "us-east-1"\nKEY = "{secret}"\n')
    outcome = run(SECRETS, folder=repository)
    assert not outcome.passed
    assert outcome.output == f"settings.py:2: {kind}\n"


def test_a_repository_without_secrets_passes_and_so_does_a_line_that_is_allowed(repository: Path) -> None:
    (repository / "sample.py").write_text(f'KEY = "{AWS_KEY}"  # pragma: allowlist secret\n')
    outcome = run(SECRETS, folder=repository)
    assert outcome.passed, outcome.output
