"""An App's private key, and the JSON web token that it signs.

GitHub takes RS256 only; for which minutes a web token is good is `domain.apps.web_tokens`. A signature costs half a
millisecond with the keys that GitHub makes and a hundred times that with the largest that are accepted, which therefore
sign beside the event loop. Web tokens are kept for five of their nine minutes, keys as long as an App is known that has
them, by the SHA-256 of what is stored; a miss costs a computation and nothing else.

An App may have its key with a service instead, which signs elsewhere and ahead (`adapters.signers.remote_key`).

Any tenant can store a key: `domain.apps.key_text` and `domain.apps.rsa_key` judge it before a number of it is computed
with, and the library does not test its primes, which would stop the loop for seconds, from a thread too.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers

from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.domain.apps import key_text, rsa_key
from githubtoken_operator.domain.apps.web_tokens import ISSUED_BEFORE, LIFE
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import App
from githubtoken_operator.domain.vocabulary.newest import Newest

REUSED_FOR: Final = 300
"""Seconds for which one web token serves all requests of its App."""

# A clock that was set back by more than this gets a web token of its own time.
_REUSED_BEFORE: Final = 5
_KEPT: Final = 4096
_SIGNS_AT_ONCE: Final = 4096
"""Bits of a key that signs within two milliseconds."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RSAKey:
    """A parsed private key; it shows its fingerprint and nothing else."""

    fingerprint: str
    key: RSAPrivateKey = field(repr=False)


_keys: WeakValueDictionary[bytes, RSAKey] = WeakValueDictionary()
_web_tokens: Newest[tuple[str, str, str], tuple[int, str]] = Newest(_KEPT)


async def read_private_key(text: bytes) -> RSAKey:
    """As `load_private_key`, beside the event loop."""
    known = _known(text)
    return await asyncio.to_thread(load_private_key, text) if known is None else known


def load_private_key(text: bytes) -> RSAKey:
    """The RSA key in what a Secret has; `Terminal(PrivateKeyInvalid)` says what is there instead."""
    if (known := _known(text)) is not None:
        return known
    parsed = _keys[hashlib.sha256(text).digest()] = _parse(text)
    return parsed


async def app_bearer(app: App, now: datetime, *, renew: bool = False) -> str:
    """A web token that authenticates the App; `now` is GitHub's time as far as it is known. Raises `TokenError`.

    A large key signs beside the event loop, and a service wherever it is. `renew` makes a new one in any case, after
    GitHub refused the times of the last.
    """
    if isinstance(app.private_key, RemoteKey):
        return await app.private_key.bearer(app.issuer, now, renew=renew)
    key, made = _key(app), None if renew else _made(app, now)
    if made is None:
        at_once = key.key.key_size <= _SIGNS_AT_ONCE
        made = _sign(app, key, now) if at_once else await asyncio.to_thread(_sign, app, key, now)
        _web_tokens[app.proof] = (int(now.timestamp()), made)
    return made


async def bearer_of_another_key(app: App, now: datetime, refused: str) -> str | None:
    """A web token by a key that has replaced the one of `refused`, which GitHub does not take; None where none has."""
    key = app.private_key
    return await key.bearer_of_another_key(app.issuer, now, refused) if isinstance(key, RemoteKey) else None


def refused_key(app: App, error: Terminal) -> Terminal:
    """GitHub's refusal of the key, in words that are right for one that is with a service."""
    key = app.private_key
    if not isinstance(key, RemoteKey):
        return error
    own = Terminal(
        error.reason,
        f"GitHub does not take the App's JWT, which `spec.signer` signs with {key.key_id} ({key.fingerprint}): that "
        "must be a key of this App, as its page on GitHub lists them. A key that the service made or rotated by itself "
        "is unknown to GitHub: import one that GitHub made. Check `spec.appID` and `spec.clientID` too.",
    )
    own.concern = error.concern
    return own


def _key(app: App) -> RSAKey:
    if not isinstance(app.private_key, RSAKey):
        raise Terminal(
            reasons.PRIVATE_KEY_MISSING, "The App has no private key: set `spec.privateKeySecretRef` of the App."
        )
    return app.private_key


def _made(app: App, now: datetime) -> str | None:
    """The web token that is kept, where it still serves."""
    seconds, text = _web_tokens.get(app.proof, (0, ""))
    return text if text and -_REUSED_BEFORE <= int(now.timestamp()) - seconds <= REUSED_FOR else None


def _sign(app: App, key: RSAKey, now: datetime) -> str:
    seconds = int(now.timestamp())
    claims = {"iat": seconds - ISSUED_BEFORE, "exp": seconds + LIFE, "iss": app.issuer}
    try:
        return jwt.encode(claims, key.key, algorithm="RS256")
    except (ValueError, UnsupportedAlgorithm):
        # Its numbers fit each other, and it does not sign all the same: its primes are none.
        raise _invalid("it does not sign") from None


def _known(text: bytes) -> RSAKey | None:
    return _keys.get(hashlib.sha256(text).digest())


def _parse(text: bytes) -> RSAKey:
    try:
        found = rsa_key.numbers(key_text.key_der(text))
        public = RSAPublicNumbers(found.e, found.n)
        numbers = RSAPrivateNumbers(found.p, found.q, found.d, found.dp, found.dq, found.qinv, public)
        return RSAKey(rsa_key.fingerprint(found.n, found.e), numbers.private_key(unsafe_skip_rsa_key_validation=True))
    except (key_text.NotAKey, rsa_key.Unusable) as error:
        raise _invalid(str(error)) from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's text is left out, and so is the error: a parser's words may repeat what it was given.
        raise _invalid("it is damaged: its numbers do not fit each other") from None


def _invalid(problem: str) -> Terminal:
    return Terminal(
        reasons.PRIVATE_KEY_INVALID,
        "The key in the Secret of `spec.privateKeySecretRef` must be the App's unencrypted RSA private key in PEM, as "
        f"GitHub's settings page hands it out, but {problem}.",
    )
