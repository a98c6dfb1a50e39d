"""`spec.signer` as a value, and which hosts it may name."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.apps import signers
from githubtoken_operator.domain.apps.signers import AWSKey, AzureKey, GCPKey, PKCS11Key, SignerKey, VaultKey
from githubtoken_operator.domain.objects.specs.github_app import parse_app
from githubtoken_operator.domain.vocabulary import reasons
from tests.unit.builders import app_body, cluster_app_body

AUTH = {"kubernetes": {"role": "githubtoken"}}
VERSION = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"


@pytest.mark.parametrize(
    ("signer", "value"),
    [
        (
            {"vault": {"address": "https://Vault:8200", "key": "acme", "auth": AUTH}},
            VaultKey(address="https://vault:8200", key="acme", role="githubtoken"),
        ),
        (
            {
                "vault": {
                    "address": "https://vault:8200",
                    "mount": "team",
                    "key": "acme",
                    "version": 3,
                    "namespace": "ns",
                    "auth": {"kubernetes": {"role": "r", "mount": "east", "audience": "v"}},
                }
            },
            VaultKey("https://vault:8200", "acme", "r", "team", 3, "ns", auth_mount="east", audience="v"),
        ),
        ({"awsKMS": {"keyID": "alias/acme"}}, AWSKey("alias/acme")),
        (
            {"awsKMS": {"keyID": "alias/acme", "region": "eu-central-1", "endpointURL": "https://kms"}},
            AWSKey("alias/acme", "eu-central-1", "https://kms"),
        ),
        ({"gcpKMS": {"keyVersion": VERSION}}, GCPKey(VERSION)),
        (
            {"azureKeyVault": {"vaultURL": "https://acme.vault.azure.net", "key": "acme"}},
            AzureKey("https://acme.vault.azure.net", "acme"),
        ),
        ({"pkcs11": {"tokenLabel": "acme", "keyLabel": "github-app"}}, PKCS11Key("acme", "github-app")),
    ],
)
def test_a_signer_is_read(signer: dict[str, Any], value: SignerKey) -> None:
    assert parse_app(cluster_app_body(privateKeySecretRef=None, signer=signer)).signer == value


def test_an_app_of_a_namespace_never_has_one() -> None:
    assert parse_app(app_body(signer={"awsKMS": {"keyID": "alias/acme"}})).signer is None


@pytest.mark.parametrize(
    ("key", "allowed", "field"),
    [
        (VaultKey("https://vault:8200", "k", "r"), (), "vault.address"),
        (VaultKey("https://vault:8200", "k", "r"), ("vault:8200",), None),
        (VaultKey("https://vault:8200", "k", "r"), ("vault:8201",), "vault.address"),
        (VaultKey("https://github.com", "k", "r"), (), "vault.address"),
        (VaultKey("https://vault.amazonaws.com", "k", "r"), (), "vault.address"),
        (VaultKey("http://127.0.0.1:8200", "k", "r"), (), "vault.address"),
        (VaultKey("http://127.0.0.1:8200", "k", "r"), ("127.0.0.1:8200",), None),
        (AWSKey("alias/a"), (), None),
        (AWSKey("alias/a", endpoint_url="https://vpce-1.kms.eu-central-1.vpce.amazonaws.com"), (), None),
        (AWSKey("alias/a", endpoint_url="https://kms.example.com"), (), "awsKMS.endpointURL"),
        (AWSKey("alias/a", endpoint_url="https://kms.example.com"), ("*.example.com",), None),
        (GCPKey(VERSION), (), None),
        (AzureKey("https://acme.vault.azure.net", "a"), (), None),
        (AzureKey("https://acme.managedhsm.azure.net", "a"), (), None),
        (AzureKey("https://acme.vault.azure.net.evil.example", "a"), (), "azureKeyVault.vaultURL"),
        (PKCS11Key("a", "b"), (), None),
    ],
)
def test_only_a_host_that_is_allowed_is_asked(key: SignerKey, allowed: tuple[str, ...], field: str | None) -> None:
    refused = signers.refusal(key, allowed)

    assert (refused is not None) == (field is not None)
    if refused is not None and field is not None:
        assert refused.reason == reasons.HOST_NOT_ALLOWED
        assert refused.message.startswith(f"`spec.signer.{field}` must be on a host that `--allowed-hosts` has")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (VaultKey("https://vault:8200", "k", "r"), "https://vault:8200 transit/k"),
        (VaultKey("https://vault:8200", "k", "r", version=3), "https://vault:8200 transit/k v3"),
        (AWSKey("alias/a"), "AWS KMS alias/a"),
        (GCPKey(VERSION), f"Google Cloud KMS {VERSION}"),
        (AzureKey("https://acme.vault.azure.net", "a"), "https://acme.vault.azure.net a"),
        (PKCS11Key("a", "b"), "PKCS#11 a/b"),
    ],
)
def test_a_key_has_words_for_humans(key: SignerKey, words: str) -> None:
    assert signers.words(key) == words
