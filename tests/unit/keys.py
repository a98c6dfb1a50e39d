"""A private key, made once per process since that takes a moment."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def pem(_which: str = "") -> str:
    """An App's private key as GitHub hands it out: PKCS#1 in PEM. Each name is a key of its own."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
