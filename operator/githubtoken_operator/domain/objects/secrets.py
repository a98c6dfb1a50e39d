"""Reading and writing Secrets of the API as plain JSON, and the names that all of ours share."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, Final

from githubtoken_operator.domain.objects.specs.github_token import PREFIX, GitHubToken
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken
from githubtoken_operator.domain.vocabulary.times import format_time

FIELD_MANAGER: Final = "githubtoken-operator"
"""By this name the API server keeps account of what the operator wrote."""
ROLE: Final = PREFIX + "role"
"""The one label key by which the operator watches the Secrets that concern it."""
WATCHED_BY_NAME: Final = 200
"""So many named Secrets without that label have a watch each: a connection with TLS costs memory at both ends."""
ROLE_TOKEN: Final = "token"
"""The consumer's Secret."""
ROLE_CREDENTIAL: Final = "credential"
"""The operator's own Secret with a user's pair."""
ROLE_SEED: Final = "seed"
"""A human's Secret with a refresh token to start from."""
ROLE_APP: Final = "app"
"""A human's Secret with an App's private key or client secret."""
NAME: Final = PREFIX + "name"
"""Annotation with the GitHubToken that a Secret of ours belongs to."""
CLUSTER_NAME: Final = PREFIX + "cluster-name"
"""The same with the ClusterGitHubToken: it has one of the two."""
OWNER_NOTES: Final = (NAME, CLUSTER_NAME)
REVISION: Final = PREFIX + "revision"
"""Annotation that counts the tokens of one GitHubToken."""
ADOPT: Final = PREFIX + "adopt"
"""Annotation by which somebody hands a Secret of theirs to the operator."""
ADOPTED: Final = PREFIX + "adopted"
"""Annotation by which the operator remembers it, whatever becomes of the other: the Secret is never deleted by us."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation in which kubectl keeps the object as it was applied."""
MOST_DATA: Final = 12 * 1024
"""Characters of data that are kept of a Secret with a role; tokens and keys have a few thousand."""
_DATA_DIGEST: Final = "dataDigest"
_REVISION_DIGITS: Final = 15
"""More than there can be tokens, and well within the 64 bits of status."""


ACCESS_TOKEN_KEYS: Final = frozenset(
    {
        "token", "type", "scope", "created", "expires_in", "expires_at",
        "refresh_token", "refresh_expires_in", "refresh_expires_at",
    }
)  # fmt: skip
"""The properties of an `AccessToken` as keys of a Secret."""


def trimmed(body: dict[str, Any]) -> dict[str, Any]:
    """An object that a list or a watch brought, less what nobody reads of it there; changes `body`.

    It loses the bookkeeping of field managers, which is as long as the object itself, but for our own of a Secret with
    a role. Another Secret loses its data but for their digest, and so does one that has more than a role needs.
    """
    if "metadata" in body:
        body["metadata"] = without_bookkeeping(body["metadata"], ours=ROLE in labels_of(body))
    needed = ROLE in labels_of(body) and _length(body.get("data") or {}) <= MOST_DATA
    return body if needed else without_data(body)


def without_bookkeeping(meta: JSON, *, ours: bool) -> dict[str, Any]:
    """Metadata without what the API server notes of field managers, but for what is `ours`, which we go by."""
    kept = {name: value for name, value in meta.items() if name != "managedFields"}
    noted = [entry for entry in meta.get("managedFields") or () if ours and entry.get("manager") == FIELD_MANAGER]
    return {**kept, "managedFields": noted} if noted else kept


def without_data(body: dict[str, Any]) -> dict[str, Any]:
    """A Secret with the digest of its data in their place; changes `body`."""
    if "data" in body:
        body[_DATA_DIGEST] = data_digest(body)
        del body["data"]
    return body


def is_whole(secret: JSON) -> bool:
    """Whether a Secret still has its data."""
    return _DATA_DIGEST not in secret


def _length(data: JSON) -> int:
    return sum(len(key) + len(value or "") for key, value in data.items())


def data_digest(secret: JSON) -> str:
    """What a change of a Secret's data is recognised by, trimmed or not: a hash in hexadecimal digits."""
    if _DATA_DIGEST in secret:
        return str(secret[_DATA_DIGEST])
    data = json.dumps(secret.get("data") or {}, sort_keys=True)
    return hashlib.blake2b(data.encode(), digest_size=16).hexdigest()


