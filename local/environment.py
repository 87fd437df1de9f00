"""What a shell needs to find a local stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.sam import CREDENTIALS

if TYPE_CHECKING:
    from local.stack import Stack


def shell_environment(stack: Stack) -> str:
    """Lines for a shell to source, after which curl and the AWS CLI find this stack."""
    variables = {
        "API": stack.api_url,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "STATE_MACHINE_ARN": stack.state_machine_arn,
        "CONTROL_TABLE_NAME": stack.control_table,
        "USER_POOL_ID": stack.user_pool_id,
        "DELETION_WORKFLOW_ARN": stack.deletion_workflow_arn,
        "EVENT_BUS_ARN": stack.bus_arn,
        "EVENTS_QUEUE_URL": stack.events_queue_url,
        "FUNCTION_LOG_GROUP_NAME": stack.function_log_group,
        "PROVIDERS_URL": stack.providers_url,
        "PROMPTMILL_STACK": stack.folder,
        **CREDENTIALS,
    }
    exports = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
    return f"unset AWS_PROFILE AWS_SESSION_TOKEN\n{exports}"
