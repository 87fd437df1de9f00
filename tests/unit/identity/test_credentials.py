"""Which header holds the token or key of a request, and which requests have none that could be meant."""

from __future__ import annotations

import pytest

from promptmill.errors import Unauthenticated
from promptmill.identity.authorizer import MAX_CREDENTIAL_BYTES, credential_of

Headers = dict[str, list[str]]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Accept": ["application/json"]}, {"Cookie": ["session=abc"]}, {"Proxy-Authorization": ["Bearer abc"]}],
    ids=repr,
)
def test_a_request_without_the_header_has_no_credential(headers: Headers) -> None:
    assert credential_of(headers) is None


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_neither_the_headers_case_nor_the_schemes_matters(name: str, scheme: str) -> None:
    assert credential_of({name: [f"{scheme} a.b.c"]}) == "a.b.c"


def test_the_credentials_own_case_is_kept() -> None:
    assert credential_of({"Authorization": ["Bearer pm_live_AbC"]}) == "pm_live_AbC"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  abc",
        "Bearer abc ",
        " Bearer abc",
        "Bearer\tabc",
        "Bearer abc def",
        "Bearer abc,def",
        "Bearer abc, Bearer def",
        "Bearer abc;def",
        "Bearer a\nb",
        "Bearer a\0b",
        "Bearer é",
        "Bearer \uff11",
        "Basic dXNlcjpwYXNz",
        "Digest abc",
        "Token abc",
        "Bearerabc",
        "abc",
        "AWS4-HMAC-SHA256 Credential=AKIA/20261121/us-east-1/execute-api/aws4_request",
    ],
)
def test_any_other_form_is_refused(value: str) -> None:
    with pytest.raises(Unauthenticated):
        credential_of({"Authorization": [value]})


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ["Bearer abc", "Bearer def"]},
        {"Authorization": ["Bearer abc", "Bearer abc"]},
        {"Authorization": ["Bearer abc", ""]},
        {"Authorization": ["Bearer abc"], "authorization": ["Bearer def"]},
        {"X-Api-Key": ["pm_live_abc"]},
        {"x-api-key": [""]},
        {"Authorization": ["Bearer abc"], "X-API-KEY": ["pm_live_abc"]},
    ],
    ids=repr,
)
def test_two_credentials_and_a_key_in_another_header_are_refused(headers: Headers) -> None:
    with pytest.raises(Unauthenticated):
        credential_of(headers)


def test_a_credential_has_a_longest_length() -> None:
    longest = "a" * MAX_CREDENTIAL_BYTES
    assert credential_of({"Authorization": [f"Bearer {longest}"]}) == longest
    with pytest.raises(Unauthenticated):
        credential_of({"Authorization": [f"Bearer {longest}a"]})
