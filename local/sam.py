"""Builds and deploys the template with the SAM CLI: the commands of an account, against the local stack."""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
REGION = "us-east-1"
# MiniStack's root user.
ROOT_KEY = "test"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": ROOT_KEY, "AWS_SECRET_ACCESS_KEY": ROOT_KEY, "AWS_DEFAULT_REGION": REGION}
# SAM asks every five seconds how a deployment goes, unless told otherwise.
POLL_SECONDS = "0.2"


class StackError(Exception):
    """The local stack could not be brought up or down; the message says what to look at."""


def build(folder: Path, parameters: Mapping[str, str]) -> Path:
    """Builds the template for the stack in ``folder`` and returns the built one.

    Raises ``StackError`` when it cannot be built, or when an operation is not let to whom it declares.

    All stacks of a checkout share one build, one at a time, and get a copy: SAM keeps downloaded dependencies below its
    working directory and drops those it does not know from its own last build. The copy is beside the build, since the
    built template has paths relative to itself.
    """
    shared = ROOT / ".local" / "sam"
    shared.mkdir(parents=True, exist_ok=True)
    check_access()
    with locked(shared / "lock"):
        _run(
            folder / "sam-build.log",
            *("build", "--template-file", str(ROOT / "template.yaml"), "--build-dir", str(shared / "build")),
            *("--cached", "--cache-dir", str(shared / "cache"), "--parameter-overrides", *_overrides(parameters)),
            cwd=shared,
        )
        add_bytecode(shared / "build" / "CoreLayer")
        copy = shared / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(shared / "build", copy)
    return copy / "template.yaml"


def check_access() -> None:
    """Raises ``StackError`` with what is wrong between the operations, what they declare, and the template.

    In a process of its own, half a second, since it is about the code in the repository, not what this one imported.
    """
    check = subprocess.run(
        [sys.executable, "-m", "local.access_check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if check.returncode:
        raise StackError(f"the API is not what its operations declare\n{check.stdout}{check.stderr}".rstrip())


def add_bytecode(layer: Path) -> None:
    """Compiles the layer with this interpreter, which has to be of the runtime's version.

    AWS mounts a layer read-only, so Lambda would compile it again at every cold start, which doubles the time of the
    ingress. The bytecode does not look at its source, whose time and path will differ.
    """
    if not compileall.compile_dir(layer, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH):
        raise StackError(f"the layer in {layer} does not compile")


def deploy(folder: Path, template: Path, stack_name: str, parameters: Mapping[str, str], *, endpoint_url: str) -> None:
    """Deploys a built template to the stack at ``endpoint_url``; one that has not changed is fine."""
    try:
        _run(
            folder / "sam-deploy.log",
            *("deploy", "--template-file", str(template), "--stack-name", stack_name, "--resolve-s3"),
            *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"),
            *("--no-fail-on-empty-changeset", "--parameter-overrides", *_overrides(parameters)),
            cwd=folder,
            variables={"AWS_ENDPOINT_URL": endpoint_url},
        )
    except StackError as error:
        reasons = _failures(stack_name, endpoint_url)
        raise StackError("\n".join([str(error), *reasons])) from None


def local_client(service: str, endpoint_url: str) -> Any:
    """A boto3 client of the local account, with all rights."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def _failures(stack_name: str, endpoint_url: str) -> list[str]:
    """Which resources failed and why, which is far above the end of SAM's log once it has rolled back."""
    from botocore.exceptions import BotoCoreError, ClientError

    cloudformation = local_client("cloudformation", endpoint_url)
    try:
        events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    except (BotoCoreError, ClientError):
        return []
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if event.get("ResourceStatus", "").endswith("_FAILED")
    ]


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds the file's lock, which ends with this process. Raises ``BlockingIOError`` when another process has it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    # SAM takes what follows a space for the next parameter, and a path may have one.
    return [f'{name}="{value}"' for name, value in parameters.items()]


def _run(log: Path, command: str, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> None:
    """Runs SAM; what it says goes to ``log`` and, when it fails, into the error. It never outlives this process."""
    # An environment of its own making: nothing of the host's AWS set-up may reach the local stack.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    environment |= CREDENTIALS | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": POLL_SECONDS} | dict(variables or {})
    # `sam build` wants the template's runtime on the path, which is this interpreter.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = str(ROOT)
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "local.tether", "samcli", command, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        code = process.wait()
    if code:
        tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-15:])
        raise StackError(f"sam {command} failed; see {log}\n{tail}")
