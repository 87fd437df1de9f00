"""What a deployment on MiniStack needs on top of the template, because MiniStack differs from AWS there."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from local.rendering import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.stack import Stack


def mend_differences(stack: Stack, outputs: Mapping[str, str]) -> None:
    """Does after a deployment what the template cannot say for MiniStack, each for the reason beside it."""
    # MiniStack's gateway does not tell a function the address it was called at, which is known only now.
    functions = stack.client("lambda")
    for name in (
        outputs[f"{function}FunctionName"] for function in ("SubmitJob", "ReadJobs", "CancelJob", "AdministerAccess")
    ):
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["PROMPTMILL_PUBLIC_URL"] = stack.api_url
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    # MiniStack's Cognito signs for its issuer in AWS, and has the keys at its own address.
    name = outputs["AuthorizeCallerFunctionName"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    pool = outputs["UserPoolId"]
    variables["PROMPTMILL_USER_POOL_JWKS_URL"] = f"{stack.endpoint_url}/{pool}/.well-known/jwks.json"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    submit_job = functions.get_function_configuration(FunctionName=outputs["SubmitJobFunctionName"])
    origins = submit_job["Environment"]["Variables"]["PROMPTMILL_CORS_ORIGINS"]
    _put_gateway_responses(stack, outputs["ApiId"], first_origin=origins.split(",")[0])
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
        events.create_archive(ArchiveName=outputs["EventArchiveName"], EventSourceArn=outputs["EventBusArn"])


def _put_gateway_responses(stack: Stack, api_id: str, *, first_origin: str) -> None:
    """Gives MiniStack's gateway the template's own answers, which its import of an API leaves out.

    Their headers are literals but for one expression, which is the first of the allowed origins.
    """
    gateway = stack.client("apigateway")
    responses = read_template()["Resources"]["Api"]["Properties"]["GatewayResponses"]
    for name, response in responses.items():
        headers = response["ResponseParameters"]["Headers"]
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=name,
            statusCode=str(response["StatusCode"]),
            responseParameters={
                f"gatewayresponse.header.{header}": value if isinstance(value, str) else f"'{first_origin}'"
                for header, value in headers.items()
            },
            # Its templates do not know the path.
            responseTemplates={
                kind: text.replace("$context.path", "$context.resourcePath")
                for kind, text in response["ResponseTemplates"].items()
            },
        )
    gateway.create_deployment(restApiId=api_id, stageName="local")
