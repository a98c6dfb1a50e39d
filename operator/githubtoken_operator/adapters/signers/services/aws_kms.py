"""AWS KMS, by botocore: its whole chain of credentials (IRSA, EKS Pod Identity, instance roles), SigV4, and KMS.

The identity needs `kms:Sign` and `kms:GetPublicKey` on the key. The text is signed as it is (`RAW`), and the answer
names the ARN of the key that signed, also where an alias was asked: an alias that moved shows.

botocore keeps credentials until shortly before their end and asks for new ones in the call that finds them old. It is
told to wait for seconds where it would wait for minutes, and to try once: who asks tries again. Its debug log has
headers; `adapters.logs` keeps it silent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import botocore.session
from botocore.config import Config
from botocore.credentials import ContainerProvider
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.adapters.signers.services.threads import OneThread
from githubtoken_operator.domain.apps.signers import AWSKey
from githubtoken_operator.domain.signers import aws
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerUnavailable, Terminal, TokenError

T = TypeVar("T")

_WAITS: Final = Config(connect_timeout=2, read_timeout=2.5, retries={"total_max_attempts": 1, "mode": "standard"})
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:kms:([a-z0-9-]+):")
_STATUS: Final = re.compile(r"non 200 response (\d{3}) ")


class AWSKMS:
    """One key, or what an alias points to. The CAs are botocore's own, or those of `AWS_CA_BUNDLE`."""

    def __init__(self, key: AWSKey, _surroundings: Surroundings) -> None:
        self._key = key
        self._thread = OneThread("aws-kms")
        self._client: Any = None

    async def sign(self, text: bytes) -> Signed:
        """Signs it; see the port."""

        def call(kms: Any) -> Signed:
            answer = kms.sign(KeyId=self._key.key_id, Message=text, MessageType="RAW", SigningAlgorithm=aws.RS256)
            return Signed(answer["Signature"], answer["KeyId"])

        return await self._ask(call)

    async def public_key(self, key_id: str | None) -> PublicKey:
        """The public key of that ARN, or of the key that would sign now; see the port."""

        def call(kms: Any) -> PublicKey:
            answer = kms.get_public_key(KeyId=key_id or self._key.key_id)
            found, usage, algorithms = answer["KeyId"], answer["KeyUsage"], answer.get("SigningAlgorithms", [])
            if unfit := aws.unfit(usage=usage, algorithms=algorithms, spec=answer.get("KeySpec", ""), key=found):
                raise unfit
            return keys.from_der(found, answer["PublicKey"])

        return await self._ask(call)

    async def aclose(self) -> None:
        """Takes no more calls."""
        self._thread.close()

    async def _ask(self, call: Callable[[Any], T]) -> T:
        return await self._thread.run(lambda: self._asked(call))

    def _asked(self, call: Callable[[Any], T]) -> T:
        try:
            if self._client is None:
                self._client = _open(self._key)
            return call(self._client)
        except TokenError:
            raise
        except Exception as error:  # noqa: BLE001 - an odd answer, of the credentials' chain too, comes out as KeyError
            # Without the cause: an error of the credentials' chain quotes what an endpoint answered.
            raise _meaning(error, self._key.key_id) from None


def _open(key: AWSKey) -> Any:
    """A client of KMS; reads the region and where credentials come from out of the environment."""
    session = botocore.session.Session()
    session.set_default_client_config(_WAITS)
    arn = _ARN.match(key.key_id)
    region = key.region or (arn and arn[1]) or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    if region:
        # STS is asked in the key's region too, not in the one that is global.
        session.set_config_variable("region", region)
    session.get_component("credential_provider").insert_before(ContainerProvider.METHOD, _PodIdentity())
    return session.create_client("kms", region_name=region, endpoint_url=key.endpoint_url)


class _PodIdentity(ContainerProvider):  # type: ignore[misc] # botocore carries no types
    """EKS Pod Identity whose token file may end in a line break, which botocore takes for an attack on the header."""

    def _build_headers(self) -> dict[str, str] | None:
        path = os.environ.get(self.ENV_VAR_AUTH_TOKEN_FILE)
        if path is None:
            headers: dict[str, str] | None = super()._build_headers()
            return headers
        token = Path(path).read_text(encoding="ascii").strip()
        self._validate_auth_token(token)
        return {"Authorization": token}


def _meaning(error: Exception, key: str) -> TokenError:
    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        return aws.refusal(str(answer.get("Code", "")), str(answer.get("Message", "")), key=key)
    if isinstance(error, NoRegionError):
        return Terminal(reasons.INVALID_SPEC, "set `spec.signer.awsKMS.region`: the operator's environment has none")
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return SignerDenied(
            "the operator's pod has no identity at AWS: give its ServiceAccount a role by IRSA or EKS Pod Identity"
        )
    status = _STATUS.search(str(error)) if isinstance(error, CredentialRetrievalError) else None
    if status is not None and status[1].startswith("4") and status[1] != "429":
        return SignerDenied(
            f"the agent of EKS Pod Identity gives the operator no credentials (HTTP {status[1]}): check the "
            "association of its ServiceAccount with a role"
        )
    # Its text is not shown: it may quote an answer. The class says enough, such as `ConnectTimeoutError`.
    return SignerUnavailable(f"AWS does not answer for `{key}` ({type(error).__name__})")
