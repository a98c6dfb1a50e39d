"""AWS KMS: where credentials come from, aliases that move, and each refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from githubtoken_operator.adapters.signers.services.aws_kms import AWSKMS
from githubtoken_operator.domain.apps.signers import AWSKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    Terminal,
    TokenError,
)
from tests.integration.adapters.signers.conftest import TOKEN
from tests.integration.adapters.signers.services import amazon, eks, materials
from tests.integration.adapters.signers.services.standin import Asked, Said, StandIn
from tests.integration.adapters.signers.stage import surroundings

pytestmark = pytest.mark.xdist_group("signer-awsKMS")

POD_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJwb2RzLmVrcyJ9.Y2FuYXJ5LXBvZC10b2tlbg"
CREDENTIAL = amazon.CREDENTIALS["AWS_SECRET_ACCESS_KEY"]


class Refusing(StandIn):
    """A KMS that refuses by a code. `status` is 400 for nearly all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.said_next = Said(400, amazon.error("NotFoundException"))

    def answer(self, asked: Asked) -> Said:
        del asked
        return self.said_next


@pytest.fixture
def kms() -> Iterator[Refusing]:
    with Refusing() as server:
        yield server


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[eks.Agent]:
    with eks.Agent(POD_TOKEN) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/v1/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "eks-token"))
        (tmp_path / "eks-token").write_text(POD_TOKEN)
        yield server


@pytest.fixture
def sts(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[eks.STS]:
    with eks.STS() as server:
        monkeypatch.setenv("AWS_ROLE_ARN", eks.ROLE)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in amazon.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def at(url: str, name: str = "alias/acme", region: str | None = amazon.REGION) -> AWSKMS:
    return AWSKMS(AWSKey(name, region, url), surroundings(Path("/none")))


async def refusal(signer: AWSKMS) -> TokenError:
    with pytest.raises(TokenError) as refused:
        await signer.sign(materials.text())
    assert [
        secret for secret in (TOKEN, POD_TOKEN, eks.SECRET, CREDENTIAL) if secret in materials.told(refused.value)
    ] == []
    return refused.value


async def test_pod_identity_gives_credentials_and_the_token_file_may_end_in_a_line_break(
    agent: eks.Agent, local_kms: str, tmp_path: Path
) -> None:
    (tmp_path / "eks-token").write_text(f"{POD_TOKEN}\r\n")
    signer = at(local_kms)

    for _ in range(3):
        signed = await signer.sign(materials.text())

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())
    assert len(agent.given) == 1


async def test_pod_identity_without_an_association_is_denied_without_what_the_agent_said(
    agent: eks.Agent, local_kms: str
) -> None:
    agent.token = "another"

    denied = await refusal(at(local_kms))

    assert isinstance(denied, SignerDenied)
    assert "HTTP 403" in denied.message
    assert "association" in denied.message
    assert POD_TOKEN not in str(denied)


async def test_an_agent_that_is_away_is_no_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, local_kms: str
) -> None:
    (tmp_path / "eks-token").write_text(POD_TOKEN)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "eks-token"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1/v1/credentials")

    assert isinstance(await refusal(at(local_kms)), SignerUnavailable)


async def test_a_token_file_that_is_not_there_is_no_refusal(agent: eks.Agent, tmp_path: Path, local_kms: str) -> None:
    (tmp_path / "eks-token").unlink()

    assert isinstance(await refusal(at(local_kms)), SignerUnavailable)
    assert not agent.asked


async def test_irsa_gives_credentials_for_the_projected_token(sts: eks.STS, local_kms: str) -> None:
    signed = await at(local_kms).sign(materials.text())

    assert signed.key_id == f"{amazon.ARN}/{amazon.ACME}"
    assert sts.shown == [TOKEN]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", SignerDenied),
        ("InvalidIdentityToken", SignerDenied),
        ("ExpiredTokenException", SignerDenied),
        ("IDPCommunicationError", SignerUnavailable),
        ("Throttling", SignerThrottled),
    ],
)
async def test_a_refusal_of_sts_is_told_by_its_code(
    sts: eks.STS, local_kms: str, code: str, kind: type[TokenError]
) -> None:
    with sts.failing("/", eks.refused(code, "Not authorized to perform sts:AssumeRoleWithWebIdentity")):
        refused = await refusal(at(local_kms))

    assert type(refused) is kind
    assert TOKEN not in str(refused)


