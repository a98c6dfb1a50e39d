"""HashiCorp Vault and OpenBao: a key of the transit engine, by HTTP alone.

The operator logs in by Kubernetes auth, with a projected token for the very audience that the App names: never with the
pod's ordinary one, which the API server takes. The token that Vault gives is kept in memory for its lease, and given
back at the end. A 403 may mean that it has gone before its time: it is logged in once more, and a second 403 believed.

Vault signs by PSS where it is not told otherwise, and with EC keys whatever it is told; a status of 500 may be its own
trouble or a refusal, which only its text tells apart. Redirects are not followed: a standby forwards by itself.

Policy: `update` on `MOUNT/sign/KEY`, `read` on `MOUNT/keys/KEY`.
https://developer.hashicorp.com/vault/api-docs/secret/transit, https://openbao.org/api-docs/secret/transit/
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.adapters.signers.services.rest import Rest, ServiceAnswer
from githubtoken_operator.domain.apps.signers import VaultKey
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact

_BEFORE_END: Final = 30.0
"""Seconds before the end of its lease that a token is replaced, of a short lease a third."""
_LAST_WORD: Final = 1.0
_LONGEST_WORDS: Final = 300
_KEY_TYPES: Final = frozenset({"rsa-2048", "rsa-3072", "rsa-4096"})
_AUDIENCE_IN_PATH: Final = re.compile(r"[^A-Za-z0-9.-]")
_SIGNATURE: Final = re.compile(r"(?:vault|bao):v([1-9][0-9]{0,9}):([A-Za-z0-9_=-]+)")
_KEY_ID: Final = re.compile(r".* v([1-9][0-9]{0,9})")
_REFUSALS_OF_THE_KEY: Final = re.compile(
    r"soft-deleted|requested version|key version|private key|does not support|not found|no key|unsupported",
    re.IGNORECASE,
)
"""What a 500 says where the key, and not Vault, is the trouble."""


@dataclass(frozen=True, slots=True)
class _Login:
    """A token of Vault's; `until` in monotonic seconds, `who` as Vault knows the operator."""

    token: str = field(repr=False)
    until: float
    who: str


def token_file(folder: Path, audience: str) -> Path:
    """Where the chart projects the token for an audience."""
    return folder / _AUDIENCE_IN_PATH.sub("_", audience)


