"""What a user's command looks at around a GitHubToken. A Secret is reduced to what may be shown as soon as it is read.

Of a private key that is its fingerprint, as GitHub shows it in an App's settings, or what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.apps import key_text, rsa_key
from githubtoken_operator.domain.consumer import mounts
from githubtoken_operator.domain.objects.secrets import annotations_of, decoded_bytes, labels_of
from githubtoken_operator.domain.vocabulary.model import JSON


@dataclass(frozen=True, slots=True)
class SecretLook:
    """Of a Secret: its type, the names of its keys, labels and annotations; `key_problem` or `fingerprint` of a key."""

    type: str
    keys: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    fingerprint: str = ""
    key_problem: str = ""


class Inspection:
    """Reads single objects and the pods of a namespace. Every method raises a subclass of `ApiError`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def read(self, kind: Kind, namespace: str, name: str) -> JSON:
        """One object; `NotFound`."""
        return await self._api.request("GET", kind.path(namespace, name))

    async def secret(self, namespace: str, name: str, *, private_key: str = "") -> SecretLook:
        """What may be shown of a Secret; with `private_key`, of the key under that name too. `NotFound`."""
        found = await self.read(Kind.SECRET, namespace, name)
        fingerprint, problem = _judged(decoded_bytes(found, private_key)) if private_key else ("", "")
        return SecretLook(
            found.get("type", "Opaque"),
            tuple(sorted(found.get("data") or ())),
            labels_of(found),
            annotations_of(found),
            fingerprint,
            problem,
        )

    async def pods(self, namespace: str) -> Sequence[JSON]:
        """The pods that a kubelet has and that have not ended."""
        return await self._api.list_items(Kind.POD.path(namespace), {"fieldSelector": mounts.SELECTED})


def _judged(text: bytes | None) -> tuple[str, str]:
    """Fingerprint and problem of a private key, one of them empty; both where there is none."""
    if text is None:
        return "", ""
    try:
        key = rsa_key.numbers(key_text.key_der(text))
        return rsa_key.fingerprint(key.n, key.e), ""
    except (key_text.NotAKey, rsa_key.Unusable) as error:
        return "", str(error)
