"""Each answer of a signer is verified before it is used, counted, and waited for only so long."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.adapters.signers import checked
from githubtoken_operator.adapters.signers.checked import CheckedSigner
from githubtoken_operator.adapters.signers.port import PublicKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from tests.unit.keys import pem
from tests.unit.signers import FakeSigner, Seen, private_key

TEXT = b"header.payload"


def of(signer: FakeSigner, seen: Seen | None = None) -> CheckedSigner:
    return CheckedSigner(signer, backend="vault", observer=seen if seen is not None else Seen())


async def test_a_signature_comes_with_its_key_and_githubs_fingerprint() -> None:
    signed = await of(FakeSigner()).sign(TEXT)

    private_key().public_key().verify(signed.signature, TEXT, padding.PKCS1v15(), SHA256())
    assert (signed.key_id, signed.fingerprint) == ("v1", load_private_key(pem("").encode()).fingerprint)


async def test_a_public_key_is_read_once() -> None:
    signer = FakeSigner()
    it = of(signer)
    await it.sign(TEXT)
    await it.sign(TEXT)

    assert signer.calls == ["sign", "public_key", "sign"]


async def test_the_key_that_the_answer_names_is_the_one_that_counts() -> None:
    signer = FakeSigner({"v1": private_key(), "v2": private_key("another")})
    it = of(signer)
    await it.identify()
    signer.signs = "v2"

    signed = await it.sign(TEXT)

    assert (signed.key_id, signer.calls) == ("v2", ["public_key", "sign", "public_key"])


async def test_a_key_that_was_made_anew_under_its_id_is_read_once_more() -> None:
    signer = FakeSigner()
    it = of(signer)
    await it.sign(TEXT)
    signer.keys["v1"] = private_key("another")

    signed = await it.sign(TEXT)

    assert signed.fingerprint == load_private_key(pem("another").encode()).fingerprint


@pytest.mark.parametrize(
    ("pad", "found"),
    [
        (padding.PSS(padding.MGF1(SHA256()), 32), "it is RSASSA-PSS"),
        (padding.PSS(padding.MGF1(SHA256()), padding.PSS.MAX_LENGTH), "it is RSASSA-PSS"),
    ],
)
async def test_a_wrong_padding_is_told(pad: padding.PSS, found: str) -> None:
    with pytest.raises(SignerKeyInvalid, match=found):
        await of(FakeSigner(pad=pad)).sign(TEXT)


async def test_a_signature_of_another_key_is_told_with_what_was_found() -> None:
    class Lying(FakeSigner):
        async def public_key(self, key_id: str | None) -> PublicKey:
            return PublicKey(key_id or "v1", private_key("another").public_key())

    with pytest.raises(SignerKeyInvalid) as told:
        await of(Lying()).sign(TEXT)

    assert load_private_key(pem("another").encode()).fingerprint in told.value.message
    assert "2048 bits" in told.value.message
    assert "256 bytes" in told.value.message


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "an EC key on secp256r1"),
        (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits"),  # noqa: S505 - what is refused
    ],
    ids=["EC", "1,024 bits"],
)
async def test_a_key_that_github_cannot_have_made_is_told(key: object, found: str) -> None:
    with pytest.raises(SignerKeyInvalid, match=found):
        await of(FakeSigner({"v1": cast("rsa.RSAPrivateKey", key)})).identify()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SignerUnavailable("sealed"), "unavailable"),
        (SignerThrottled("429"), "throttled"),
        (SignerDenied("no"), "denied"),
        (SignerKeyInvalid("EC"), "key_invalid"),
        (RuntimeError("a library's own"), "error"),
        (None, "ok"),
    ],
)
async def test_each_call_is_counted_by_how_it_ended(error: Exception | None, code: str) -> None:
    seen = Seen()
    with pytest.raises((TokenError, RuntimeError)) if error else nullcontext():
        await of(FakeSigner(error=error), seen).identify()

    assert seen == [("vault", code)]


async def test_a_call_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "CALL_LIMIT", 0.01)
    seen = Seen()

    with pytest.raises(SignerUnavailable) as told:
        await of(FakeSigner(hang=asyncio.Event()), seen).sign(TEXT)

    assert told.value.reason == reasons.SIGNER_UNAVAILABLE
    assert seen == [("vault", "unavailable")]