class VaultSigner:
    """One key of one Vault."""

    def __init__(self, key: VaultKey, surroundings: Surroundings) -> None:
        self._key = key
        self._token_file = token_file(surroundings.token_folder, key.audience)
        self._rest = Rest(key.address, ca_file=surroundings.ca_file, ca_bundle=key.ca_bundle)
        self._login: _Login | None = None
        self._name = f"{key.mount}/{key.key}"

    async def sign(self, text: bytes) -> Signed:
        """`POST MOUNT/sign/KEY`."""
        wanted: dict[str, Any] = {
            "input": b64encode(text).decode(),
            "hash_algorithm": "sha2-256",
            "signature_algorithm": "pkcs1v15",
            "marshaling_algorithm": "jws",
        }
        if self._key.version is not None:
            wanted["key_version"] = self._key.version
        data = await self._ask("POST", f"{self._key.mount}/sign/{self._key.key}", "update", wanted)
        found = _SIGNATURE.fullmatch(str(data.get("signature", "")))
        if found is None:
            raise SignerUnavailable(f"{self._key.address} answered without a signature that is understood")
        version, signature = found.groups()
        return Signed(urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), self._id(int(version)))

    async def public_key(self, key_id: str | None) -> PublicKey:
        """`GET MOUNT/keys/KEY`."""
        data = await self._ask("GET", f"{self._key.mount}/keys/{self._key.key}", "read", None)
        named = _KEY_ID.fullmatch(key_id or "")
        version = named[1] if named else str(self._key.version or data.get("latest_version"))
        kind, versions = data.get("type"), data.get("keys")
        if kind not in _KEY_TYPES:
            raise SignerKeyInvalid(f"the key `{self._name}` {keys.MUST}, but it is of the type `{kind}`")
        found = versions.get(version) if isinstance(versions, Mapping) else None
        if not isinstance(found, Mapping):
            raise SignerKeyInvalid(f"the key `{self._name}` has no version {version} that may still sign")
        return keys.from_pem(self._id(int(version)), str(found.get("public_key", "")))

    async def aclose(self) -> None:
        """Gives the token back, where that works at once, and ends the connections."""
        login, self._login = self._login, None
        with suppress(TokenError, TimeoutError):
            async with asyncio.timeout(_LAST_WORD):
                if login is not None:
                    await self._send("POST", "auth/token/revoke-self", {}, login.token)
        await self._rest.aclose()

    def _id(self, version: int) -> str:
        return f"{self._name} v{version}"

    # --- Asking, logged in -------------------------------------------------------------------------------------------

    async def _ask(self, method: str, path: str, right: str, body: JSON | None) -> JSON:
        known = self._login
        if known is None or time.monotonic() >= known.until:
            known = None
        login = known or await self._log_in()
        reply = await self._send(method, path, body, login.token)
        if reply.status == HTTPStatus.FORBIDDEN and known is not None:
            login = await self._log_in()
            reply = await self._send(method, path, body, login.token)
        if reply.status == HTTPStatus.OK:
            return mapping(reply.body.get("data"))
        if reply.status == HTTPStatus.FORBIDDEN:
            raise SignerDenied(
                f"{self._key.address} refuses {login.who}: {_words(reply)}. Let a policy of the role "
                f"`{self._key.role}` grant `{right}` on `{path}`"
            )
        raise self._failure(reply, path)

    def _failure(self, reply: ServiceAnswer, path: str) -> TokenError:
        """Any other answer than 200 and 403."""
        self._raise_if_away(reply)
        if reply.status == HTTPStatus.NOT_FOUND:
            where = f" of the namespace `{self._key.namespace}`" if self._key.namespace else ""
            return SignerKeyInvalid(
                f"there is no `{path}`{where} at {self._key.address} ({_words(reply)}): check `mount`, `key` and "
                "`namespace` of `spec.signer.vault`, and import the key that GitHub made"
            )
        said = _words(reply)
        if reply.status == HTTPStatus.BAD_REQUEST or _REFUSALS_OF_THE_KEY.search(said):
            return SignerKeyInvalid(f"the key `{self._name}` {keys.MUST}, but {self._key.address} says: {said}")
        return SignerUnavailable(f"{self._key.address} failed: {said}")

    def _raise_if_away(self, reply: ServiceAnswer) -> None:
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise SignerThrottled(f"{self._key.address} limits the operator: {_words(reply)}")
        # 412 says that a replica is not up to date yet, 472 and 473 that it is a standby of another cluster.
        behind = reply.status in {HTTPStatus.PRECONDITION_FAILED, 472, 473}
        if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
            raise SignerUnavailable(f"{self._key.address} sends on to another server, which is not followed")
        if behind or reply.status > HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SignerUnavailable(f"{self._key.address} does not sign at present: {_words(reply)}")

    async def _log_in(self) -> _Login:
        """`POST auth/MOUNT/login`; the projected token is read anew, since kubelet replaces it."""
        self._login = None
        try:
            token = (await asyncio.to_thread(self._token_file.read_text)).strip()
        except (OSError, ValueError):
            raise SignerDenied(
                f"there is no projected token for the audience `{self._key.audience}` at {self._token_file}: have the "
                "chart's value `signers.vault.audiences` name the audience"
            ) from None
        path = f"auth/{self._key.auth_mount}/login"
        began = time.monotonic()
        reply = await self._send("POST", path, {"role": self._key.role, "jwt": token}, None)
        auth = reply.body.get("auth")
        if reply.status == HTTPStatus.OK and isinstance(auth, Mapping) and isinstance(auth.get("client_token"), str):
            lease = float(auth.get("lease_duration") or 0)
            # A lease of 0 is one without an end; it is asked for anew at times all the same.
            lasts = lease - min(_BEFORE_END, lease / 3) if lease else 3600.0
            self._login = _Login(auth["client_token"], began + lasts, _who(auth, self._key.role))
            return self._login
        self._raise_if_away(reply)
        if reply.status in {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.OK}:
            raise SignerUnavailable(f"{self._key.address} cannot check the operator's token: {_words(reply)}")
        raise SignerDenied(
            f"{self._key.address} refuses the login at `{path}` as the role `{self._key.role}` with a token for the "
            f"audience `{self._key.audience}`: {_words(reply)}. Bind the role to the operator's ServiceAccount"
        )

    # --- HTTP --------------------------------------------------------------------------------------------------------

    async def _send(self, method: str, path: str, body: JSON | None, token: str | None) -> ServiceAnswer:
        # A connection of its own, minutes after the last: one that is kept would be found stale.
        headers = {"accept": "application/json", "accept-encoding": "identity", "connection": "close"}
        headers["x-vault-request"] = "true"
        if token is not None:
            headers["x-vault-token"] = token
        if self._key.namespace is not None:
            headers["x-vault-namespace"] = self._key.namespace
        return await self._rest.ask(method, f"{self._key.address}/v1/{path}", headers=headers, body=body)


def _words(reply: ServiceAnswer) -> str:
    """What Vault says of an error, for humans."""
    errors = reply.body.get("errors")
    said = "; ".join(str(each) for each in errors) if isinstance(errors, list) else ""
    return redact(" ".join(said.split()))[:_LONGEST_WORDS] or f"status {reply.status}"


def _who(auth: Mapping[str, Any], role: str) -> str:
    """Whom Vault has recognised."""
    about = mapping(auth.get("metadata"))
    names = [str(about.get(f"service_account_{part}", ""))[:253] for part in ("namespace", "name")]
    return f"ServiceAccount `{'/'.join(names)}` in the role `{role}`" if all(names) else f"the role `{role}`"
