"""``python -m local.account STAGE``: builds and deploys to the AWS account of your credentials. `make deploy` runs it.

What would stop the deployment half-way is looked for first and said all at once. The stages are in samconfig.toml.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.rendering import ROOT, read_template

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("dev", "staging", "prod")
BIN = Path(sys.executable).parent
INTERPRETERS = ROOT / ".local" / "account" / "bin"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.account", description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=[*STAGES, "local"], help="a stage of samconfig.toml")
    stage = parser.parse_args(arguments).stage
    if stage == "local":
        print("error: the local stage is for this machine; `make up` brings it up", file=sys.stderr)
        return 2
    if os.environ.get("AWS_ENDPOINT_URL"):
        print("error: this shell is set to the local stack (AWS_ENDPOINT_URL); open a new one", file=sys.stderr)
        return 2
    # The CLI reads both names, boto3 only the second.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    interpreter = find_interpreter(runtime())
    problems = [*account_problems(session), *([] if interpreter else [missing_interpreter(runtime())])]
    if problems or interpreter is None:
        print("Not deployed:", *(f"- {problem}" for problem in problems), sep="\n", file=sys.stderr)
        return 1
    environment = dict(os.environ) | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": session.region_name}
    environment["PATH"] = os.pathsep.join([str(BIN), str(Path(interpreter).parent), environment["PATH"]])
    layer = ROOT / ".aws-sam" / "build" / "CoreLayer" / "python"
    commands: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "local.access_check"],
        [BIN / "sam", "build"],
        # Compiled here for the reason local.sam.add_bytecode gives.
        [interpreter, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", layer],
        [BIN / "sam", "deploy", "--config-env", stage],
    )
    for command in commands:
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if code:
            return code
    outputs = read_outputs(session, stack_name(stage))
    print("\nDeployed.", *(f"  {name:<24} {value}" for name, value in sorted(outputs.items())), sep="\n")
    print("\nNext:", *(f"- {step}" for step in next_steps(session, outputs)), sep="\n")
    return 0


def runtime() -> str:
    """The functions' runtime in an account, which is also the name of the interpreter that builds the layer."""
    return str(read_template()["Parameters"]["PythonRuntime"]["Default"])


def stack_name(stage: str) -> str:
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return str(stages[stage]["deploy"]["parameters"]["stack_name"])


def find_interpreter(name: str, *, which: Callable[[str], str | None] = shutil.which) -> str | None:
    """The path of ``python3.13``: one on the PATH, else one that uv knows, made reachable under that name."""
    found = which(name)
    # A version manager's shim is on the PATH for versions that are not there.
    if found and subprocess.run([found, "-c", "import pip"], capture_output=True, check=False).returncode == 0:
        return found
    version = name.removeprefix("python")
    asked = subprocess.run([BIN / "uv", "python", "find", version], capture_output=True, text=True, check=False)
    if asked.returncode:
        return None
    INTERPRETERS.mkdir(parents=True, exist_ok=True)
    link = INTERPRETERS / name
    link.unlink(missing_ok=True)
    link.symlink_to(asked.stdout.strip())
    return str(link)


def missing_interpreter(name: str) -> str:
    version = name.removeprefix("python")
    return f"SAM builds the layer with {name}, which is not here: `.venv/bin/uv python install {version}` brings it"


def account_problems(session: Any) -> list[str]:
    """What of the credentials, the Region and the account would stop a deployment; empty when nothing does."""
    if session.region_name is None:
        return ["no Region is configured: set AWS_REGION or a profile's region"]
    problems = []
    if not session.region_name.startswith("us-"):
        problems.append(f"the catalog's inference profiles route within the US; {session.region_name} has none of them")
    try:
        session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return [*problems, f"no usable AWS credentials: {error}"]
    try:
        if not session.client("apigateway").get_account().get("cloudwatchRoleArn"):
            problems.append(
                "API Gateway has no role to write access logs with, once per account and Region; see docs/operations.md"
            )
    except ClientError:
        print("note: not allowed to see whether API Gateway has its log role; see docs/operations.md")
    return problems


def read_outputs(session: Any, stack: str) -> dict[str, str]:
    described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def next_steps(session: Any, outputs: dict[str, str]) -> list[str]:
    """What only a person can do, as commands where there is one."""
    steps = []
    secret = outputs["TogetherSecretArn"]
    if not session.client("secretsmanager").describe_secret(SecretId=secret).get("VersionIdsToStages"):
        steps.append(
            "set the Together key; until then image jobs fail with provider_access_denied:\n"
            f'  aws secretsmanager put-secret-value --secret-id {secret} --secret-string "$TOGETHER_API_KEY"'
        )
    steps.append(
        "Anthropic models want their use case once per account: Bedrock console, Model catalog; until then the next "
        "model answers"
    )
    steps.append(f"see that it answers: curl -sS {outputs['ApiUrl']}/v1/health")
    return steps


if __name__ == "__main__":
    sys.exit(main())
