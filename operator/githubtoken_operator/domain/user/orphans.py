"""Credential Secrets that no GitHubToken has any more: each holds a refresh token that lives on for months.

They stay on purpose, since a GitHubToken of the same name and App takes its own up again, without a sign-in. What is
not taken up again should be revoked by its user and deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.domain.objects.resources import parse_token
from githubtoken_operator.domain.objects.secrets import NAME, ROLE, ROLE_CREDENTIAL, annotations_of, decoded, labels_of
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time


@dataclass(frozen=True, slots=True)
class Orphan:
    """A credential Secret: the GitHubToken that it was of ("" where it does not say), and the end of its sign-in."""

    namespace: str
    name: str
    of: str
    expires: datetime | None
    created: datetime | None


def owner_of(secret: JSON) -> str | None:
    """The name of the GitHubToken that a credential Secret is of; None where it is no credential Secret."""
    if labels_of(secret).get(ROLE) != ROLE_CREDENTIAL:
        return None
    return str(annotations_of(secret).get(NAME) or "")


def orphans(secrets: Iterable[JSON], tokens: Iterable[JSON]) -> list[Orphan]:
    """Of these Secrets those that no GitHubToken keeps its pair in, by namespace and name. No token is kept."""
    parsed = [parse_token(body) for body in tokens]
    kept = {(token.namespace, token.user.credential, token.name) for token in parsed if token.user is not None}
    found = []
    for secret in secrets:
        meta, owner = secret["metadata"], owner_of(secret)
        if owner is not None and (meta["namespace"], meta["name"], owner) not in kept:
            expires = parse_time(decoded(secret, "refresh_expires_at"))
            created = parse_time(meta.get("creationTimestamp"))
            found.append(Orphan(meta["namespace"], meta["name"], owner, expires, created))
    return sorted(found, key=lambda orphan: (orphan.namespace, orphan.name))
