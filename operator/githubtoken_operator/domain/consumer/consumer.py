"""The consumer's Secret: what it must look like, and what it says about the token in it.

Its annotations are enough for a restarted operator to decide without calling GitHub. A token found in it counts as
known only if its SHA-256 is the annotated one: an edited token is replaced, never trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.domain.installation import policy, target
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.secrets import (
    ADOPTED,
    FIELD_MANAGER,
    REVISION,
    ROLE,
    ROLE_TOKEN,
    access_token_keys,
    annotations_of,
    controller_uid,
    decoded,
    encoded,
    labels_of,
    owner_note,
    revision_of,
)
from githubtoken_operator.domain.objects.specs import formats, templates
from githubtoken_operator.domain.objects.specs.formats import Subject
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION, PREFIX, GitHubToken
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, App, Server, Token
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

ISSUED_AT: Final = PREFIX + "issued-at"
EXPIRES_AT: Final = PREFIX + "expires-at"
SPEC_HASH: Final = PREFIX + "spec-hash"
TOKEN_SHA256: Final = PREFIX + "token-sha256"
PREDECESSORS: Final = PREFIX + "predecessors"
"""`{SHA-256: expiry}` of the tokens that lived on beside the one in the Secret."""
MOST_PREDECESSORS: Final = 20
SIZE_LIMIT: Final = 1024 * 1024
"""Bytes of all values together that the API server takes in one Secret."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A token that lived on beside its successor when that was obtained; base64 SHA-256, as in GitHub's audit log."""

    sha256: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that the operator holds, with what it was obtained for. `revision` counts the tokens of one object.

    `origin` is the GitHub that gave it, None where an earlier version obtained it. `predecessors` are kept with
    `deletionPolicy: Revoke`, so that one which nobody has any more is not called revoked.
    """

    access: AccessToken
    revision: int
    spec_hash: str
    origin: Origin | None = None
    predecessors: tuple[Predecessor, ...] = ()


def spec_hash(token: GitHubToken, app: App) -> str:
    """`v1:` and the SHA-256 of what a token is obtained for: App, host, selector, repositories, permissions.

    Repositories and permissions are those after the App's policy: where a change of the policy changes what the token
    may be, it asks for another one. A spec that the policy refuses has the hash of no token. What only changes how a
    token is stored or when it is renewed is not part of it.
    """
    denied = policy.refusal(token, app.limits)
    what: dict[str, Any] = {"app": app.identity, "host": app.server.api_url, "kind": token.kind.lower()}
    if denied is not None:
        what["policy"] = denied.reason
    if token.installation is not None:
        source = token.installation if denied else policy.narrowed(token.installation, app.limits)
        what |= {
            "id": source.id,
            "owner": source.owner,
            "enterprise": source.enterprise,
            "repository": source.repository,
            "repositories": source.repositories,
            "repositoryIDs": source.repository_ids,
            "permissions": dict(source.permissions),
            # An id does not say whose repositories it selects, so any change of the limit may concern it.
            "allowedRepositories": app.limits.repositories if source.account is None else None,
        }
    return hash_of({k: v for k, v in what.items() if v})


def hash_of(what: JSON) -> str:
    """The value of the annotation `spec-hash` for what a token is obtained for."""
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"))
    return "v1:" + hashlib.sha256(canonical.encode()).hexdigest()


def render(token: GitHubToken, issued: Issued, server: Server | None, *, adopted: bool = False) -> dict[str, Any]:
    """The Secret for server-side apply: `data`, always with its type, owned by the GitHubToken.

    With `deletionPolicy: Retain`, and where it was `adopted`, it has no owner and outlives the GitHubToken. `server` is
    the GitHub that takes the token; it is needed where there are formats, which name its hosts. For these, and for who
    has to revoke the token, it is noted which GitHub gave it.
    """
    access, path = issued.access, target.path(token, server)
    notes = {
        ISSUED_AT: format_time(access.created),
        REVISION: str(issued.revision),
        SPEC_HASH: issued.spec_hash,
        TOKEN_SHA256: access.token.sha256,
        **owner_note(token.name, clusterwide=token.clusterwide),
        **(origin.note(issued.origin) if token.revoke or token.secret.formats else {}),
        **_predecessors(issued),
    }
    if adopted:
        notes[ADOPTED] = "true"
    if access.expires_at is not None:
        notes[EXPIRES_AT] = format_time(access.expires_at)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": token.secret.name,
            "namespace": token.namespace,
            "labels": {**token.secret.labels, **formats.labels(token.secret.formats, path), ROLE: ROLE_TOKEN},
            "annotations": {**token.secret.annotations, **notes},
            "ownerReferences": [] if token.retain or adopted else [_owner_reference(token)],
        },
        "type": token.secret.type,
        "data": encoded(_keys(token, access, server, path)),
    }


def read(secret: JSON) -> Issued | None:
    """The token in a Secret of ours, or None where it is not the one that the annotations speak of."""
    notes = annotations_of(secret)
    text, created = decoded(secret, "token"), parse_time(notes.get(ISSUED_AT))
    if text is None or created is None or Token(text).sha256 != notes.get(TOKEN_SHA256):
        return None
    access = AccessToken(
        token=Token(text),
        # The only type that GitHub gives; the key `type` may be Argo CD's.
        type="bearer",
        scope=decoded(secret, "scope") or "",
        created=created,
        expires_at=parse_time(notes.get(EXPIRES_AT)),
        refresh_expires_at=parse_time(decoded(secret, "refresh_expires_at")),
    )
    revision = revision_of(notes.get(REVISION))
    return Issued(
        access=access,
        revision=1 if revision is None else revision,
        spec_hash=notes.get(SPEC_HASH, ""),
        origin=origin.noted(notes),
        predecessors=_read_predecessors(notes),
    )


def _predecessors(issued: Issued) -> dict[str, str]:
    if not issued.predecessors:
        return {}
    return {PREDECESSORS: json.dumps({each.sha256: format_time(each.expires) for each in issued.predecessors})}


def _read_predecessors(notes: JSON) -> tuple[Predecessor, ...]:
    found = parsed(notes.get(PREDECESSORS))
    if not isinstance(found, Mapping):
        return ()
    times = ((sha256, parse_time(expires)) for sha256, expires in found.items() if isinstance(expires, str))
    return tuple(Predecessor(sha256, time) for sha256, time in times if time is not None)


def differs(secret: JSON, desired: JSON) -> bool:
    """Whether the Secret lacks, or has otherwise, anything that the operator writes, or keeps what it wrote before.

    Keys and metadata that others added are theirs: an apply would not remove them.
    """
    want = desired["metadata"]
    return (
        secret.get("type") != desired["type"]
        or _lacks(secret.get("data") or {}, desired["data"])
        or _lacks(labels_of(secret), want["labels"])
        or _lacks(annotations_of(secret), want["annotations"])
        or any(owner["uid"] != controller_uid(secret) for owner in want["ownerReferences"])
        or bool(_written(secret, "f:data") - desired["data"].keys())
        or bool(_written(secret, "f:metadata", "f:labels") - want["labels"].keys())
        or bool(_written(secret, "f:metadata", "f:annotations") - want["annotations"].keys())
    )


def size(body: JSON) -> int:
    """Bytes of all values together, not more than a few too many: base64 pads."""
    return sum(len(value) * 3 // 4 for value in body["data"].values())


def _owner_reference(token: GitHubToken) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": token.object_kind,
        "name": token.name,
        "uid": token.uid,
        "controller": True,
    }


def _keys(token: GitHubToken, access: AccessToken, server: Server | None, path: str | None) -> dict[str, str]:
    properties, template = access_token_keys(access), token.secret
    forms = formats.keys(template.formats, Subject(access.token, server, path)) if server else {}
    return properties | forms | {key: templates.fill(text, properties) for key, text in template.data.items()}


def _written(secret: JSON, *path: str) -> set[str]:
    """The names below `path` that our applies have set, as the API server keeps account of it."""
    names: set[str] = set()
    for entry in secret["metadata"].get("managedFields") or ():
        if (entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply"):
            fields = entry.get("fieldsV1") or {}
            for step in path:
                fields = fields.get(step) or {}
            names |= {name.removeprefix("f:") for name in fields if name.startswith("f:")}
    return names


def _lacks(have: JSON, want: JSON) -> bool:
    return any(have.get(key) != value for key, value in want.items())
