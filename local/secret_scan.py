"""``python -m local.secret_scan``: looks for keys and passwords in the files of the repository it is run in.

The detectors are those of detect-secrets, and one for Promptmill's own API keys. Left out are those that go by entropy,
since ids and samples are random too, and the one that goes by the names of variables, which bandit does in code. A line
that only looks like a secret ends with ``pragma: allowlist secret``. Nothing is asked of the network, and nothing that
is found is printed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.settings import default_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

LEFT_OUT = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "KeywordDetector"}


class PromptmillKeyDetector(RegexBasedDetector):
    secret_type = "Promptmill API key"  # nosec B105  # the name of one
    denylist = (re.compile(r"pm_live_[A-Za-z0-9_-]{20,}"),)


def repository_files() -> list[str]:
    """The files of the repository of the working directory, with those not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if Path(name).is_file()]


def find_secrets(files: Iterable[str]) -> list[str]:
    """``file:line: kind`` of everything that looks like a secret."""
    found = SecretsCollection()
    with default_settings() as settings:
        settings.disable_plugins(*LEFT_OUT)
        ours = {"name": PromptmillKeyDetector.__name__, "path": f"file://{Path(__file__).resolve()}"}
        settings.configure_plugins([ours])
        # It was filled before it could know ours.
        get_mapping_from_secret_type_to_class.cache_clear()
        for file in files:
            found.scan_file(file)
    return [f"{file}:{secret.line_number}: {secret.type}" for file, secret in sorted(found, key=str)]


def main() -> int:
    found = find_secrets(repository_files())
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
