"""Brings the local stack up and down: supervisor, ``sam build``, ``sam deploy``, and what only a laptop needs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
REGION = "us-east-1"
STACK_NAME = "promptmill-local"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
STOP_SECONDS = 45


@dataclass(frozen=True)
class Stack:
    """Where everything of a running local stack is; ``stack.json`` has the same fields. ``pid`` is the supervisor's."""

    api_url: str
    endpoint_url: str
    region: str
    providers_url: str
    state_machine_arn: str
    jobs_table: str
    control_table: str
    artifacts_bucket: str
    bus_name: str
    events_queue_url: str
    parked_events_queue_url: str
    function_log_group: str
    pid: int
    real_text_model: bool
    real_image_model: bool

    def client(self, service: str) -> Any:
        """A boto3 client of the stack's account, with all rights."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )


class StackError(Exception):
    """The local stack could not be brought up; the message says what to look at."""


def up(folder: Path, *, fresh: bool = False, parameters: Mapping[str, str] | None = None) -> Stack:
    """Starts a stack that stays until ``down``. State in ``folder`` is taken up again unless ``fresh``."""
    running = read_stack(folder)
    if running and is_alive(running.pid):
        if not fresh:
            return _deploy(folder, running.endpoint_url, running.providers_url, running.pid, parameters or {})
        down(folder)
    if fresh:
        shutil.rmtree(folder / "state", ignore_errors=True)
    port = int(running.endpoint_url.rpartition(":")[2]) if running else 0
    log = (folder / "supervisor.log") if folder.exists() else _made(folder) / "supervisor.log"
    supervisor = _supervise(folder, port=port, stdin=subprocess.DEVNULL, stderr=log, options=[])
    try:
        urls = _read_urls(supervisor, log)
        return _deploy(folder, urls["endpoint_url"], urls["providers_url"], supervisor.pid, parameters or {})
    except BaseException:
        _end(supervisor.pid)
        raise


def down(folder: Path) -> bool:
    """Stops the stack; returns whether there was one. Returns only once it has ended and its state is saved."""
    stack = read_stack(folder)
    if stack is None or not is_alive(stack.pid):
        return False
    _end(stack.pid)
    return True


@contextlib.contextmanager
def running(folder: Path, *, wait_scale: str = "1", parameters: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """An empty stack for the length of a ``with``; it ends with this process, however that ends."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    log = _made(folder) / "supervisor.log"
    supervisor = _supervise(
        folder, port=0, stdin=subprocess.PIPE, stderr=log, options=["--until-eof", "--wait-scale", wait_scale]
    )
    try:
        urls = _read_urls(supervisor, log)
        yield _deploy(folder, urls["endpoint_url"], urls["providers_url"], supervisor.pid, parameters or {})
    finally:
        supervisor.terminate()
        supervisor.wait()
        shutil.rmtree(folder / "state", ignore_errors=True)


def read_stack(folder: Path) -> Stack | None:
    """What ``stack.json`` says, or None without one."""
    with contextlib.suppress(FileNotFoundError):
        return Stack(**json.loads((folder / "stack.json").read_text()))
    return None


def is_alive(pid: int) -> bool:
    """Whether the process is a supervisor of ours; a pid may have been taken by another process since."""
    with contextlib.suppress(OSError):
        return b"local.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    result = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "local.supervisor" in result.stdout


def _supervise(folder: Path, *, port: int, stdin: int, stderr: Path, options: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.supervisor", str(folder), "--port", str(port), *options],
        cwd=ROOT,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr.open("w"),
        text=True,
        start_new_session=True,
    )


def _read_urls(supervisor: subprocess.Popen[str], log: Path) -> dict[str, str]:
    line = supervisor.stdout.readline() if supervisor.stdout else ""
    if not line:
        raise StackError(
            f"the local stack did not start: {log.read_text().strip().splitlines()[-1:]}; see {log.parent}"
        )
    urls: dict[str, str] = json.loads(line)
    return urls


