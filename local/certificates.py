"""An authority and a server certificate of this machine, so that webhooks can be sent to it over TLS."""

from __future__ import annotations

import datetime as dt
import ssl
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY_FILE = "webhook-authority.pem"
SERVER_FILE = "webhook-receiver.pem"
VALID_DAYS = 3650


def keep_certificates(folder: Path, *names: str) -> Path:
    """The file with the authority's certificate, for who connects; the server's is beside it.

    They are made where they are not there yet, the server's for localhost, 127.0.0.1 and ``names``. The authority's key
    is kept nowhere, so it signs nothing else.
    """
    authority_file, server_file = folder / AUTHORITY_FILE, folder / SERVER_FILE
    if authority_file.exists() and server_file.exists():
        return authority_file
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    # With every extension that strict verification, the default since Python 3.13, looks for.
    authority = (
        _certificate("Promptmill on this machine", authority_key, "Promptmill on this machine", authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    hosts = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1")), *map(x509.DNSName, names)]
    server = (
        _certificate("localhost", server_key, "Promptmill on this machine", authority_key)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server_file.touch(mode=0o600)
    server_file.write_bytes(
        server.public_bytes(serialization.Encoding.PEM)
        + server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return authority_file


def server_context(folder: Path, *names: str) -> ssl.SSLContext:
    """The context of a server with the folder's certificate (``keep_certificates``)."""
    keep_certificates(folder, *names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / SERVER_FILE)
    return context


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
