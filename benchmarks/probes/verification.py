"""Run by benchmarks.verification with the interpreter and the layer a Lambda has.

``sys.argv[1]`` is how many tokens to verify. Prints JSON: by algorithm, the CPU milliseconds of each.
"""

import json
import sys
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from promptmill.identity.issuers import Issuer, IssuerKind
from promptmill.identity.key_set import KeySet
from promptmill.identity.tokens import TokenVerifier

WARM_UP = 50
CLERK = Issuer(IssuerKind.CLERK, "https://clerk.example.com", frozenset({"https://app.example.com"}), "roles")

rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ec_key = ec.generate_private_key(ec.SECP256R1())
keys: dict[str, tuple[Any, str]] = {
    "RS256": (rsa_key, RSAAlgorithm.to_jwk(rsa_key.public_key())),
    "ES256": (ec_key, ECAlgorithm.to_jwk(ec_key.public_key())),
}
document = json.dumps({"keys": [{**json.loads(public), "kid": name} for name, (_, public) in keys.items()]}).encode()
verifier = TokenVerifier({CLERK.url: CLERK}, {CLERK.url: KeySet(CLERK.keys_url, lambda _: document)}, {})
now = int(time.time())
claims = {
    "iss": CLERK.url,
    "sub": "user_2abcdefghijklmnopqrstuvwxyz",
    "azp": "https://app.example.com",
    "sid": "sess_2abcdefghijklmnopqrstuvwxyz",
    "iat": now,
    "nbf": now,
    "exp": now + 600,
}


def cpu_ms(token: str) -> float:
    began = time.process_time_ns()
    verifier.verify(token, at_seconds=now)
    return (time.process_time_ns() - began) / 1e6


samples: dict[str, list[float]] = {}
for name, (key, _) in keys.items():
    token = jwt.encode(claims, key, algorithm=name, headers={"kid": name})
    samples[name] = [cpu_ms(token) for _ in range(WARM_UP + int(sys.argv[1]))][WARM_UP:]
print(json.dumps(samples))
