"""Which module signs for which field of `spec.signer`.

A sixth service is one row here, one class in a module, and its value in `domain.apps.signers`. The module, and with it
its libraries, is imported when the first App names its field; each is an extra of the distribution.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Final

from githubtoken_operator.adapters.signers.port import Signer, Surroundings
from githubtoken_operator.domain.apps.signers import AWSKey, AzureKey, GCPKey, PKCS11Key, SignerKey, VaultKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal


@dataclass(frozen=True, slots=True)
class Backend:
    """`name` is the label of the metrics; `signer` the class in `services` that is made of a key and `Surroundings`.

    `extra` is that of the distribution which brings its libraries; none where it needs none.
    """

    name: str
    signer: str
    extra: str | None = None


BACKENDS: Final[dict[type[SignerKey], Backend]] = {
    VaultKey: Backend("vault", "vault:VaultSigner"),
    AWSKey: Backend("awsKMS", "aws_kms:AWSKMS", extra="aws"),
    GCPKey: Backend("gcpKMS", "gcp_kms:CloudKMS", extra="gcp"),
    AzureKey: Backend("azureKeyVault", "azure_key_vault:KeyVault", extra="azure"),
    PKCS11Key: Backend("pkcs11", "pkcs11:PKCS11Signer", extra="pkcs11"),
}
"""By the value of the field; `Backend.name` is the field's."""


def backend_of(key: SignerKey) -> Backend:
    """The row of the field that gave this value."""
    return BACKENDS[type(key)]


async def open_signer(key: SignerKey, surroundings: Surroundings) -> Signer:
    """The signer for it, which has asked nobody yet. `Terminal(InvalidSpec)` where its libraries are not installed."""
    backend = backend_of(key)
    try:
        # Some of the libraries take a quarter of a second to import.
        make = await asyncio.to_thread(resolve_name, f"{__package__}.services.{backend.signer}")
    except ImportError as error:
        raise Terminal(
            reasons.INVALID_SPEC,
            f"`spec.signer.{backend.name}` needs libraries that this operator has not: install "
            f"`githubtoken-operator[{backend.extra or backend.name}]`, or use the image, which has them ({error.name})",
        ) from error
    signer: Signer = make(key, surroundings)
    return signer
