"""The certificate with which an App's requests show themselves to a server that demands one.

It comes from a Secret of the type kubernetes.io/tls. What is wrong with the pair is told by key; of the library's own
text nothing is repeated, since nobody promises that it shows nothing of the key. The key never lies on a disk: OpenSSL
reads a pair from a file only, so it is handed one that is in memory, where the system has such.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Final

import aiohttp
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from githubtoken_operator.domain.model import ClientCertificate

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
LARGEST: Final = 128 * 1024
"""Bytes of either: a chain of some fifty certificates."""
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


def of_pair(certificate: bytes, key: bytes) -> ClientCertificate:
    """The pair as it is shown to servers. Raises `ValueError` with a sentence about the key that is wrong."""
    if max(len(certificate), len(key)) > LARGEST:
        raise ValueError(f"`{CERTIFICATE}` and `{KEY}` must be at most {LARGEST} bytes each")
    try:
        first = x509.load_pem_x509_certificates(certificate)[0]
    except (ValueError, IndexError):
        raise ValueError(
            f"`{CERTIFICATE}` must be a certificate in PEM, with those that vouch for it behind it"
        ) from None
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise ValueError(f"`{KEY}` is encrypted, and must not be") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"`{KEY}` must be a private key in PEM") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise ValueError(f"`{KEY}` is not the key of the first certificate in `{CERTIFICATE}`")
    pem = certificate.rstrip() + b"\n" + key
    found = ClientCertificate(digest=sha256(pem).hexdigest(), pem=pem)
    try:
        show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found)
    except ssl.SSLError:
        raise ValueError(f"TLS cannot use the pair of `{CERTIFICATE}` and `{KEY}`") from None
    return found


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
