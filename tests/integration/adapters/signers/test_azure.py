"""Azure Key Vault: where the identity comes from, versions, each refusal, and whom TLS trusts."""

from __future__ import annotations

from pathlib import Path

import pytest

from githubtoken_operator.adapters.signers.services import azure_key_vault
from githubtoken_operator.adapters.signers.services.azure_key_vault import KeyVault
from githubtoken_operator.domain.apps.signers import AzureKey
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from tests.integration.adapters.signers.conftest import TOKEN, azure_environment
from tests.integration.adapters.signers.services import azure_cloud, materials
from tests.integration.adapters.signers.services.azure_cloud import FIRST, SECOND, Azure
from tests.integration.adapters.signers.services.standin import Said
from tests.integration.adapters.signers.stage import surroundings

pytestmark = pytest.mark.xdist_group("signer-azureKeyVault")


@pytest.fixture
def aks(azure: Azure, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> Azure:
    for name, value in azure_environment(azure, token_file).items():
        monkeypatch.setenv(name, value)
    return azure


@pytest.fixture
def authority(certificates: tuple[Path, object]) -> Path:
    return certificates[0]


def at(server: Azure, authority: Path | None, name: str = "acme", version: str | None = None) -> KeyVault:
    files = {"ca_file": authority} if authority else {}
    return KeyVault(AzureKey(server.url, name, version), surroundings(Path("/none"), **files))


async def refusal(signer: KeyVault) -> TokenError:
    with pytest.raises(TokenError) as refused:
        await signer.sign(materials.text())
    await signer.aclose()
    assert [secret for secret in (TOKEN,) if secret in materials.told(refused.value)] == []
    return refused.value


@pytest.mark.every_python
async def test_workload_identity_shows_the_projected_token_once_for_many_signatures(
    aks: Azure, authority: Path
) -> None:
    signer = at(aks, authority)

    for _ in range(3):
        await signer.sign(materials.text())
    await signer.aclose()

    assert aks.assertions == [TOKEN]


async def test_a_version_that_is_added_signs_from_then_on(aks: Azure, authority: Path) -> None:
    signer = at(aks, authority)
    before = await signer.sign(materials.text())

    aks.keys["acme"][SECOND] = (materials.rsa_key("next"), ("sign",), True)
    after = await signer.sign(materials.text())
    public = await signer.public_key(after.key_id)
    await signer.aclose()

    assert before.key_id.endswith(FIRST)
    assert after.key_id.endswith(SECOND)
    assert public.key.public_numbers() == materials.rsa_key("next").public_key().public_numbers()


async def test_a_pinned_version_goes_on_signing_and_costs_one_request(aks: Azure, authority: Path) -> None:
    aks.keys["acme"][SECOND] = (materials.rsa_key("next"), ("sign",), True)
    signer = at(aks, authority, version=FIRST)

    signed = await signer.sign(materials.text())
    await signer.aclose()

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())
    assert len([path for path in aks.paths() if path.startswith("/keys/")]) == 1


async def test_who_was_denied_is_named(aks: Azure, authority: Path) -> None:
    with aks.failing("/sign", azure_cloud.denied("sign")):
        refused = await refusal(at(aks, authority))

    assert isinstance(refused, SignerDenied)
    assert f"appid={azure_cloud.CLIENT}" in refused.message


@pytest.mark.parametrize(
    ("name", "found"),
    [("disabled", "KeyDisabled"), ("none", "KeyNotFound"), ("curve", "incompatible"), ("mute", "not permitted")],
)
async def test_a_key_that_cannot_sign_is_not_signed_with(aks: Azure, authority: Path, name: str, found: str) -> None:
    refused = await refusal(at(aks, authority, name))

    assert isinstance(refused, (SignerKeyInvalid, SignerDenied))
    assert found in refused.message


@pytest.mark.parametrize(
    ("name", "found"), [("disabled", "it is disabled"), ("curve", "its kind is EC"), ("mute", "do not have sign")]
)
async def test_what_is_unfit_of_a_key_is_said(aks: Azure, authority: Path, name: str, found: str) -> None:
    signer = at(aks, authority, name)

    with pytest.raises(SignerKeyInvalid, match=found):
        await signer.public_key(None)
    await signer.aclose()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "Throttled", SignerThrottled),
        (500, "InternalServerError", SignerUnavailable),
        (503, "ServiceUnavailable", SignerUnavailable),
        (401, "Unauthorized", SignerDenied),
        (403, "Forbidden", SignerDenied),
        (404, "KeyNotFound", SignerKeyInvalid),
        (400, "BadParameter", SignerKeyInvalid),
        (409, "Conflict", SignerKeyInvalid),
    ],
)
async def test_each_refusal_is_told_by_its_status(
    aks: Azure, authority: Path, status: int, code: str, kind: type[TokenError]
) -> None:
    said = Said(status, {"error": {"code": code, "message": "words"}}, {"retry-after": "7"})

    with aks.failing("/sign", said):
        refused = await refusal(at(aks, authority))

    assert type(refused) is kind
    if isinstance(refused, SignerUnavailable):
        assert refused.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AADSTS700016", SignerDenied),
        (401, "AADSTS70021", SignerDenied),
        (400, "AADSTS90033", SignerUnavailable),
        (500, "", SignerUnavailable),
    ],
)
async def test_a_refusal_of_entra_id_is_told_by_its_code_and_says_nothing_else(
    aks: Azure, authority: Path, status: int, code: str, kind: type[TokenError]
) -> None:
    words = f"{code}: {TOKEN} was not found in the directory 'contoso'."
    body = {"error": "unauthorized_client", "error_description": words, "error_codes": [1]}

    with aks.failing("/oauth2", Said(status, body, {"content-type": "application/json"})):
        refused = await refusal(at(aks, authority))

    assert type(refused) is kind
    assert code in refused.message
    assert "contoso" not in refused.message
    assert TOKEN not in str(refused)


async def test_a_server_whose_ca_is_not_named_gets_no_token(aks: Azure) -> None:
    refused = await refusal(at(aks, None))

    assert isinstance(refused, SignerUnavailable)
    assert not aks.asked


@pytest.mark.parametrize("body", ["", "<html>", [], {"kid": "k"}, {"value": 7, "kid": "k"}])
async def test_an_answer_that_is_none_is_no_signature(aks: Azure, authority: Path, body: object) -> None:
    with aks.failing("/sign", Said(200, body)):
        assert isinstance(await refusal(at(aks, authority)), SignerUnavailable)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://acme.vault.azure.net", "vault.azure.net"),
        ("https://acme.vault.azure.cn", "vault.azure.cn"),
        ("https://acme.vault.usgovcloudapi.net", "vault.usgovcloudapi.net"),
        ("https://acme.managedhsm.azure.net", "managedhsm.azure.net"),
        ("https://evilvault.azure.net", "vault.azure.net"),
        ("https://vault.example.com", "vault.azure.net"),
    ],
)
def test_a_token_is_for_the_cloud_of_the_vault(url: str, found: str) -> None:
    assert azure_key_vault.resource(url) == found
