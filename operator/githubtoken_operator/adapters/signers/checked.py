"""A signer whose every answer is checked, counted, and waited for only so long.

A signature leaves only if it verifies, as RSASSA-PKCS1-v1_5 with SHA-256, with the public key of the very key that the
service says has signed: of a wrong padding or key GitHub says no more than that the web token cannot be decoded. Public
keys are kept by those ids, so an alias that moved costs one more read. A signature that does not verify makes the key
be read once more, for a service may give an id anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, HashAlgorithm

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import CALL_LIMIT, PublicKey, Signed, Signer
from githubtoken_operator.domain.apps import rsa_key
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.newest import Newest

T = TypeVar("T")

_KEPT: Final = 8
"""Public keys that are kept; the oldest goes first."""
_LONGEST_ID: Final = 512
_CODES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (SignerThrottled, "throttled"),
    (SignerUnavailable, "unavailable"),
    (SignerDenied, "denied"),
    (SignerKeyInvalid, "key_invalid"),
)


class SignerObserver(Protocol):
    """Who counts calls; the metrics implement it."""

    def signer_request(self, backend: str, code: str, seconds: float) -> None:
        """One call is over: `ok`, `throttled`, `unavailable`, `denied`, `key_invalid` or `error`."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that was verified, the key that made it, and that key's fingerprint as GitHub shows it."""

    signature: bytes
    key_id: str
    fingerprint: str


class CheckedSigner:
    """Checks one signer. `backend` is the name of the service's field."""

    def __init__(self, signer: Signer, *, backend: str, observer: SignerObserver) -> None:
        self._signer = signer
        self._backend = backend
        self._observer = observer
        self._keys: Newest[str, PublicKey] = Newest(_KEPT)

    async def sign(self, text: bytes) -> Verified:
        """Signs, and verifies. Raises `SignerUnavailable`, `SignerDenied` or `SignerKeyInvalid`."""
        signed = await self._call(lambda: self._signer.sign(text))
        key_id = signed.key_id[:_LONGEST_ID]
        known = self._keys.get(key_id)
        key = known or await self._read(signed.key_id)
        if (problem := _problem(key, text, signed)) and known is not None:
            key = await self._read(signed.key_id)
            problem = _problem(key, text, signed)
        if problem:
            raise SignerKeyInvalid(f"what `spec.signer.{self._backend}` signed as {key_id} {problem}")
        return Verified(signed.signature, key_id, fingerprint(key))

    async def identify(self) -> PublicKey:
        """The public key that would sign now."""
        return await self._read(None)

    async def aclose(self) -> None:
        """Ends what the signer holds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL_LIMIT):
                await self._signer.aclose()

    async def _read(self, key_id: str | None) -> PublicKey:
        key = await self._call(lambda: self._signer.public_key(key_id))
        key = keys.judged(key.key_id[:_LONGEST_ID], key.key)
        self._keys[key_id or key.key_id] = key
        return key

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        started, code = time.monotonic(), "error"
        try:
            async with asyncio.timeout(CALL_LIMIT):
                answer = await call()
            code = "ok"
        except TimeoutError:
            code = "unavailable"
            raise SignerUnavailable(
                f"`spec.signer.{self._backend}`: the service did not answer within {CALL_LIMIT:g} s"
            ) from None
        except TokenError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), code)
            raise
        finally:
            self._observer.signer_request(self._backend, code, time.monotonic() - started)
        return answer


def fingerprint(key: PublicKey) -> str:
    """`SHA256:…` of the public key, as GitHub's settings page shows it."""
    numbers = key.key.public_numbers()
    return rsa_key.fingerprint(numbers.n, numbers.e)


def _problem(key: PublicKey, text: bytes, signed: Signed) -> str:
    """What is wrong with the signature, or ""."""
    if _verifies(key, text, signed, padding.PKCS1v15(), SHA256()):
        return ""
    found = next((f": it is {name}" for name, pad, digest in _OTHERS if _verifies(key, text, signed, pad, digest)), "")
    return (
        f"is no signature by RSASSA-PKCS1-v1_5 with SHA-256 of that key ({fingerprint(key)}, "
        f"{key.key.key_size} bits){found or f', it has {len(signed.signature)} bytes'}"
    )


def _verifies(
    key: PublicKey, text: bytes, signed: Signed, pad: padding.AsymmetricPadding, digest: HashAlgorithm
) -> bool:
    try:
        key.key.verify(signed.signature, text, pad, digest)
    except InvalidSignature:
        return False
    return True


_OTHERS: Final[tuple[tuple[str, padding.AsymmetricPadding, HashAlgorithm], ...]] = (
    ("RSASSA-PSS", padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), SHA256()),
    ("RSASSA-PKCS1-v1_5 with SHA-512", padding.PKCS1v15(), SHA512()),
)
"""What services sign by where they are not told better."""
