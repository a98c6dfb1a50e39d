"""An App's key, another of the same kind, one that cannot serve, and what is signed."""

from __future__ import annotations

import base64
import json
import traceback
from functools import cache
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

CLAIMS: Final = {"iat": 1_700_000_000, "exp": 1_700_000_540, "iss": "Iv23liabc"}


@cache
def rsa_key(_which: str = "") -> rsa.RSAPrivateKey:
    """An App's key as GitHub makes it. Each name is a key of its own."""
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pkcs1(key: rsa.RSAPrivateKey) -> str:
    """As GitHub hands it out."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sec1(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def told(error: BaseException) -> str:
    """All that a log would tell of an error, its traceback included."""
    return "".join(traceback.format_exception(error))


def text() -> bytes:
    """What an App's web token signs."""
    parts = ({"alg": "RS256", "typ": "JWT"}, CLAIMS)
    return b".".join(base64url(json.dumps(part, separators=(",", ":")).encode()).encode() for part in parts)


def by_pyjwt(key: rsa.RSAPrivateKey) -> bytes:
    """The signature that PyJWT makes over the same text."""
    token = jwt.encode(CLAIMS, key, algorithm="RS256")
    head, _, signature = token.rpartition(".")
    assert head.encode() == text()
    return base64.urlsafe_b64decode(signature + "==")


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def of_base64url(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
