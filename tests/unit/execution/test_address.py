from __future__ import annotations

import pytest

from promptmill.jobs.execution.address import console_url, execution_arn

JOB_ID = "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD"


def test_an_execution_is_named_after_its_job() -> None:
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:GenerationWorkflow-abc"
    expected = f"arn:aws:states:eu-west-1:123456789012:execution:GenerationWorkflow-abc:{JOB_ID}"
    assert execution_arn(machine, JOB_ID) == expected


@pytest.mark.parametrize(
    ("partition", "region", "console"),
    [
        ("aws", "us-east-1", "us-east-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_its_page_is_in_the_console_of_its_partition_and_region(partition: str, region: str, console: str) -> None:
    arn = f"arn:{partition}:states:{region}:123456789012:execution:generation:{JOB_ID}"
    assert console_url(arn) == f"https://{console}/states/home?region={region}#/v2/executions/details/{arn}"


def test_a_partition_whose_console_is_not_known_has_no_page() -> None:
    assert console_url(f"arn:aws-iso:states:us-iso-east-1:1:execution:generation:{JOB_ID}") is None
