"""Azure Key Vault and Managed HSM: azure-identity for the identity, and one REST request.

The identity needs the actions read and sign on keys. What is signed is the digest. A signature needs a version's name,
so where `spec` pins none the newest is asked for before each: a version that is added signs from then on.

azure-identity renews its token by itself and reads the projected token again at each exchange. It logs a refusal with
Entra ID's text; `adapters.logs` keeps it silent, and what it says is in the App's condition.
"""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.adapters.signers.services.rest import Rest, ServiceAnswer
from githubtoken_operator.adapters.signers.services.session import make_session
from githubtoken_operator.adapters.signers.services.threads import OneThread
from githubtoken_operator.domain.apps.signers import AzureKey
from githubtoken_operator.domain.signers import azure
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerKeyInvalid, SignerUnavailable, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON

API: Final = "7.4"
RESOURCES: Final = (
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
)
"""What a token can be for, by the end of the vault's host."""


class KeyVault:
    """One key, in the version that is pinned or in its newest."""

    def __init__(self, key: AzureKey, surroundings: Surroundings) -> None:
        self._key = key
        self._url = f"{key.vault_url.rstrip('/')}/keys/{key.key}"
        self._scope = f"https://{resource(key.vault_url)}/.default"
        self._thread = OneThread("azure-key-vault")
        self._session = make_session(surroundings.ca_file)
        self._rest = Rest("Azure Key Vault", ca_file=surroundings.ca_file)
        self._credential: ManagedIdentityCredential | None = None

    async def sign(self, text: bytes) -> Signed:
        """Signs it; see the port."""
        version = self._key.version or (await self._newest()).rpartition("/")[2]
        digest = urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
        answer = await self._ask("POST", f"/{version}/sign", {"alg": "RS256", "value": digest})
        try:
            return Signed(_bytes(answer["value"]), str(answer["kid"]))
        except (KeyError, TypeError, ValueError):
            raise SignerUnavailable("Azure Key Vault gives an answer that holds no signature") from None

    async def public_key(self, key_id: str | None) -> PublicKey:
        """The public key of that `kid`, or of the version that would sign now; see the port."""
        version = key_id.rpartition("/")[2] if key_id else self._key.version
        answer = await self._ask("GET", f"/{version}" if version else "")
        found, enabled = mapping(answer.get("key")), mapping(answer.get("attributes")).get("enabled")
        kid = str(found.get("kid"))
        unfit = azure.unfit(kind=found.get("kty"), operations=found.get("key_ops"), enabled=enabled, key=kid)
        if unfit is not None:
            raise unfit
        try:
            modulus, exponent = (int.from_bytes(_bytes(found[name])) for name in ("n", "e"))
        except (KeyError, TypeError, ValueError):
            raise SignerKeyInvalid(f"what Azure Key Vault says of `{kid}` holds no public key") from None
        return keys.from_numbers(kid, modulus=modulus, exponent=exponent)

    async def aclose(self) -> None:
        """Closes connections, and takes no more calls."""
        self._thread.close()
        self._session.close()
        await self._rest.aclose()

    async def _newest(self) -> str:
        """The `kid` of the newest version."""
        answer = await self._ask("GET", "")
        kid = mapping(answer.get("key")).get("kid")
        if not isinstance(kid, str):
            raise SignerUnavailable("Azure Key Vault gives an answer that holds no key")
        return kid

    async def _ask(self, method: str, path: str, body: JSON | None = None) -> JSON:
        bearer = await self._thread.run(self._bearer)
        answer: ServiceAnswer = await self._rest.ask(
            method,
            f"{self._url}{path}?api-version={API}",
            headers={"authorization": f"Bearer {bearer}"},
            body=body,
        )
        if answer.ok:
            return answer.body
        raise azure.refusal(answer.status, answer.body, key=self._key.key, retry_after=answer.retry_after)

    def _bearer(self) -> str:
        try:
            if self._credential is None:
                self._credential = _credential(self._session)
            return str(self._credential.get_token(self._scope).token)
        except Exception as error:  # noqa: BLE001 - the library lets out what an odd answer makes it raise
            # Without the cause: it holds the request, and with it the projected token.
            raise _meaning(error) from None


def resource(vault_url: str) -> str:
    """What a token for that vault is for: Azure's clouds differ; a name of one's own stands for the public one."""
    host = urlsplit(vault_url).hostname or ""
    return next((end for end in RESOURCES if host.endswith(f".{end}")), RESOURCES[0])


def _credential(session: Any) -> ManagedIdentityCredential:
    """Workload identity where its variables are there, else the node's managed identity: the library's own order."""
    return ManagedIdentityCredential(
        client_id=os.environ.get("AZURE_CLIENT_ID"),
        transport=RequestsTransport(session=session, session_owner=False),
        retry_total=0,
    )


def _meaning(error: Exception) -> TokenError:
    if isinstance(error, CredentialUnavailableError):
        return SignerDenied(
            "the operator's pod has no identity at Azure: give its ServiceAccount one by workload identity, and the "
            'pod the label `azure.workload.identity/use: "true"`'
        )
    if isinstance(error, ClientAuthenticationError):
        return azure.entra_refusal(str(error))
    return SignerUnavailable(f"Entra ID does not answer the operator ({type(error).__name__})")


def _bytes(text: str) -> bytes:
    """Base64url without padding, as in a JSON web key."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
