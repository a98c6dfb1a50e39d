"""An App's private key, and the JSON web token that it signs.

GitHub takes RS256 only, whole seconds only, and an `exp` at most ten minutes ahead ("Generating a JSON Web Token (JWT)
for a GitHub App"). Parsing a key costs some 30 ms and a signature half a millisecond, so both are kept: keys by the
SHA-256 of their PEM, web tokens for five of their nine minutes. What is kept is bounded; a miss costs a computation
and nothing else.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from githubtoken_operator.domain import reasons
from githubtoken_operator.domain.errors import Terminal
from githubtoken_operator.domain.model import App

SMALLEST_KEY: Final = 2048
"""Bits; GitHub generates keys of this size."""
ISSUED_BEFORE: Final = 60
"""Seconds that `iat` lies in the past, as GitHub recommends against clocks that differ."""
LIFE: Final = 540
"""Seconds that `exp` lies ahead: a minute less than GitHub allows."""
REUSED_FOR: Final = 300
"""Seconds for which one web token serves all requests of its App."""

# A clock that was set back by more than this gets a web token of its own time.
_REUSED_BEFORE: Final = 5
_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class RSAKey:
    """A parsed private key; it shows its fingerprint and nothing else."""

    fingerprint: str
    key: RSAPrivateKey = field(repr=False)


_keys: OrderedDict[bytes, RSAKey] = OrderedDict()
_web_tokens: OrderedDict[tuple[str, str, str], tuple[int, str]] = OrderedDict()


def load_private_key(pem: bytes) -> RSAKey:
    """Parses a private key in PEM, PKCS#1 or PKCS#8; `Terminal(PrivateKeyInvalid)` says what it is instead."""
    digest = hashlib.sha256(pem).digest()
    if (known := _keys.get(digest)) is not None:
        _keys.move_to_end(digest)
        return known
    key = _parse(pem)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    parsed = RSAKey(fingerprint="SHA256:" + b64encode(hashlib.sha256(public).digest()).decode(), key=key)
    _keys[digest] = parsed
    _bound(_keys)
    return parsed


def app_jwt(app: App, now: datetime, *, renew: bool = False) -> str:
    """A web token that authenticates the App; `now` is GitHub's time as far as it is known.

    `renew` makes a new one in any case, after GitHub refused the times of the last.
    """
    if not isinstance(app.private_key, RSAKey):
        raise Terminal(
            reasons.PRIVATE_KEY_MISSING, "The App has no private key: set `spec.privateKeySecretRef` of the App."
        )
    seconds = int(now.timestamp())
    slot = (app.api_url, app.issuer, app.private_key.fingerprint)
    made = _web_tokens.get(slot)
    if made is not None and not renew and -_REUSED_BEFORE <= seconds - made[0] <= REUSED_FOR:
        return made[1]
    claims = {"iat": seconds - ISSUED_BEFORE, "exp": seconds + LIFE, "iss": app.issuer}
    text = jwt.encode(claims, app.private_key.key, algorithm="RS256")
    _web_tokens[slot] = (seconds, text)
    _web_tokens.move_to_end(slot)
    _bound(_web_tokens)
    return text


def _parse(pem: bytes) -> RSAPrivateKey:
    if (problem := _recognised(pem)) is not None:
        raise _invalid(problem)
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise _invalid("it is encrypted, and must not be") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        # The library's text is left out: nobody promises that it repeats nothing of the key.
        raise _invalid("it cannot be parsed: it is damaged or cut off") from error
    if not isinstance(key, RSAPrivateKey):
        raise _invalid("it is not an RSA key")
    if key.key_size < SMALLEST_KEY:
        raise _invalid(f"it has {key.key_size} bits, fewer than {SMALLEST_KEY}")
    return key


def _recognised(pem: bytes) -> str | None:
    """What the text says of itself, for a message that helps; None where it may be a private key."""
    signs = (
        (b"-----BEGIN " not in pem, "it is not PEM"),
        (b"BEGIN ENCRYPTED PRIVATE KEY" in pem or b"4,ENCRYPTED" in pem, "it is encrypted, and must not be"),
        (b"BEGIN OPENSSH PRIVATE KEY" in pem, "it is an OpenSSH key"),
        (b"PRIVATE KEY-----" in pem, None),
        (b"PUBLIC KEY-----" in pem, "it is a public key"),
        (b"CERTIFICATE-----" in pem, "it is a certificate"),
        (True, "it is PEM, but not a private key"),
    )
    return next(problem for applies, problem in signs if applies)


def _invalid(problem: str) -> Terminal:
    return Terminal(
        reasons.PRIVATE_KEY_INVALID,
        "The key in the Secret of `spec.privateKeySecretRef` must be the App's unencrypted RSA private key in PEM, as "
        f"GitHub's settings page hands it out, but {problem}.",
    )


def _bound(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
