"""What `make deploy` says before and after: the AWS CLI's and SAM's own work is not repeated here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from local import account
from local.rendering import read_template

OUTPUTS = {"TogetherSecretArn": "arn:secret", "ApiUrl": "https://api.example/dev"}


class Session:
    """An account: its Region, and what its services answer."""

    def __init__(self, region: str | None = "us-east-1", *, log_role: str | None = "arn:role", **answers: Any) -> None:
        self.region_name = region
        self._answers = {"get_caller_identity": {}, "get_account": {"cloudwatchRoleArn": log_role}, **answers}

    def client(self, service: str) -> Any:
        return SimpleNamespace(**{name: self._answering(answer) for name, answer in self._answers.items()})

    @staticmethod
    def _answering(answer: Any) -> Any:
        def call(**_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def test_the_local_stage_is_not_for_accounts(capsys: pytest.CaptureFixture[str]) -> None:
    assert account.main(["local"]) == 2
    assert "make up" in capsys.readouterr().err


def test_an_account_that_is_ready_has_no_problems() -> None:
    assert account.account_problems(Session()) == []


def test_everything_that_would_stop_a_deployment_is_said_at_once() -> None:
    region, credentials = account.account_problems(Session("eu-west-1", get_caller_identity=NoCredentialsError()))
    assert "eu-west-1" in region
    assert "credentials" in credentials


def test_a_missing_region_is_said_before_any_call() -> None:
    (problem,) = account.account_problems(Session(None, get_caller_identity=AssertionError()))
    assert "Region" in problem


def test_an_account_without_a_log_role_is_told_so_before_the_deployment_stops_at_it() -> None:
    (problem,) = account.account_problems(Session(log_role=None))
    assert "docs/operations.md" in problem


@pytest.mark.parametrize(("versions", "asks"), [({}, True), ({"v1": ["AWSCURRENT"]}, False)])
def test_the_together_key_is_asked_for_until_it_is_set(versions: dict[str, list[str]], *, asks: bool) -> None:
    steps = account.next_steps(Session(describe_secret={"VersionIdsToStages": versions}), OUTPUTS)
    assert any("put-secret-value --secret-id arn:secret" in step for step in steps) is asks


def test_the_next_steps_name_model_access_and_a_request_that_shows_it_works() -> None:
    steps = "\n".join(account.next_steps(Session(describe_secret={}), OUTPUTS))
    assert "Model catalog" in steps
    assert "https://api.example/dev/v1/health" in steps


@pytest.mark.parametrize("stage", account.STAGES)
def test_every_stage_is_in_samconfig_and_in_the_template(stage: str) -> None:
    assert account.stack_name(stage) == f"promptmill-{stage}"
    assert stage in read_template()["Parameters"]["Stage"]["AllowedValues"]


def test_an_interpreter_on_the_path_that_does_not_run_is_not_one(tmp_path: Path) -> None:
    """Version managers put a shim on the PATH for versions that are not installed."""
    shim = tmp_path / "python9.9"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert account.find_interpreter("python9.9", which=lambda _: str(shim)) is None
