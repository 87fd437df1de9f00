"""What CloudFormation makes of the template, where SAM adds what nobody wrote."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from local.rendering import render_template


@cache
def rendered() -> dict[str, Any]:
    found: dict[str, Any] = render_template()["Resources"]
    return found


def of_type(name: str) -> dict[str, dict[str, Any]]:
    return {key: resource["Properties"] for key, resource in rendered().items() if resource["Type"] == name}


def test_the_api_has_the_one_stage_that_is_throttled_and_logged() -> None:
    """SAM adds a second one, called Stage, to a deployment whose API does not say its OpenAPI version."""
    (deployment,) = of_type("AWS::ApiGateway::Deployment").values()
    (stage,) = of_type("AWS::ApiGateway::Stage").values()
    assert "StageName" not in deployment
    assert stage["AccessLogSetting"]["DestinationArn"]
    assert stage["MethodSettings"][0]["ThrottlingRateLimit"]


def answers() -> dict[str, Any]:
    (api,) = of_type("AWS::ApiGateway::RestApi").values()
    found: dict[str, Any] = api["Body"]["x-amazon-apigateway-gateway-responses"]
    return found


def test_what_the_gateway_answers_itself_is_deployed_with_the_api() -> None:
    """A response beside the body races the deployment, and the next import of the body removes it."""
    assert of_type("AWS::ApiGateway::GatewayResponse") == {}
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= set(
        answers()
    )


@pytest.mark.parametrize("kind", sorted(answers()))
def test_what_the_gateway_answers_itself_is_a_problem_document_with_its_own_status(kind: str) -> None:
    answer = answers()[kind]
    document = json.loads(answer["responseTemplates"]["application/json"])
    assert set(document) == {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"}
    assert str(document["status"]) == str(answer["statusCode"])
    # It may quote the Authorization header.
    assert "$context.error" not in document["detail"]
    assert answer["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert answer["responseParameters"]["gatewayresponse.header.x-request-id"] == "context.requestId"


def test_a_throttled_caller_is_told_the_limit_that_holds() -> None:
    (stage,) = of_type("AWS::ApiGateway::Stage").values()
    limit = stage["MethodSettings"][0]["ThrottlingRateLimit"]["Fn::If"][1]
    headers = answers()["THROTTLED"]["responseParameters"]
    assert headers["gatewayresponse.header.RateLimit-Policy"] == f"'\"gateway\";q={limit};w=1'"
    assert headers["gatewayresponse.header.RateLimit"].startswith('\'"gateway";r=0;t=')
    assert headers["gatewayresponse.header.Retry-After"]


def test_the_event_log_gets_ids_and_figures_and_not_what_callers_wrote() -> None:
    target = of_type("AWS::Events::Rule")["LogEventsRule"]["Targets"][0]
    paths = target["InputTransformer"]["InputPathsMap"]
    assert not [path for path in paths.values() if path.startswith("$.detail.data.metadata") or path == "$.detail"]
    filled = target["InputTransformer"]["InputTemplate"]
    for name in paths:
        filled = filled.replace(f"<{name}>", "x")
    line = json.loads(filled)
    assert set(line) == {"timestamp", "message"}
    assert "job=x" in line["message"]
    assert not json.dumps(target["Arn"]).endswith(':*"}')
