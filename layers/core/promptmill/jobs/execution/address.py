"""Where an execution is: its ARN, and its page in the Step Functions console. Pure."""

from __future__ import annotations

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def execution_arn(state_machine_arn: str, job_id: str) -> str:
    """The ARN of the job's execution, which is named after the job."""
    return f"{state_machine_arn.replace(':stateMachine:', ':execution:')}:{job_id}"


def console_url(execution_arn: str) -> str | None:
    """The execution's page; None in a partition whose console is not known."""
    _, partition, _, region, *_ = execution_arn.split(":")
    if partition not in _CONSOLES:
        return None
    page = f"states/home?region={region}#/v2/executions/details/{execution_arn}"
    return f"https://{region}.{_CONSOLES[partition]}/{page}"