def _deploy(folder: Path, endpoint_url: str, providers_url: str, pid: int, parameters: Mapping[str, str]) -> Stack:
    """Builds and deploys the template, grants what only MiniStack asks for, and writes ``stack.json``."""
    real_images = bool(os.environ.get("TOGETHER_API_KEY"))
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    values = {
        "Stage": "local",
        "PythonRuntime": runtime,
        "Architecture": "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64",
        "BedrockUrl": providers_url,
        **({} if real_images else {"TogetherUrl": f"{providers_url}/v1"}),
        **parameters,
    }
    overrides = [f"{name}={value}" for name, value in values.items()]
    build = folder / "build"
    _sam(
        folder,
        "build",
        "--build-dir",
        str(build),
        "--cached",
        "--cache-dir",
        str(folder / "cache"),
        "--parameter-overrides",
        *overrides,
    )
    _sam(
        folder,
        "deploy",
        "--template-file",
        str(build / "template.yaml"),
        "--stack-name",
        STACK_NAME,
        "--resolve-s3",
        "--capabilities",
        "CAPABILITY_IAM",
        "--no-confirm-changeset",
        "--no-progressbar",
        "--no-fail-on-empty-changeset",
        "--parameter-overrides",
        *overrides,
        endpoint_url=endpoint_url,
    )
    outputs = _outputs(endpoint_url)
    stack = Stack(
        api_url=f"{endpoint_url}/_aws/execute-api/{outputs['ApiId']}/local",
        endpoint_url=endpoint_url,
        region=REGION,
        providers_url=providers_url,
        state_machine_arn=outputs["StateMachineArn"],
        jobs_table=outputs["JobsTableName"],
        control_table=outputs["ControlTableName"],
        artifacts_bucket=outputs["ArtifactsBucketName"],
        bus_name=outputs["EventBusName"],
        events_queue_url=outputs["EventsQueueUrl"],
        parked_events_queue_url=outputs["ParkedEventsQueueUrl"],
        function_log_group=outputs["FunctionLogGroupName"],
        pid=pid,
        real_text_model=bool(os.environ.get("PROMPTMILL_LLM_URL")),
        real_image_model=real_images,
    )
    _finish(stack, outputs)
    (folder / "stack.json").write_text(json.dumps(asdict(stack), indent=2) + "\n")
    (folder / "env").write_text(shell_environment(stack))
    return stack


def shell_environment(stack: Stack) -> str:
    """Lines for a shell to source, after which curl and the AWS CLI find this stack."""
    variables = {
        "API": stack.api_url,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "STATE_MACHINE_ARN": stack.state_machine_arn,
        "EVENTS_QUEUE_URL": stack.events_queue_url,
        **CREDENTIALS,
    }
    return "".join(f"export {name}='{value}'\n" for name, value in variables.items())


def _finish(stack: Stack, outputs: Mapping[str, str]) -> None:
    """What the template cannot say for MiniStack, each for the reason beside it."""
    # MiniStack's gateway does not tell a function the address it was called at, which is known only now.
    functions = stack.client("lambda")
    for name in (outputs["SubmitJobFunctionName"], outputs["ReadJobsFunctionName"]):
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["PROMPTMILL_PUBLIC_URL"] = stack.api_url
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    # MiniStack asks for bedrock:ConverseStream where AWS asks for bedrock:InvokeModelWithResponseStream.
    stack.client("iam").put_role_policy(
        RoleName=outputs["InvokeBedrockRoleName"],
        PolicyName="ministack-converse",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "bedrock:ConverseStream",
                        "Resource": "arn:aws:bedrock:*::foundation-model/*",
                    }
                ],
            }
        ),
    )
    # The key is set after a deployment here as on AWS; the stand-in takes any.
    stack.client("secretsmanager").put_secret_value(
        SecretId=outputs["TogetherSecretArn"], SecretString=os.environ.get("TOGETHER_API_KEY") or "stand-in"
    )
    # MiniStack's CloudFormation has no AWS::Events::Archive, its EventBridge has.
    events = stack.client("events")
    with contextlib.suppress(events.exceptions.ResourceAlreadyExistsException):
        events.create_archive(ArchiveName=stack.bus_name, EventSourceArn=outputs["EventBusArn"])


def _outputs(endpoint_url: str) -> dict[str, str]:
    client = boto3.client(
        "cloudformation",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    stack = client.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _sam(folder: Path, command: str, *arguments: str, endpoint_url: str | None = None) -> None:
    """Runs SAM; what it says goes to ``sam-<command>.log`` and, when it fails, into the error."""
    log = folder / f"sam-{command}.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= CREDENTIALS | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": "1"}
    if endpoint_url:
        environment["AWS_ENDPOINT_URL"] = endpoint_url
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with log.open("w") as output:
        result = subprocess.run(
            [Path(sys.executable).parent / "sam", command, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        tail = "\n".join(log.read_text().strip().splitlines()[-15:])
        raise StackError(f"sam {command} failed; see {log}\n{tail}")


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    if is_alive(pid):
        raise StackError(f"process {pid} did not end within {STOP_SECONDS} seconds")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
