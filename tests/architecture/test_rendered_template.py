"""What CloudFormation makes of the template, where SAM adds what nobody wrote."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from local.rendering import render_template
from promptmill.errors import Forbidden, PromptmillError, Unauthenticated
from promptmill.http.problem import RETRY_AFTER_SECONDS, problem_of
from promptmill.http.resolver import EXPOSED_HEADERS
from promptmill.identity.access import Gate
from promptmill.identity.authorizer import KEEP_MS


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
    own = {"DEFAULT_4XX", "DEFAULT_5XX", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "UNAUTHORIZED", "THROTTLED"}
    assert own <= set(answers())


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


@pytest.mark.parametrize("kind", sorted(answers()))
def test_the_first_origin_may_read_what_the_gateway_answers_itself(kind: str) -> None:
    headers = answers()[kind]["responseParameters"]
    first = {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "CorsOrigins"}]}]}
    allowed = headers["gatewayresponse.header.Access-Control-Allow-Origin"]
    assert allowed == {"Fn::Sub": ["'${First}'", {"First": first}]}
    assert headers["gatewayresponse.header.Access-Control-Expose-Headers"] == f"'{','.join(EXPOSED_HEADERS)}'"
    assert headers["gatewayresponse.header.Vary"] == "'Origin'"


@pytest.mark.parametrize(("kind", "error"), [("UNAUTHORIZED", Unauthenticated()), ("ACCESS_DENIED", Forbidden())])
def test_a_refusal_of_the_gateway_is_the_functions_to_the_letter(kind: str, error: PromptmillError) -> None:
    """Nobody learns from the form of an answer how far a request came."""
    answer = answers()[kind]
    status, document, headers = problem_of(error, instance="$context.path", request_id="$context.requestId")
    assert (answer["statusCode"], json.loads(answer["responseTemplates"]["application/json"])) == (
        str(status),
        document,
    )
    for name, value in headers.items():
        assert answer["responseParameters"][f"gatewayresponse.header.{name}"] == f"'{value}'"


def test_the_authorizer_remembers_a_caller_as_long_as_the_gateway_does() -> None:
    (api,) = of_type("AWS::ApiGateway::RestApi").values()
    authorizers = {
        name: scheme["x-amazon-apigateway-authorizer"]
        for name, scheme in api["Body"]["components"]["securitySchemes"].items()
    }
    kept_seconds = {name: described["authorizerResultTtlInSeconds"] for name, described in authorizers.items()}
    assert kept_seconds == {Gate.SIGNED_IN: KEEP_MS // 1000, Gate.ANYONE: 0}


def test_who_could_not_be_checked_may_try_again() -> None:
    """Rather than be told to sign in, which would end a session over an outage."""
    answer = answers()["AUTHORIZER_FAILURE"]
    document = json.loads(answer["responseTemplates"]["application/json"])
    assert (document["status"], document["retryable"]) == (503, True)
    assert answer["responseParameters"]["gatewayresponse.header.Retry-After"] == f"'{RETRY_AFTER_SECONDS}'"


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
