"""The certificate with which an App's requests show themselves to a server that demands one.

It comes from a Secret of the type kubernetes.io/tls. What is wrong with the pair is told by key; of the library's own
text nothing is repeated, since nobody promises that it shows nothing of the key. The key never lies on a disk: OpenSSL
reads a pair from a file only, so it is handed one that is in memory, where the system has such.

Any tenant can store a pair, so the key is judged before it is computed with, and its primes are not tested, which would
stop the loop for seconds, from a thread too. OpenSSL is given what was judged, written anew: the file of the
certificates might have another key in it, which would be the first that it finds.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Final

import aiohttp
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from githubtoken_operator.domain.apps import rsa_key
from githubtoken_operator.domain.vocabulary import certificates
from githubtoken_operator.domain.vocabulary.model import ClientCertificate

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
LARGEST: Final = 128 * 1024
"""Bytes of the certificates: a chain of some fifty."""
LARGEST_KEY: Final = 16 * 1024
"""Bytes of the key."""
LARGEST_RSA: Final = 4096
"""Bits of an RSA key: it signs in each handshake, on the event loop, where this takes a few milliseconds."""
_CHEAP: Final = 1024
"""Bytes of DER in which a key of any kind costs nothing; only RSA keys are larger."""
SET: Final = "set `spec.clientCertificateSecretRef` of the App"
_REFUSED: Final = "it refuses the client certificate ({}): check the Secret of `spec.clientCertificateSecretRef`"
_ALERTS: Final = (
    ("ALERT_CERTIFICATE_REQUIRED", f"it demands a client certificate: {SET}"),
    ("ALERT_CERTIFICATE_EXPIRED", _REFUSED.format("expired")),
    ("ALERT_CERTIFICATE_REVOKED", _REFUSED.format("revoked")),
    ("ALERT_CERTIFICATE_UNKNOWN", _REFUSED.format("unknown")),
    ("ALERT_BAD_CERTIFICATE", _REFUSED.format("bad certificate")),
    ("ALERT_UNKNOWN_CA", _REFUSED.format("unknown CA")),
    ("ALERT_ACCESS_DENIED", _REFUSED.format("access denied")),
    ("ALERT_HANDSHAKE_FAILURE", f"TLS cannot be agreed on; if it demands a client certificate, {SET}"),
)
"""OpenSSL's names of a server's alerts, and what they mean to a client (RFC 8446, 6.2)."""
_DEPTH: Final = 8
_KEY_BLOCK: Final = re.compile(
    rb"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----([^-]*)-----END (?:RSA |EC )?PRIVATE KEY-----"
)
_ENCRYPTED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"4,ENCRYPTED")
_BLANK: Final = re.compile(rb"(?:\s|\\[nr])+")
"""Line ends too that a store has kept as two characters."""


async def read_pair(certificate: bytes, key: bytes) -> ClientCertificate:
    """As `of_pair`, beside the event loop."""
    return await asyncio.to_thread(of_pair, certificate, key)


def of_pair(certificate: bytes, key: bytes) -> ClientCertificate:
    """The pair as it is shown to servers. Raises `ValueError` with a sentence about the key that is wrong."""
    if len(certificate) > LARGEST or len(key) > LARGEST_KEY:
        raise ValueError(f"`{CERTIFICATE}` must be at most {LARGEST} bytes, and `{KEY}` at most {LARGEST_KEY}")
    try:
        chain = [x509.load_der_x509_certificate(der) for der in certificates.of_pem(certificate).certificates]
        first = chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, IndexError, UnsupportedAlgorithm):
        raise ValueError(
            f"`{CERTIFICATE}` must be a certificate in PEM, with those that vouch for it behind it"
        ) from None
    private = _private(key)
    if private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != first:
        raise ValueError(f"`{KEY}` is not the key of the first certificate in `{CERTIFICATE}`")
    written = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain) + written
    found = ClientCertificate(digest=sha256(pem).hexdigest(), pem=pem)
    try:
        show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found)
    except ssl.SSLError:
        raise ValueError(f"TLS cannot use the pair of `{CERTIFICATE}` and `{KEY}`") from None
    return found


def _private(key: bytes) -> PrivateKeyTypes:
    """The key in a PEM."""
    if any(mark in key for mark in _ENCRYPTED):
        raise ValueError(f"`{KEY}` is encrypted, and must not be")
    block = _KEY_BLOCK.search(key)
    try:
        der = b64decode(_BLANK.sub(b"", block[1]), validate=True) if block else b""
    except ValueError:
        der = b""
    _judge(der)
    try:
        return load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"`{KEY}` must be a private key in PEM") from None


def _judge(der: bytes) -> None:
    """Whether the key may be computed with, by its size."""
    try:
        fits = len(der) <= _CHEAP or rsa_key.numbers(der).n.bit_length() <= LARGEST_RSA
    except rsa_key.Unusable:
        fits = False
    if not fits:
        raise ValueError(f"`{KEY}` must be a whole RSA key of at most {LARGEST_RSA} bits, or one of an elliptic curve")


def show(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Lets connections of the context show the certificate where the server asks for one."""
    with _in_memory() as file:
        file.write(certificate.pem)
        file.flush()
        context.load_cert_chain(file.name if isinstance(file.name, str) else f"/proc/self/fd/{file.name}")


def demand(error: BaseException) -> str | None:
    """What a server's alert says of our certificate, as the end of "it …"; None where it says nothing of it."""
    alerts = (getattr(each, "reason", None) for each in _causes(error) if isinstance(each, ssl.SSLError))
    alert = next((str(reason) for reason in alerts if reason), "")
    return next((words for mark, words in _ALERTS if mark in alert), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(_DEPTH):
        if found is None:
            return
        if not isinstance(found, aiohttp.ClientError):
            yield found
        inner = getattr(found, "os_error", None)
        found = inner if isinstance(inner, BaseException) else found.__cause__ or found.__context__


def _in_memory() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("client-certificate"), "wb")
    return tempfile.NamedTemporaryFile()
