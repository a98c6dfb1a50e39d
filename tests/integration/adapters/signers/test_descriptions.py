"""The stand-ins, and what we ask them, are held to what the clouds publish of their APIs.

The tables are of Google's published description (`google.cloud.kms.v1`, with the JSON names of its fields, as
google-cloud-kms 3.18.0 carries it) and of Azure's (Key Vault keys 7.4, as azure-keyvault-keys 4.11.3 carries it).
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from githubtoken_operator.adapters.signers.backends import open_signer
from githubtoken_operator.adapters.signers.port import Signer
from githubtoken_operator.domain.signers import gcp
from tests.integration.adapters.signers import conftest
from tests.integration.adapters.signers.services import materials
from tests.integration.adapters.signers.services.azure_cloud import Azure
from tests.integration.adapters.signers.services.google_cloud import GoogleCloud
from tests.integration.adapters.signers.stage import Stage

GOOGLE: Final[dict[str, dict[str, str]]] = {
    "AsymmetricSignRequest": {
        "name": "string",
        "digest": "Digest",
        "digestCrc32c": "int64",
        "data": "bytes",
        "dataCrc32c": "int64",
    },
    "Digest": {"sha256": "bytes", "sha384": "bytes", "sha512": "bytes", "externalMu": "bytes"},
    "AsymmetricSignResponse": {
        "signature": "bytes",
        "signatureCrc32c": "int64",
        "verifiedDigestCrc32c": "bool",
        "name": "string",
        "verifiedDataCrc32c": "bool",
        "protectionLevel": "ProtectionLevel",
    },
    "PublicKey": {
        "pem": "string",
        "algorithm": "CryptoKeyVersionAlgorithm",
        "pemCrc32c": "int64",
        "name": "string",
        "protectionLevel": "ProtectionLevel",
        "publicKeyFormat": "PublicKeyFormat",
        "publicKey": "ChecksummedData",
    },
}
ALGORITHMS: Final = (
    "RSA_SIGN_PSS_2048_SHA256",
    "RSA_SIGN_PSS_3072_SHA256",
    "RSA_SIGN_PSS_4096_SHA256",
    "RSA_SIGN_PSS_4096_SHA512",
    "RSA_SIGN_PKCS1_2048_SHA256",
    "RSA_SIGN_PKCS1_3072_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA512",
    "RSA_SIGN_RAW_PKCS1_2048",
    "RSA_SIGN_RAW_PKCS1_3072",
    "RSA_SIGN_RAW_PKCS1_4096",
)
"""Of CryptoKeyVersionAlgorithm, all by which an RSA key signs."""

AZURE: Final[dict[str, dict[str, str]]] = {
    "KeySignParameters": {"alg": "string", "value": "base64url"},
    "KeyOperationResult": {
        "kid": "string",
        "value": "base64url",
        "iv": "base64url",
        "tag": "base64url",
        "aad": "base64url",
    },
    "KeyBundle": {
        "key": "JsonWebKey",
        "attributes": "KeyAttributes",
        "tags": "map",
        "managed": "bool",
        "release_policy": "KeyReleasePolicy",
    },
}


def unknown(tables: dict[str, dict[str, str]], message: str, found: dict[str, Any]) -> list[str]:
    """The fields that the description does not know, or knows as something else."""
    return [name for name, value in found.items() if not _fits(tables[message].get(name), value)]


def _fits(kind: str | None, value: object) -> bool:
    match kind:
        case None:
            return False
        case "bytes":
            return isinstance(value, str) and base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
        case "base64url":
            return isinstance(value, str) and materials.base64url(materials.of_base64url(value)) == value
        case "string" | "ProtectionLevel" | "CryptoKeyVersionAlgorithm":
            return isinstance(value, str)
    return True


@asynccontextmanager
async def signer_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Signer]:
    """The signer of a stage, in the environment of a pod that may use it."""
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    signer = await open_signer(stage.good, stage.surroundings)
    try:
        yield signer
    finally:
        await signer.aclose()


@pytest.mark.xdist_group("signer-gcpKMS")
async def test_google_is_asked_and_answers_as_it_is_published(
    google: GoogleCloud, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signer_of(conftest.of_google(request), monkeypatch) as signer:
        await signer.sign(materials.text())
        await signer.public_key(None)

    signing, reading = [asked for asked in google.asked if asked.path.startswith("/v1/")]
    sent = signing.json()
    assert unknown(GOOGLE, "AsymmetricSignRequest", sent) == []
    assert unknown(GOOGLE, "Digest", sent["digest"]) == []
    assert unknown(GOOGLE, "AsymmetricSignResponse", google.answer(signing).body) == []
    assert unknown(GOOGLE, "PublicKey", google.answer(reading).body) == []
    assert reading.method == "GET"
    assert not reading.body


@pytest.mark.xdist_group("signer-gcpKMS")
def test_of_googles_algorithms_those_are_taken_that_sign_by_pkcs1_with_sha256(google: GoogleCloud) -> None:
    fit = [name for name in ALGORITHMS if "_SIGN_PKCS1_" in name and name.endswith("_SHA256")]

    assert sorted(gcp.RS256) == fit
    assert {algorithm for _, algorithm in google.keys.values()} <= set(ALGORITHMS)


@pytest.mark.xdist_group("signer-azureKeyVault")
async def test_azure_is_asked_and_answers_as_it_is_published(
    azure: Azure, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signer_of(conftest.of_azure(request), monkeypatch) as signer:
        await signer.sign(materials.text())

    reading, signing = [asked for asked in azure.asked if asked.path.startswith("/keys/")]
    assert unknown(AZURE, "KeySignParameters", signing.json()) == []
    assert sorted(signing.json()) == ["alg", "value"]
    assert unknown(AZURE, "KeyOperationResult", azure.answer(signing).body) == []
    assert unknown(AZURE, "KeyBundle", azure.answer(reading).body) == []
