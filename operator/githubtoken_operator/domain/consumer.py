"""The consumer's Secret: whose it is, what it must look like, what it says about the token in it.

Its annotations are enough for a restarted operator to decide without calling GitHub. A token found in it counts as
known only if its SHA-256 is the annotated one: an edited token is replaced, never trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from githubtoken_operator.domain.model import JSON, AccessToken, App, Token
from githubtoken_operator.domain.resources import PREFIX, GitHubToken
from githubtoken_operator.domain.secrets import (
    ADOPT,
    NAME,
    REVISION,
    ROLE,
    ROLE_APP,
    ROLE_CREDENTIAL,
    ROLE_TOKEN,
    access_token_keys,
    annotations_of,
    controller_uid,
    decoded,
    encoded,
    labels_of,
    revision_of,
)
from githubtoken_operator.domain.times import format_time, parse_time

ISSUED_AT: Final = PREFIX + "issued-at"
EXPIRES_AT: Final = PREFIX + "expires-at"
SPEC_HASH: Final = PREFIX + "spec-hash"
TOKEN_SHA256: Final = PREFIX + "token-sha256"
SECRET_TYPE: Final = "Opaque"


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that the operator holds, with what it was obtained for. `revision` counts the tokens of one object."""

    access: AccessToken
    revision: int
    spec_hash: str


def spec_hash(token: GitHubToken, app: App) -> str:
    """`v1:` and the SHA-256 of what a token is obtained for: App, host, selector, repositories, permissions.

    What only changes how a token is stored or when it is renewed is not part of it.
    """
    what: dict[str, Any] = {"app": app.identity, "host": app.api_url, "kind": "user" if token.user else "installation"}
    if token.installation is not None:
        source = token.installation
        what |= {
            "id": source.id,
            "owner": source.owner,
            "repository": source.repository,
            "repositories": source.repositories,
            "repositoryIDs": source.repository_ids,
            "permissions": dict(source.permissions),
        }
    return hash_of({k: v for k, v in what.items() if v})


def hash_of(what: JSON) -> str:
    """The value of the annotation `spec-hash` for what a token is obtained for."""
    canonical = json.dumps(what, sort_keys=True, separators=(",", ":"))
    return "v1:" + hashlib.sha256(canonical.encode()).hexdigest()


def render(token: GitHubToken, issued: Issued, *, adopted: bool = False) -> dict[str, Any]:
    """The Secret for server-side apply: `data`, always with its type, owned by the GitHubToken.

    With `deletionPolicy: Retain`, and where it was `adopted`, it has no owner and outlives the GitHubToken.
    """
    access = issued.access
    notes = {
        ISSUED_AT: format_time(access.created),
        REVISION: str(issued.revision),
        SPEC_HASH: issued.spec_hash,
        TOKEN_SHA256: access.token.sha256,
        NAME: token.name,
    }
    if access.expires_at is not None:
        notes[EXPIRES_AT] = format_time(access.expires_at)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": token.secret.name,
            "namespace": token.namespace,
            "labels": {**token.secret.labels, ROLE: ROLE_TOKEN},
            "annotations": {**token.secret.annotations, **notes},
            "ownerReferences": [] if token.retain or adopted else [_owner_reference(token)],
        },
        "type": SECRET_TYPE,
        "data": encoded(access_token_keys(access)),
    }


def read(secret: JSON) -> Issued | None:
    """The token in a Secret of ours, or None where it is not the one that the annotations speak of."""
    notes = annotations_of(secret)
    text, created = decoded(secret, "token"), parse_time(notes.get(ISSUED_AT))
    if text is None or created is None or Token(text).sha256 != notes.get(TOKEN_SHA256):
        return None
    expires = parse_time(notes.get(EXPIRES_AT))
    refresh_expires = parse_time(decoded(secret, "refresh_expires_at"))
    access = AccessToken(
        token=Token(text),
        type=decoded(secret, "type") or "bearer",
        scope=decoded(secret, "scope") or "",
        created=created,
        expires_in=int((expires - created).total_seconds()) if expires else None,
        expires_at=expires,
        refresh_expires_in=int((refresh_expires - created).total_seconds()) if refresh_expires else None,
        refresh_expires_at=refresh_expires,
    )
    revision = revision_of(notes.get(REVISION))
    return Issued(access, 1 if revision is None else revision, notes.get(SPEC_HASH, ""))


