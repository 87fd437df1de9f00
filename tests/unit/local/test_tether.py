from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from local.sam import ROOT

ENDLESS = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""


def tethered(folder: Path, code: str) -> subprocess.Popen[str]:
    (folder / "endless.py").write_text(code)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "local.tether", "endless", "argument"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_module_and_its_children_end_when_their_starter_is_gone(tmp_path: Path) -> None:
    with tethered(tmp_path, ENDLESS) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.stdin.close()
        assert process.wait(10) != 0
        deadline = time.monotonic() + 10
        while is_running(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not is_running(child)


def test_a_module_gets_its_arguments_an_empty_input_and_gives_its_status(tmp_path: Path) -> None:
    code = "import sys\nprint(sys.argv[1:], sys.stdin.read() == '')\nsys.exit(7)\n"
    with tethered(tmp_path, code) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == ["['argument']", "True"]
        assert process.wait(10) == 7


def is_running(pid: int) -> bool:
    """An orphan that ended may stay a zombie until its new parent looks."""
    if Path("/proc/self/stat").exists():
        try:
            return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")
