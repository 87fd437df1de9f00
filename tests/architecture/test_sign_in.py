"""The user pool of the template, held against the code that relies on it."""

from __future__ import annotations

from typing import Any

import pytest

from local.rendering import read_template
from local.sign_in import GROUPS, SCOPES
from promptmill.gateway import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS
from promptmill.identity.issuers import user_pool_issuer

# https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html
COGNITO_WAITS_SECONDS = 5


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


@pytest.fixture(scope="module")
def client(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["UserPoolClient"]["Properties"]
    return properties


def test_nobody_hands_the_client_a_password(client: dict[str, Any]) -> None:
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    assert client["AllowedOAuthFlows"] == ["code"]


def test_the_client_is_a_page_and_comes_back_to_where_pages_are(client: dict[str, Any]) -> None:
    assert client["GenerateSecret"] is False
    assert client["CallbackURLs"] == {"Fn::Split": [",", {"Ref": "CorsOrigins"}]}


def test_the_laptop_asks_for_every_scope_that_an_application_may_ask_for(client: dict[str, Any]) -> None:
    assert set(SCOPES.split()) == set(client["AllowedOAuthScopes"])


def test_the_groups_of_the_pool_are_those_that_give_a_role_unless_told_otherwise(template: dict[str, Any]) -> None:
    groups = {
        resource["Properties"]["GroupName"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Cognito::UserPoolGroup"
    }
    defaults = {role: template["Parameters"][f"{role.title()}Groups"]["Default"] for role in GROUPS}
    assert defaults == GROUPS
    assert groups == set(GROUPS.values())


def test_the_trigger_names_the_issuer_as_the_authorizer_does(template: dict[str, Any]) -> None:
    variables = template["Resources"]["AuthorizeCallerFunction"]["Properties"]["Environment"]["Variables"]
    text = variables["PROMPTMILL_USER_POOL_ISSUER"]["Fn::Sub"]
    for name, value in (("AWS::Region", "r"), ("AWS::URLSuffix", "amazonaws.com"), ("UserPool", "r_1")):
        text = text.replace(f"${{{name}}}", value)
    assert text == user_pool_issuer("r", "r_1")


def test_the_trigger_gives_up_on_the_store_before_cognito_gives_up_on_the_trigger(template: dict[str, Any]) -> None:
    trigger = template["Resources"]["RecordSignInFunction"]["Properties"]
    assert CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS < trigger["Timeout"] <= COGNITO_WAITS_SECONDS