def differs(secret: JSON, desired: JSON) -> bool:
    """Whether the Secret lacks, or has otherwise, anything that the operator writes.

    Keys and metadata that others added are theirs: an apply would not remove them.
    """
    have, want = secret["metadata"], desired["metadata"]
    controllers = [owner.get("uid") for owner in have.get("ownerReferences") or () if owner.get("controller")]
    return (
        _lacks(secret.get("data") or {}, desired["data"])
        or _lacks(have.get("labels") or {}, want["labels"])
        or _lacks(have.get("annotations") or {}, want["annotations"])
        or any(owner["uid"] not in controllers for owner in want["ownerReferences"])
    )


def conflict(secret: JSON | None, token: GitHubToken) -> str | None:
    """Why the Secret of that name may not be written; None where it is absent, ours, or given to us for adoption."""
    if secret is None or is_ours(secret, token):
        return None
    for rule in _CONFLICTS:
        if message := rule(secret, token):
            return f"Secret `{token.secret.name}` {message}"
    return None


def is_ours(secret: JSON, token: GitHubToken) -> bool:
    """Whether this GitHubToken wrote the Secret, or a retained one of its name did before.

    A Secret that it controls stays its own, whatever became of its label and annotations.
    """
    if secret.get("immutable"):
        return False
    if (controller := controller_uid(secret)) is not None:
        return controller == token.uid
    return labels_of(secret).get(ROLE) == ROLE_TOKEN and annotations_of(secret).get(NAME) == token.name


def adopts(secret: JSON | None) -> bool:
    """Whether the Secret was handed to the operator; it keeps its foreign keys and gets no ownerReference."""
    return secret is not None and annotations_of(secret).get(ADOPT) == "true"


def _owner_reference(token: GitHubToken) -> dict[str, Any]:
    return {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "name": token.name,
        "uid": token.uid,
        "controller": True,
    }


def _lacks(have: JSON, want: JSON) -> bool:
    return any(have.get(key) != value for key, value in want.items())


_ConflictRule = Callable[[JSON, GitHubToken], str | None]


def _immutable(secret: JSON, _token: GitHubToken) -> str | None:
    return "is immutable: delete it, or name another in `spec.secret.name`" if secret.get("immutable") else None


def _kept_for_something_else(secret: JSON, _token: GitHubToken) -> str | None:
    role = labels_of(secret).get(ROLE)
    if role in (ROLE_CREDENTIAL, ROLE_APP):
        return f"has the role `{role}` and is never given to consumers: name another in `spec.secret.name`"
    return None


def _predecessor(secret: JSON, token: GitHubToken) -> str | None:
    if annotations_of(secret).get(NAME) == token.name and labels_of(secret).get(ROLE) == ROLE_TOKEN:
        return f"still belongs to an earlier GitHubToken `{token.name}`: it is taken over once that one is gone"
    return None


def _another_githubtoken(secret: JSON, token: GitHubToken) -> str | None:
    name = annotations_of(secret).get(NAME)
    if labels_of(secret).get(ROLE) == ROLE_TOKEN and name and name != token.name:
        return f"belongs to GitHubToken `{name}`: name another in `spec.secret.name`"
    return None


def _controlled(secret: JSON, token: GitHubToken) -> str | None:
    if controller_uid(secret) not in (None, token.uid):
        return "is controlled by another object: name another in `spec.secret.name`"
    return None


def _another_type(secret: JSON, _token: GitHubToken) -> str | None:
    if secret.get("type") != SECRET_TYPE:
        return f"has the type `{secret.get('type')}`, which must be `{SECRET_TYPE}`: delete it, or name another"
    return None


def _not_given(secret: JSON, _token: GitHubToken) -> str | None:
    if adopts(secret):
        return None
    return f'was made by somebody else: delete it, name another in `spec.secret.name`, or annotate it `{ADOPT}: "true"`'


_CONFLICTS: Final[Sequence[_ConflictRule]] = (
    _immutable,
    _kept_for_something_else,
    _predecessor,
    _another_githubtoken,
    _controlled,
    _another_type,
    _not_given,
)