def decoded(secret: JSON, key: str) -> str | None:
    """The text under `key`; None where it is absent or not text."""
    value = (secret.get("data") or {}).get(key)
    if value is None:
        return None
    try:
        return b64decode(value).decode()
    except (Base64Error, UnicodeDecodeError):
        return None


def decoded_bytes(secret: JSON, key: str) -> bytes | None:
    """The bytes under `key`; None where it is absent."""
    value = (secret.get("data") or {}).get(key)
    return b64decode(value) if value is not None else None


def encoded(data: Mapping[str, str]) -> dict[str, str]:
    """`data` as a Secret's `data`; never `stringData`, whose dropped keys would stay for ever."""
    return {key: b64encode(text.encode()).decode() for key, text in data.items()}


def annotations_of(secret: JSON) -> JSON:
    """The annotations, empty where there are none."""
    return secret["metadata"].get("annotations") or {}


def labels_of(secret: JSON) -> JSON:
    """The labels, empty where there are none."""
    labels: JSON = secret.get("metadata", {}).get("labels") or {}
    return labels


def version_of(body: JSON) -> str:
    """The resourceVersion, "" where there is none."""
    return str(body["metadata"].get("resourceVersion", ""))


def is_newer(one: str, other: str) -> bool:
    """Whether of two versions of one object `one` is known to be the later; of those that are no numbers, none is.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return one.isdecimal() and other.isdecimal() and int(one) > int(other)


def owner_note(name: str, *, clusterwide: bool) -> dict[str, str]:
    """The annotation that names the GitHubToken, or the ClusterGitHubToken, that a Secret of ours belongs to."""
    return {CLUSTER_NAME if clusterwide else NAME: name}


def noted_owner(secret: JSON) -> tuple[str, bool] | None:
    """The name in that annotation, and whether it is a ClusterGitHubToken's; None where there is none."""
    notes = annotations_of(secret)
    if cluster_name := notes.get(CLUSTER_NAME):
        return str(cluster_name), True
    return (str(notes[NAME]), False) if notes.get(NAME) else None


def is_noted_for(secret: JSON, token: GitHubToken) -> bool:
    """Whether the annotation names this object."""
    return noted_owner(secret) == (token.name, token.clusterwide)


def is_given(secret: JSON) -> bool:
    """Whether somebody hands it to the operator, by an annotation."""
    return annotations_of(secret).get(ADOPT) == "true"


def giver(secret: JSON | None, token: GitHubToken, role: str) -> tuple[str, bool] | None:
    """The other object that a Secret in this role was kept for, where somebody hands it on; it has to be gone for that.

    Its name, and whether it is a ClusterGitHubToken.
    """
    if secret is None or not is_given(secret) or labels_of(secret).get(ROLE) != role or is_noted_for(secret, token):
        return None
    return noted_owner(secret)


def in_words(owner: tuple[str, bool]) -> str:
    """The object that `noted_owner` found, for a message."""
    name, clusterwide = owner
    return f"{'ClusterGitHubToken' if clusterwide else 'GitHubToken'} `{name}`"


def revision_of(text: str | None) -> int | None:
    """The revision that an annotation tells, or None where it is not one that status can hold."""
    return int(text) if text is not None and text.isdecimal() and len(text) <= _REVISION_DIGITS else None


def controller_of(secret: JSON) -> JSON | None:
    """The ownerReference of the controlling owner."""
    owners: Sequence[JSON] = secret["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controller_uid(secret: JSON) -> str | None:
    """The uid of the controlling owner."""
    owner = controller_of(secret)
    return str(owner["uid"]) if owner else None


def access_token_keys(access: AccessToken) -> dict[str, str]:
    """The `AccessToken` properties as keys, without the refresh token's own; what is absent stays absent."""
    keys = {"token": access.token.reveal(), "type": access.type, "created": format_time(access.created)}
    if access.scope:
        keys["scope"] = access.scope
    if access.expires_at is not None:
        keys["expires_in"] = str(access.expires_in)
        keys["expires_at"] = format_time(access.expires_at)
    if access.refresh_expires_at is not None:
        keys["refresh_expires_in"] = str(access.refresh_expires_in)
        keys["refresh_expires_at"] = format_time(access.refresh_expires_at)
    return keys
