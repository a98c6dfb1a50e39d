"""Google Cloud KMS: google-auth for the identity (GKE's metadata server, federation), and one REST request.

The identity needs `cloudkms.cryptoKeyVersions.useToSign` and `.viewPublicKey` on the key. A version of a key has one
algorithm for ever, and one of RSA-PSS signs without a word: `public_key` looks at it.

The checksums of the API are left out: a digest or a signature that was damaged on the way makes a signature that does
not verify, and each is verified. `CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS` names another endpoint, as for gcloud, such
as one of Private Service Connect.

The identity is asked for without a scope and gets its scope afterwards: with one, google-auth first asks Resource
Manager for a project's name, which fails where that API is closed.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any, Final

import google.auth
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.requests

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.adapters.signers.services.rest import Rest, ServiceAnswer
from githubtoken_operator.adapters.signers.services.session import make_session
from githubtoken_operator.adapters.signers.services.threads import OneThread
from githubtoken_operator.domain.apps.signers import GCPKey
from githubtoken_operator.domain.signers import gcp
from githubtoken_operator.domain.signers.words import after
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerUnavailable, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON

SCOPE: Final = "https://www.googleapis.com/auth/cloudkms"
ENDPOINT: Final = "https://cloudkms.googleapis.com/"
ENDPOINT_VARIABLE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS"
_UNAUTHENTICATED: Final = 401
_STATUS: Final = re.compile(r"[Ss]tatus: (\d{3})\b")
"""What the metadata server answered, in google-auth's words."""


class CloudKMS:
    """One version of one key."""

    def __init__(self, key: GCPKey, surroundings: Surroundings) -> None:
        self._name = key.key_version
        self._endpoint = os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip("/")
        self._thread = OneThread("gcp-kms")
        self._session = make_session(surroundings.ca_file)
        self._rest = Rest("Google Cloud KMS", ca_file=surroundings.ca_file)
        self._credentials: Any = None

    async def sign(self, text: bytes) -> Signed:
        """Signs it; see the port."""
        digest = b64encode(hashlib.sha256(text).digest()).decode()
        answer = await self._ask("POST", f"{self._name}:asymmetricSign", {"digest": {"sha256": digest}})
        try:
            return Signed(b64decode(answer["signature"], validate=True), str(answer["name"]))
        except (KeyError, TypeError, NotBase64):
            raise SignerUnavailable("Google Cloud KMS gives an answer that holds no signature") from None

    async def public_key(self, key_id: str | None) -> PublicKey:
        """The public key of that version; see the port."""
        answer = await self._ask("GET", f"{key_id or self._name}/publicKey")
        name = str(answer.get("name") or self._name)
        if unfit := gcp.unfit(answer.get("algorithm"), key=name):
            raise unfit
        return keys.from_pem(name, str(answer.get("pem")))

    async def aclose(self) -> None:
        """Closes connections, and takes no more calls."""
        self._thread.close()
        self._session.close()
        await self._rest.aclose()

    async def _ask(self, method: str, path: str, body: JSON | None = None) -> JSON:
        answer = await self._sent(method, path, body, renew=False)
        if answer.status == _UNAUTHENTICATED:
            # The token may have been withdrawn before its end.
            answer = await self._sent(method, path, body, renew=True)
        if answer.ok:
            return answer.body
        raise gcp.refusal(
            answer.status,
            answer.body,
            key=self._name,
            identity=_identity(self._credentials),
            retry_after=answer.retry_after,
        )

    async def _sent(self, method: str, path: str, body: JSON | None, *, renew: bool) -> ServiceAnswer:
        bearer = await self._thread.run(lambda: self._bearer(renew=renew))
        headers = {"authorization": f"Bearer {bearer}"}
        return await self._rest.ask(method, f"{self._endpoint}/v1/{path}", headers=headers, body=body)

    def _bearer(self, *, renew: bool) -> str:
        request = google.auth.transport.requests.Request(session=self._session)
        try:
            if self._credentials is None:
                found, _ = google.auth.default(request=request)
                self._credentials = google.auth.credentials.with_scopes_if_required(found, [SCOPE])
            if renew or not self._credentials.valid:
                self._credentials.refresh(request)
        except Exception as error:  # noqa: BLE001 - an odd answer of the metadata server comes out as KeyError
            # Without the cause: it may quote what an endpoint answered.
            raise _meaning(error) from None
        token: str = self._credentials.token
        return token


def _identity(credentials: Any) -> str | None:
    email = getattr(credentials, "service_account_email", None)
    return email if isinstance(email, str) and "@" in email else None


def _meaning(error: Exception) -> TokenError:
    # The first argument is the library's sentence, or the error that it met; others are what an endpoint answered.
    about = error.args[0] if error.args else None
    if isinstance(error, google.auth.exceptions.DefaultCredentialsError):
        return SignerDenied(
            f"the operator's pod has no identity at Google Cloud{after(': ', about)}. Give its ServiceAccount one by "
            "Workload Identity Federation"
        )
    status = _STATUS.search(str(about))
    refused = about.startswith("Error code ") if isinstance(about, str) and status is None else _is_refusal(status)
    if isinstance(error, (google.auth.exceptions.RefreshError, google.auth.exceptions.OAuthError)) and refused:
        shown = f" (HTTP {status[1]})" if status else after(": ", about)
        return SignerDenied(
            f"Google Cloud gives the operator's identity no token{shown}. Check what its ServiceAccount is bound to"
        )
    return SignerUnavailable(f"Google Cloud gives the operator no token ({type(error).__name__})")


def _is_refusal(status: re.Match[str] | None) -> bool:
    return status is not None and status[1].startswith("4") and status[1] != "429"
