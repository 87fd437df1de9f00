from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from promptmill.identity.tokens import TokenVerifier
from tests.unit.identity.issuing import World


@pytest.fixture(scope="session")
def world() -> World:
    """Making an RSA key takes a while, so there is one world."""

    def rsa_key() -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def ec_key() -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    return World(rsa_key(), ec_key(), rsa_key(), ec_key(), rsa_key())


@pytest.fixture(scope="session")
def verifier(world: World) -> TokenVerifier:
    return world.verifier()
