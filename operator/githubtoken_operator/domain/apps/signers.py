"""`spec.signer` of a ClusterGitHubApp: where the key is that signs for the App, and which hosts may be asked.

The operator signs with its own identity, so whoever names a key signs as that App: only a cluster administrator's kind
has the field. Exactly one of five services is named, which the CRD's rules hold; one frozen value stands for each.

An address that an object gives must be on a host that is allowed, as GitHub's must: the clouds' own are, any other (a
Vault's always) where `--allowed-hosts` has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.vocabulary import certificates, reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON

CLOUD_HOSTS: Final = (
    "*.amazonaws.com",
    "*.amazonaws.com.cn",
    "*.api.aws",
    "*.vault.azure.net",
    "*.vault.azure.cn",
    "*.vault.usgovcloudapi.net",
    "*.managedhsm.azure.net",
)
"""Where AWS and Azure serve keys; an account of theirs answers to its own credentials only."""


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A key of the transit engine of HashiCorp Vault or OpenBao. `version` None is the newest.

    The operator logs in by Kubernetes auth: `role` at `auth_mount`, with a projected token for `audience`.
    """

    address: str
    key: str
    role: str
    mount: str = "transit"
    version: int | None = None
    namespace: str | None = None
    ca_bundle: CABundle | None = None
    auth_mount: str = "kubernetes"
    audience: str = "vault"


@dataclass(frozen=True, slots=True)
class AWSKey:
    """A key of AWS KMS: its id, ARN, `alias/NAME` or an alias' ARN. `region` None is the environment's."""

    key_id: str
    region: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class GCPKey:
    """A version of a key of Google Cloud KMS, by its whole name."""

    key_version: str


@dataclass(frozen=True, slots=True)
class AzureKey:
    """A key of Azure Key Vault or Managed HSM. `version` None is the newest."""

    vault_url: str
    key: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class PKCS11Key:
    """A private key on a PKCS#11 token, by labels; the module and the PIN are the operator's."""

    token_label: str
    key_label: str


SignerKey = VaultKey | AWSKey | GCPKey | AzureKey | PKCS11Key


def parse(signer: JSON) -> SignerKey:
    """The value of a `spec.signer` that the API server accepted. KeyError where it names no service that is known."""
    if (vault := signer.get("vault")) is not None:
        return _vault(vault)
    if (aws := signer.get("awsKMS")) is not None:
        return AWSKey(key_id=aws["keyID"], region=aws.get("region"), endpoint_url=aws.get("endpointURL"))
    if (gcp := signer.get("gcpKMS")) is not None:
        return GCPKey(key_version=gcp["keyVersion"])
    if (azure := signer.get("azureKeyVault")) is not None:
        return AzureKey(vault_url=azure["vaultURL"], key=azure["key"], version=azure.get("version"))
    token = signer["pkcs11"]
    return PKCS11Key(token_label=token["tokenLabel"], key_label=token["keyLabel"])


def refusal(key: SignerKey, allowed: Iterable[str]) -> Terminal | None:
    """Why the service that the key is in may not be asked, or None."""
    field, url, built_in = _address(key)
    if url is None:
        return None
    problem = hosts.check_url(url, allowed, built_in=built_in)
    return Terminal(reasons.HOST_NOT_ALLOWED, f"`spec.signer.{field}` {problem}") if problem else None


def words(key: SignerKey) -> str:
    """What the key is called for humans: the service, and the key there."""
    match key:
        case VaultKey():
            return f"{key.address} {key.mount}/{key.key}" + (f" v{key.version}" if key.version else "")
        case AWSKey():
            return f"AWS KMS {key.key_id}"
        case GCPKey():
            return f"Google Cloud KMS {key.key_version}"
        case AzureKey():
            return f"{key.vault_url} {key.key}" + (f" {key.version}" if key.version else "")
        case PKCS11Key():
            return f"PKCS#11 {key.token_label}/{key.key_label}"


def ca_bundle(key: SignerKey | None) -> CABundle | None:
    """The CAs that its service is trusted by, where the object names them."""
    return key.ca_bundle if isinstance(key, VaultKey) else None


def _vault(vault: JSON) -> VaultKey:
    auth = vault["auth"]["kubernetes"]
    return VaultKey(
        address=hosts.normalised(vault["address"]),
        key=vault["key"],
        role=auth["role"],
        mount=vault.get("mount", "transit"),
        version=vault.get("version"),
        namespace=vault.get("namespace"),
        ca_bundle=certificates.of_base64(vault["caBundle"]) if vault.get("caBundle") else None,
        auth_mount=auth.get("mount", "kubernetes"),
        audience=auth.get("audience", "vault"),
    )


def _address(key: SignerKey) -> tuple[str, str | None, tuple[str, ...]]:
    """The field that names a host, what it names, and the hosts that need no flag there."""
    match key:
        case VaultKey(address=address):
            return "vault.address", address, ()
        case AWSKey(endpoint_url=url):
            return "awsKMS.endpointURL", url, CLOUD_HOSTS
        case AzureKey(vault_url=url):
            return "azureKeyVault.vaultURL", url, CLOUD_HOSTS
        case _:
            return "", None, ()
