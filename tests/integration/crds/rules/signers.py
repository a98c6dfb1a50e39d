"""Signers that the API server must accept, and those that it must refuse, each with the field and the message."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

PATH: Final = "must be a path of letters, digits, `-`, `_` and `.`, without a slash at its ends"
URL: Final = "must be an https URL of a host and perhaps a port, without path and trailing slash"
HTTPS: Final = "must be https (http only for loopback hosts)"
ONE: Final = "exactly one of `vault`, `awsKMS`, `gcpKMS`, `azureKeyVault` and `pkcs11` must be set"
EXCLUSIVE: Final = (
    "`privateKeySecretRef` and `signer` exclude each other: the key is in a Secret, or in the service that signs"
)
BASE64: Final = "must be base64 in one line, as `base64 -w0` writes it"
CA_BUNDLE: Final = "must be certificates in PEM, encoded as base64, and no private key"
CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

KEY: Final = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
VERSION: Final = KEY + "/cryptoKeyVersions/1"
ARN: Final = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
AUTH: Final = {"kubernetes": {"role": "githubtoken"}}
VAULT: Final[dict[str, Any]] = {"address": "https://vault:8200", "key": "acme", "auth": AUTH}
AZURE: Final = {"vaultURL": "https://acme.vault.azure.net", "key": "acme"}


def vault(**fields: object) -> dict[str, Any]:
    return {"vault": VAULT | fields}


def auth(**fields: object) -> dict[str, Any]:
    return vault(auth={"kubernetes": {"role": "githubtoken"} | fields})


ACCEPTED: Final = [
    pytest.param(vault(), id="Vault"),
    pytest.param(
        vault(
            mount="team/transit",
            version=3,
            namespace="admin/team",
            caBundle=base64.b64encode(CERTIFICATE.encode()).decode(),
            auth={"kubernetes": {"role": "a", "mount": "clusters/east", "audience": "https://vault.example.com:8200"}},
        ),
        id="all of Vault",
    ),
    pytest.param(vault(address="http://127.0.0.1:8200"), id="Vault on loopback"),
    pytest.param(vault(address="https://[2001:db8::1]:8200"), id="Vault at an address"),
    *(
        pytest.param({"awsKMS": {"keyID": key}}, id=key)
        for key in (
            ARN,
            ARN.split("/")[1],
            "mrk-0a1b2c3d0a1b0a1b0a1b0a1b2c3d4e5f",
            "alias/acme",
            "arn:aws-cn:kms:cn-north-1:111122223333:alias/team/acme",
        )
    ),
    pytest.param(
        {"awsKMS": {"keyID": "alias/acme", "region": "us-gov-west-1", "endpointURL": "https://kms.example.com"}},
        id="all of AWS",
    ),
    pytest.param({"gcpKMS": {"keyVersion": VERSION}}, id="Google"),
    pytest.param({"gcpKMS": {"keyVersion": VERSION.replace("/p/", "/acme.com:p-1/")}}, id="a project of a domain"),
    pytest.param({"azureKeyVault": AZURE}, id="Azure"),
    pytest.param({"azureKeyVault": AZURE | {"version": "0a" * 16}}, id="Azure with a version"),
    pytest.param({"pkcs11": {"tokenLabel": "acme", "keyLabel": "github-app"}}, id="PKCS#11"),
]

_WRONG_HOSTS: Final = (
    "",
    "vault:8200",
    "https://",
    "https://a@vault",
    "https://vault/",
    "https://vault/v1",
    "https://v:0",
)

REFUSED: Final = [
    pytest.param({}, "", ONE, id="no signer"),
    pytest.param(vault() | {"gcpKMS": {"keyVersion": VERSION}}, "", ONE, id="two signers"),
    *(
        pytest.param({field: base | {name: url}}, f"{field}.{name}", URL, id=f"{name} {url!r}")
        for field, name, base in (
            ("vault", "address", VAULT),
            ("awsKMS", "endpointURL", {"keyID": "alias/acme"}),
            ("azureKeyVault", "vaultURL", AZURE),
        )
        for url in _WRONG_HOSTS
    ),
    pytest.param(vault(address="http://vault:8200"), "vault.address", HTTPS, id="Vault without TLS"),
    pytest.param(
        {"awsKMS": {"keyID": "alias/acme", "endpointURL": "http://kms.example.com"}},
        "awsKMS.endpointURL",
        HTTPS,
        id="AWS without TLS",
    ),
    pytest.param(
        {"azureKeyVault": AZURE | {"vaultURL": "http://localhost"}},
        "azureKeyVault.vaultURL",
        URL,
        id="Azure without TLS",
    ),
    *(
        pytest.param(vault(**{field: path}), f"vault.{field}", PATH, id=f"{field} {path!r}")
        for field in ("mount", "namespace")
        for path in ("", "/a", "a/", "a//b", "../sys", "a/../b", "a?b")
    ),
    *(
        pytest.param(
            vault(key=key), "vault.key", "must be the name of a key, of letters, digits, `-`, `_` and `.`", id=repr(key)
        )
        for key in ("", "a/b", "..", "a b")
    ),
    pytest.param(vault(version=0), "vault.version", "should be greater than or equal to 1", id="version 0"),
    pytest.param(vault(caBundle="not base64"), "vault.caBundle", BASE64, id="a CA that is not base64"),
    pytest.param(vault(caBundle="eHh4"), "vault.caBundle", CA_BUNDLE, id="a CA that is no certificate"),
    pytest.param(vault(auth={}), "vault.auth.kubernetes", "Required value", id="no way to log in"),
    pytest.param(
        auth(role="a/b"),
        "vault.auth.kubernetes.role",
        "must be the name of a role, of letters, digits, `-`, `_` and `.`",
        id="a role that is a path",
    ),
    pytest.param(auth(mount="/kubernetes"), "vault.auth.kubernetes.mount", PATH, id="an auth mount with a slash"),
    pytest.param(
        auth(audience="a b"),
        "vault.auth.kubernetes.audience",
        "must be an audience, of letters, digits, `.`, `_`, `-`, `:` and `/`",
        id="an audience with a blank",
    ),
    *(
        pytest.param(
            {"awsKMS": {"keyID": key}},
            "awsKMS.keyID",
            "must be the ARN or the id of a key, `alias/NAME`, or the ARN of an alias",
            id=f"the AWS key {key!r}",
        )
        for key in ("", "acme", "arn:aws:s3:::bucket", ARN.replace("111122223333", "1"), "alias/")
    ),
    pytest.param(
        {"awsKMS": {"keyID": "alias/acme", "region": "Frankfurt"}},
        "awsKMS.region",
        "must be a region, such as eu-central-1",
        id="a region in words",
    ),
    *(
        pytest.param(
            {"gcpKMS": {"keyVersion": name}},
            "gcpKMS.keyVersion",
            "must be projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N",
            id=f"the version {name!r}",
        )
        for name in ("", KEY, KEY + "/cryptoKeyVersions/", VERSION + "/..", "/" + VERSION)
    ),
    pytest.param(
        {"azureKeyVault": AZURE | {"key": "a_b"}},
        "azureKeyVault.key",
        "must be the name of a key, of letters, digits and `-`",
        id="an Azure key with an underscore",
    ),
    pytest.param(
        {"azureKeyVault": AZURE | {"version": "3"}},
        "azureKeyVault.version",
        "must be the version of a key, of 32 digits from 0 to f",
        id="an Azure version that is a number",
    ),
    pytest.param(
        {"pkcs11": {"tokenLabel": "a" * 33, "keyLabel": "k"}},
        "pkcs11.tokenLabel",
        "may not be more than 32 bytes",
        id="a label that no token has",
    ),
    pytest.param({"pkcs11": {"tokenLabel": "a"}}, "pkcs11.keyLabel", "Required value", id="no label of a key"),
]  # fmt: skip