async def test_the_key_of_moto_signs_with_credentials_of_motos_sts(
    moto: str, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", eks.ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    key = amazon.client(moto).create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    signer = at(moto, key["KeyId"])

    signed = await signer.sign(materials.text())
    public = await signer.public_key(signed.key_id)

    assert signed.key_id == key["Arn"]
    public.key.verify(signed.signature, materials.text(), padding.PKCS1v15(), hashes.SHA256())


async def test_a_pod_without_an_identity_is_denied_with_what_to_do(local_kms: str) -> None:
    denied = await refusal(at(local_kms))

    assert isinstance(denied, SignerDenied)
    assert "IRSA or EKS Pod Identity" in denied.message


@pytest.mark.usefixtures("stored")
async def test_an_alias_that_moved_is_seen_in_the_next_answer(local_kms: str) -> None:
    arranging = amazon.client(local_kms)
    arranging.create_alias(AliasName="alias/moving", TargetKeyId=amazon.ACME)
    signer = at(local_kms, "alias/moving")
    before = await signer.sign(materials.text())

    arranging.update_alias(AliasName="alias/moving", TargetKeyId=amazon.NEXT)
    after = await signer.sign(materials.text())
    public = await signer.public_key(after.key_id)

    assert before.key_id != after.key_id == f"{amazon.ARN}/{amazon.NEXT}"
    assert public.key.public_numbers() == materials.rsa_key("next").public_key().public_numbers()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("state", ["disabled", "pending deletion"])
async def test_a_key_that_is_not_enabled_is_said_to_be_so(local_kms: str, state: str) -> None:
    arranging = amazon.client(local_kms)
    key = arranging.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    if state == "disabled":
        arranging.disable_key(KeyId=key)
    else:
        arranging.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    refused = await refusal(at(local_kms, key))

    assert isinstance(refused, SignerKeyInvalid)
    assert ("DisabledException" if state == "disabled" else "KMSInvalidStateException") in refused.message


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("usage", ["AES", "RSA to encrypt"])
async def test_a_key_for_something_else_is_named_with_what_it_is_for(local_kms: str, usage: str) -> None:
    spec = "SYMMETRIC_DEFAULT" if usage == "AES" else "RSA_2048"
    key = amazon.client(local_kms).create_key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]

    refused = await refusal(at(local_kms, key))

    assert isinstance(refused, SignerKeyInvalid)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "AccessDeniedException", SignerDenied),
        (400, "com.amazonaws.kms#DisabledException", SignerKeyInvalid),
        (400, "ThrottlingException", SignerThrottled),
        (400, "LimitExceededException", SignerThrottled),
        (500, "KMSInternalException", SignerUnavailable),
        (500, "DependencyTimeoutException", SignerUnavailable),
        (500, "KeyUnavailableException", SignerUnavailable),
        (400, "InvalidKeyUsageException", SignerKeyInvalid),
    ],
)
async def test_the_code_and_not_the_status_tells(kms: Refusing, status: int, code: str, kind: type[TokenError]) -> None:
    kms.said_next = Said(status, amazon.error(code, "words"), {"content-type": "application/x-amz-json-1.1"})

    assert type(await refusal(at(kms.url))) is kind
    assert len(kms.asked) == 1


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("body", ["", "<html>", "[]", json.dumps({"KeyId": "k"})])
async def test_an_answer_that_is_none_is_no_signature(kms: Refusing, body: str) -> None:
    kms.said_next = Said(200, body)

    assert isinstance(await refusal(at(kms.url)), SignerUnavailable)


@pytest.mark.usefixtures("stored")
async def test_what_is_asked_is_rs256_over_the_text_itself(kms: Refusing) -> None:
    await refusal(at(kms.url))

    (asked,) = kms.asked
    sent: dict[str, Any] = asked.json()
    assert asked.headers["x-amz-target"] == "TrentService.Sign"
    assert sent["MessageType"] == "RAW"
    assert sent["SigningAlgorithm"] == "RSASSA_PKCS1_V1_5_SHA_256"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("name", "region", "found"),
    [
        ("alias/acme", "eu-west-1", "eu-west-1"),
        ("arn:aws:kms:eu-central-1:111122223333:alias/acme", None, "eu-central-1"),
        ("alias/acme", None, "us-east-1"),
    ],
)
async def test_the_region_is_the_objects_or_the_arns_or_the_environments(
    kms: Refusing, monkeypatch: pytest.MonkeyPatch, name: str, region: str | None, found: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    await refusal(at(kms.url, name, region))

    assert f"/{found}/kms/aws4_request" in kms.asked[0].headers["authorization"]


@pytest.mark.usefixtures("stored")
async def test_without_any_region_the_object_is_to_name_one(kms: Refusing) -> None:
    refused = await refusal(at(kms.url, region=None))

    assert isinstance(refused, Terminal)
    assert refused.reason == reasons.INVALID_SPEC
    assert "`spec.signer.awsKMS.region`" in refused.message
