"""What every service that signs does behind the port, whichever it is. A sixth is a row of `conftest.STAGES`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields
from typing import Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from githubtoken_operator.adapters.signers.backends import BACKENDS, open_signer
from githubtoken_operator.adapters.signers.port import Signer
from githubtoken_operator.domain.apps.signers import SignerKey
from githubtoken_operator.domain.vocabulary.errors import SignerKeyInvalid, SignerUnavailable
from tests.integration.adapters.signers.conftest import STAGES
from tests.integration.adapters.signers.services import materials
from tests.integration.adapters.signers.stage import Stage

LIBRARIES: Final = ("azure", "botocore", "google.auth.compute_engine", "pkcs11")
"""The client of Kubernetes itself imports a part of google-auth where that is installed, and requests."""
ELSEWHERE: Final = {"vault"}
"""Backends whose tests have a stage of their own."""


@asynccontextmanager
async def opened(stage: Stage, key: SignerKey | None = None) -> AsyncIterator[Signer]:
    signer = await open_signer(key or stage.good, stage.surroundings)
    try:
        yield signer
    finally:
        await signer.aclose()


def test_every_backend_is_in_this_suite() -> None:
    assert {backend.name for backend in BACKENDS.values()} - ELSEWHERE == set(STAGES)


async def test_a_signature_is_the_one_that_pyjwt_makes_with_the_same_key(stage: Stage) -> None:
    async with opened(stage) as signer:
        signed = await signer.sign(materials.text())

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())


async def test_the_public_key_of_the_id_that_an_answer_names_verifies_it(stage: Stage) -> None:
    async with opened(stage) as signer:
        signed = await signer.sign(materials.text())
        public = await signer.public_key(signed.key_id)

    assert public.key_id == signed.key_id
    public.key.verify(signed.signature, materials.text(), padding.PKCS1v15(), hashes.SHA256())


async def test_without_an_id_it_is_the_key_that_would_sign_now(stage: Stage) -> None:
    async with opened(stage) as signer:
        public = await signer.public_key(None)
        signed = await signer.sign(materials.text())

    assert public.key_id == signed.key_id


async def test_the_id_names_the_key_and_holds_no_secret(stage: Stage) -> None:
    async with opened(stage) as signer:
        signed = await signer.sign(materials.text())

    secrets = [value for name, value in stage.environment.items() if "SECRET" in name or "TOKEN" in name]
    assert signed.key_id
    assert not [secret for secret in secrets if secret in signed.key_id]


async def test_calls_at_once_are_all_answered(stage: Stage) -> None:
    async with opened(stage) as signer:
        answers = await asyncio.gather(*(signer.sign(materials.text()) for _ in range(12)))

    assert {answer.signature for answer in answers} == {materials.by_pyjwt(materials.rsa_key())}


async def test_a_call_that_is_given_up_leaves_the_signer_in_order(stage: Stage) -> None:
    async with opened(stage) as signer:
        given_up = asyncio.ensure_future(signer.sign(materials.text()))
        await asyncio.sleep(0)
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
        signed = await signer.sign(materials.text())

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())


async def test_a_key_that_signs_otherwise_is_named_with_what_it_is(stage: Stage) -> None:
    async with opened(stage, stage.unfit) as signer:
        with pytest.raises(SignerKeyInvalid) as refused:
            await signer.public_key(None)

    assert stage.found in refused.value.message


@pytest.mark.parametrize("method", ["sign", "public_key"])
async def test_a_key_that_is_not_there_is_said_to_be_missing(stage: Stage, method: str) -> None:
    async with opened(stage, stage.missing) as signer:
        with pytest.raises(SignerKeyInvalid) as refused:
            await getattr(signer, method)(materials.text() if method == "sign" else None)

    named = [str(getattr(stage.missing, field.name)) for field in fields(stage.missing)]
    assert any(name in refused.value.message for name in named)


async def test_a_service_that_is_away_is_unavailable(stage: Stage) -> None:
    if stage.away is None:
        pytest.skip("it has no address that an App could give")
    async with opened(stage, stage.away) as signer:
        with pytest.raises(SignerUnavailable):
            await signer.sign(materials.text())


async def test_closing_twice_raises_nothing(stage: Stage) -> None:
    signer = await open_signer(stage.good, stage.surroundings)
    await signer.sign(materials.text())

    await signer.aclose()
    await signer.aclose()


@pytest.mark.every_python
def test_no_library_of_a_service_is_imported_before_an_app_names_it() -> None:
    wiring = "githubtoken_operator.process.composition.wiring"
    code = f"import sys, {wiring}; print([name for name in {LIBRARIES} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
