"""Public keys as services hand them out, judged: GitHub makes RSA keys and takes RS256 only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from githubtoken_operator.adapters.signers.port import PublicKey
from githubtoken_operator.domain.vocabulary.errors import SignerKeyInvalid

SMALLEST: Final = 2048
LARGEST: Final = 8192
"""Bits of an RSA key; GitHub's have 2,048."""

MUST: Final = "must be the App's RSA key as GitHub made it, imported, and sign by RSASSA-PKCS1-v1_5 with SHA-256"


def from_pem(key_id: str, text: str) -> PublicKey:
    """The key in a PEM block. `SignerKeyInvalid` says what it is instead, here and below."""
    return _read(key_id, lambda: load_pem_public_key(text.encode()))


def from_der(key_id: str, der: bytes) -> PublicKey:
    """The key in a SubjectPublicKeyInfo."""
    return _read(key_id, lambda: load_der_public_key(der))


def from_numbers(key_id: str, *, modulus: int, exponent: int) -> PublicKey:
    """The key of these numbers."""
    return _read(key_id, lambda: rsa.RSAPublicNumbers(exponent, modulus).public_key())


def judged(key_id: str, found: PublicKeyTypes) -> PublicKey:
    """The same where it is an RSA key of a size that GitHub's could have."""
    if isinstance(found, rsa.RSAPublicKey) and SMALLEST <= found.key_size <= LARGEST:
        return PublicKey(key_id, found)
    raise SignerKeyInvalid(f"the key {key_id} {MUST}, but it is {_kind(found)}")


def _read(key_id: str, load: Callable[[], PublicKeyTypes]) -> PublicKey:
    try:
        found = load()
    except (ValueError, UnsupportedAlgorithm):
        raise SignerKeyInvalid(f"the key {key_id} {MUST}, but what the service says of it is no public key") from None
    return judged(key_id, found)


def _kind(found: PublicKeyTypes) -> str:
    if isinstance(found, rsa.RSAPublicKey):
        return f"an RSA key of {found.key_size} bits"
    if isinstance(found, ec.EllipticCurvePublicKey):
        return f"an EC key on {found.curve.name}"
    return f"a key of another kind ({type(found).__name__.removesuffix('PublicKey').strip('_')})"
