"""What holds for every text that could be sent as a token."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptmill.errors import Unauthenticated
from promptmill.identity.tokens import TokenVerifier
from tests.unit.identity.issuing import CLERK, CLERK_CLAIMS, NOW, World, b64, compact, rs256

ANY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def is_refused(verifier: TokenVerifier, token: str) -> bool:
    """Any other error fails the test."""
    try:
        verifier.verify(token, at_seconds=NOW)
    except Unauthenticated:
        return True
    return False


@pytest.fixture(scope="module", params=["RSA", "EC"])
def good(request: pytest.FixtureRequest, world: World) -> str:
    return world.clerk() if request.param == "RSA" else world.clerk_es()


@ANY
@given(data=st.data())
def test_a_good_token_with_another_character_is_refused(
    data: st.DataObject, good: str, verifier: TokenVerifier
) -> None:
    at = data.draw(st.integers(0, len(good) - 1), label="at")
    other = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda found: found != good[at]), label="character")
    assert not is_refused(verifier, good)
    assert is_refused(verifier, good[:at] + other + good[at + 1 :])


def test_a_good_token_with_any_one_bit_turned_is_refused(good: str, verifier: TokenVerifier) -> None:
    parts = [base64.urlsafe_b64decode(part + "==") for part in good.split(".")]
    for number, part in enumerate(parts):
        for at in range(0, len(part) * 8, 7):
            turned = bytearray(part)
            turned[at // 8] ^= 1 << at % 8
            token = ".".join(b64(bytes(turned) if own == number else other) for own, other in enumerate(parts))
            assert is_refused(verifier, token)


@ANY
@given(text=st.text() | st.from_regex(r"[A-Za-z0-9_\-=.]{0,200}", fullmatch=True))
def test_any_text_is_refused_and_breaks_nothing(text: str, verifier: TokenVerifier) -> None:
    assert is_refused(verifier, text)


@ANY
@given(name=st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jwk", "cty"]), value=JSON)
def test_whatever_a_header_says_breaks_nothing(name: str, value: object, world: World, verifier: TokenVerifier) -> None:
    """A signature does not matter here: what is asserted is that nothing but a refusal comes of it."""
    header = json.dumps({"alg": "RS256", "kid": "clerk-rsa", name: value}).encode()
    assert is_refused(verifier, compact(header, CLERK_CLAIMS, lambda _: bytes(256)))


@ANY
@given(name=st.sampled_from(["iss", "sub", "azp", "sid", "exp", "nbf", "iat", "roles", "email"]), value=JSON)
def test_whatever_an_issuer_signs_breaks_nothing(
    name: str, value: object, world: World, verifier: TokenVerifier
) -> None:
    claims = {**CLERK_CLAIMS, "email_verified": True, name: value}
    token = compact({"alg": "RS256", "kid": "clerk-rsa"}, claims, rs256(world.clerk_rsa))
    if not is_refused(verifier, token):
        identity = verifier.verify(token, at_seconds=NOW)
        # What is kept can be written.
        assert identity.issuer == CLERK.url
        assert f"{identity.user_id} {identity.subject} {identity.email}".encode()
        assert identity.expires_at > NOW - 31
