"""Google Cloud KMS: where the identity comes from, each refusal, and what is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from githubtoken_operator.adapters.signers.services.gcp_kms import CloudKMS
from githubtoken_operator.domain.apps.signers import GCPKey
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from tests.integration.adapters.signers.conftest import TOKEN, google_environment
from tests.integration.adapters.signers.services import google_cloud, materials
from tests.integration.adapters.signers.services.google_cloud import GoogleCloud
from tests.integration.adapters.signers.services.standin import Said
from tests.integration.adapters.signers.stage import surroundings

pytestmark = pytest.mark.xdist_group("signer-gcpKMS")


@pytest.fixture
def gke(google: GoogleCloud, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    for name, value in google_environment(google).items():
        monkeypatch.setenv(name, value)
    return google


@pytest.fixture
def federated(gke: GoogleCloud, token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    write_federation(gke, token_file, tmp_path / "credential.json")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credential.json"))
    return gke


def write_federation(server: GoogleCloud, token_file: Path, path: Path, **others: str) -> None:
    """What `gcloud iam workload-identity-pools create-cred-config` writes."""
    pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k8s"
    document = {
        "type": "external_account",
        "audience": pool,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{server.url}/sts/v1/token",
        "credential_source": {"file": str(token_file), "format": {"type": "text"}},
    }
    path.write_text(json.dumps(document | others))


def make(tmp_path: Path, name: str = google_cloud.VERSION) -> CloudKMS:
    return CloudKMS(GCPKey(name), surroundings(tmp_path))


async def refusal(signer: CloudKMS) -> TokenError:
    with pytest.raises(TokenError) as refused:
        await signer.sign(materials.text())
    await signer.aclose()
    assert [secret for secret in (TOKEN, "ya29.") if secret in materials.told(refused.value)] == []
    return refused.value


async def test_a_pod_on_gke_asks_the_metadata_server_once_for_many_signatures(gke: GoogleCloud, tmp_path: Path) -> None:
    signer = make(tmp_path)

    for _ in range(3):
        await signer.sign(materials.text())
    await signer.aclose()

    assert len([path for path in gke.paths() if "/token" in path]) == 1
    assert all(asked.headers.get("metadata-flavor") == "Google" for asked in gke.asked if "/v1/instance" in asked.path)


async def test_a_token_that_was_withdrawn_is_replaced_once(gke: GoogleCloud, tmp_path: Path) -> None:
    signer = make(tmp_path)
    await signer.sign(materials.text())
    gke.tokens.clear()

    signed = await signer.sign(materials.text())
    await signer.aclose()

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())


async def test_federation_exchanges_the_projected_token_and_asks_no_resource_manager(
    federated: GoogleCloud, tmp_path: Path
) -> None:
    signer = make(tmp_path)

    await signer.sign(materials.text())
    await signer.aclose()

    exchange, signing = federated.asked
    assert exchange.path == "/sts/v1/token"
    assert TOKEN.encode() in exchange.body
    assert signing.path.endswith(":asymmetricSign")


async def test_federation_may_impersonate_a_service_account_which_is_named_when_denied(
    gke: GoogleCloud, tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{gke.url}/v1/projects/-/serviceAccounts/{google_cloud.EMAIL}:generateAccessToken"
    write_federation(gke, token_file, tmp_path / "credential.json", service_account_impersonation_url=url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credential.json"))

    with gke.failing(":asymmetricSign", denied()):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerDenied)
    assert google_cloud.EMAIL in refused.message


def denied() -> Said:
    message = f"Permission 'cloudkms.cryptoKeyVersions.useToSign' denied on resource '{google_cloud.VERSION}'."
    return Said(403, {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}})


async def test_who_was_denied_on_gke_is_named(gke: GoogleCloud, tmp_path: Path) -> None:
    with gke.failing(":asymmetricSign", denied()):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerDenied)
    assert f"{google_cloud.EMAIL} may not sign" in refused.message


async def test_a_refusal_of_the_token_exchange_is_told_without_the_token(
    federated: GoogleCloud, tmp_path: Path
) -> None:
    body = {"error": "invalid_grant", "error_description": f"The given credential is rejected: {TOKEN}"}

    with federated.failing("/sts", Said(400, body)):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerDenied)
    assert "invalid_grant" in refused.message
    assert TOKEN not in str(refused)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_token_exchange_that_fails_is_no_refusal(federated: GoogleCloud, tmp_path: Path, status: int) -> None:
    with federated.failing("/sts", Said(status, f"<html>{TOKEN}")):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerUnavailable)
    assert TOKEN not in str(refused)


async def test_a_service_account_that_may_not_be_used_is_denied(gke: GoogleCloud, tmp_path: Path) -> None:
    with gke.failing("/token", Said(403, "Unable to generate access token", {"content-type": "text/plain"})):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerDenied)
    assert "HTTP 403" in refused.message


async def test_a_file_that_is_no_credential_is_denied_with_what_to_do(
    gke: GoogleCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del gke
    (tmp_path / "credential.json").write_text("{")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "credential.json"))

    refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerDenied)
    assert "Workload Identity Federation" in refused.message


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (400, "FAILED_PRECONDITION", SignerKeyInvalid),
        (400, "INVALID_ARGUMENT", SignerKeyInvalid),
        (404, "NOT_FOUND", SignerKeyInvalid),
        (403, "PERMISSION_DENIED", SignerDenied),
        (401, "UNAUTHENTICATED", SignerDenied),
        (429, "RESOURCE_EXHAUSTED", SignerThrottled),
        (503, "UNAVAILABLE", SignerUnavailable),
        (500, "INTERNAL", SignerUnavailable),
    ],
)
async def test_each_refusal_is_told_by_its_status(
    gke: GoogleCloud, tmp_path: Path, status: int, name: str, kind: type[TokenError]
) -> None:
    said = Said(status, {"error": {"code": status, "message": "words", "status": name}}, {"retry-after": "11"})

    with gke.failing(":asymmetricSign", said):
        refused = await refusal(make(tmp_path))

    assert type(refused) is kind
    if isinstance(refused, SignerUnavailable):
        assert refused.retry_after == 11.0


async def test_a_disabled_version_is_said_to_be_so(gke: GoogleCloud, tmp_path: Path) -> None:
    del gke

    refused = await refusal(make(tmp_path, google_cloud.DISABLED))

    assert isinstance(refused, SignerKeyInvalid)
    assert "current state is: DISABLED" in refused.message


@pytest.mark.parametrize("body", ["", "<html>", [], {"name": "n"}, {"signature": "?", "name": "n"}, {"signature": 7}])
async def test_an_answer_that_is_none_is_no_signature(gke: GoogleCloud, tmp_path: Path, body: object) -> None:
    with gke.failing(":asymmetricSign", Said(200, body)):
        assert isinstance(await refusal(make(tmp_path)), SignerUnavailable)


async def test_an_endless_answer_is_cut_off(gke: GoogleCloud, tmp_path: Path) -> None:
    with gke.failing(":asymmetricSign", Said(200, "x" * 300_000)):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerUnavailable)
    assert "too long" in refused.message


async def test_a_redirect_is_not_followed(gke: GoogleCloud, tmp_path: Path) -> None:
    with gke.failing(":asymmetricSign", Said(307, "", {"location": f"{gke.url}/elsewhere"})):
        refused = await refusal(make(tmp_path))

    assert isinstance(refused, SignerUnavailable)
    assert "/elsewhere" not in gke.paths()
