"""Which keys of an issuer's document are used."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from promptmill.errors import IssuerUnavailable
from promptmill.identity.key_set import read_keys
from tests.unit.identity.issuing import ABSENT, World, key_document, public_jwk


@cache
def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2040)


Make = Callable[[World], dict[str, Any]]


def rsa_jwk(**members: Any) -> Make:
    return lambda world: public_jwk(world.clerk_rsa, **{"kid": "k", **members})


def ec_jwk(**members: Any) -> Make:
    return lambda world: public_jwk(world.clerk_ec, **{"kid": "k", **members})


def other_curve(_: World) -> dict[str, Any]:
    return public_jwk(ec.generate_private_key(ec.SECP384R1()), kid="k")


USED = {
    "RSA": (rsa_jwk(), "RS256"),
    "RSA, with its algorithm": (rsa_jwk(alg="RS256"), "RS256"),
    "RSA, without a use": (rsa_jwk(use=ABSENT, key_ops=ABSENT), "RS256"),
    "RSA, with a certificate": (rsa_jwk(x5c=["MIIC"], x5t="abc"), "RS256"),
    "EC": (ec_jwk(), "ES256"),
    "EC, with its algorithm": (ec_jwk(alg="ES256"), "ES256"),
}
IGNORED: dict[str, Make] = {
    "RSA below 2048 bits": lambda _: public_jwk(weak_key(), kid="k"),
    "RSA, private": lambda world: {
        **json.loads(RSAAlgorithm.to_jwk(world.clerk_rsa)),
        "kid": "k",
        "key_ops": ["verify"],
    },
    "EC, private": lambda world: {**json.loads(ECAlgorithm.to_jwk(world.clerk_ec)), "kid": "k"},
    "for encryption": rsa_jwk(use="enc"),
    "for wrapping keys": rsa_jwk(use=ABSENT, key_ops=["wrapKey"]),
    "operations in no list": rsa_jwk(key_ops=1),
    "RSA for RS512": rsa_jwk(alg="RS512"),
    "RSA for encryption": rsa_jwk(alg="RSA-OAEP"),
    "RSA for EC": rsa_jwk(alg="ES256"),
    "EC for RSA": ec_jwk(alg="RS256"),
    "EC on another curve": other_curve,
    "EC on a list": ec_jwk(crv=["P-256"]),
    "EC beside the curve": ec_jwk(x="A" * 43),
    "secret": lambda _: {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"},
    "secret for RSA": lambda _: {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "RS256"},
    "Ed25519": lambda _: {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": "k"},
    "without a type": rsa_jwk(kty=ABSENT),
    "of a list of types": rsa_jwk(kty=["RSA"]),
    "without an id": rsa_jwk(kid=ABSENT),
    "with a number for an id": rsa_jwk(kid=1),
    "without a modulus": rsa_jwk(n=ABSENT),
    "with a number for a modulus": rsa_jwk(n=12345),
    "with an empty modulus": rsa_jwk(n=""),
    "with an exponent of one": rsa_jwk(e="AQ"),
}


@pytest.mark.parametrize(("make", "algorithm"), USED.values(), ids=USED)
def test_a_public_key_for_signatures_is_used(make: Make, algorithm: str, world: World) -> None:
    assert list(read_keys(key_document(make(world)))) == [("k", algorithm)]


@pytest.mark.parametrize("make", IGNORED.values(), ids=IGNORED)
def test_any_other_key_is_ignored_and_its_neighbour_used(make: Make, world: World) -> None:
    document = key_document(make(world), public_jwk(world.oidc_ec, kid="neighbour"))
    assert list(read_keys(document)) == [("neighbour", "ES256")]


def test_an_id_that_two_keys_have_is_nobodys(world: World) -> None:
    twins = [public_jwk(world.clerk_rsa, kid="k"), public_jwk(world.clerk_ec, kid="k")]
    assert read_keys(key_document(*twins)) == {}
    # Nor does it help that one of the two is for something else.
    assert read_keys(key_document(twins[0], {**twins[0], "use": "enc"})) == {}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html></html>",
        b'{"keys":null}',
        b'{"keys":1}',
        b'{"keys":[1]}',
        b'{"keys":["k"]}',
        b'{"keys":{"kid":"k"}}',
        b'{"keys":[]',
        b"\xff\xfe",
        b'{"keys":' * 2000,
        b'{"keys":' + b"[" * 100_000,
    ],
    ids=lambda document: document[:20].decode(errors="replace"),
)
def test_what_is_no_key_set_is_no_answer(document: bytes) -> None:
    with pytest.raises(IssuerUnavailable):
        read_keys(document)


MEMBERS = st.sampled_from(["kty", "crv", "use", "alg", "key_ops", "kid", "n", "e", "x", "y", "d", "oth"])
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=50) | st.lists(st.text(max_size=5), max_size=2)


@hypothesis_settings(deadline=None)
@given(kind=st.sampled_from([rsa_jwk(), ec_jwk()]), changes=st.dictionaries(MEMBERS, VALUES, max_size=3))
def test_whatever_a_key_says_it_breaks_nothing(kind: Make, changes: dict[str, Any], world: World) -> None:
    document = key_document({**kind(world), **changes}, public_jwk(world.oidc_ec, kid="a neighbour of it"))
    assert ("a neighbour of it", "ES256") in read_keys(document)
