"""A service that signs, in memory: keys by their ids, of which one signs, and what goes wrong when a test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.domain.apps.signers import SignerKey
from tests.unit.keys import pem


@cache
def private_key(which: str = "") -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem(which).encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass
class FakeSigner:
    """Signs with the key `signs`; `error` is raised by every call, `hang` is waited for."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=lambda: {"v1": private_key()})
    signs: str = "v1"
    pad: padding.AsymmetricPadding = field(default_factory=padding.PKCS1v15)
    error: Exception | None = None
    hang: asyncio.Event | None = None
    calls: list[str] = field(default_factory=list)
    closed: bool = False

    async def sign(self, text: bytes) -> Signed:
        await self._called("sign")
        return Signed(self.keys[self.signs].sign(text, self.pad, SHA256()), self.signs)

    async def public_key(self, key_id: str | None) -> PublicKey:
        await self._called("public_key")
        key_id = key_id or self.signs
        return PublicKey(key_id, self.keys[key_id].public_key())

    async def aclose(self) -> None:
        self.closed = True

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.hang is not None:
            await self.hang.wait()
        if self.error is not None:
            raise self.error


@dataclass
class FakeSigners:
    """Which signer stands for which value of `spec.signer`."""

    by_key: dict[SignerKey, FakeSigner] = field(default_factory=dict)

    async def open(self, key: SignerKey, _surroundings: Surroundings) -> FakeSigner:
        return self.by_key.setdefault(key, FakeSigner())


class Seen(list[tuple[str, str]]):
    """What the observer of signers was told: backend and code."""

    def signer_request(self, backend: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.append((backend, code))
