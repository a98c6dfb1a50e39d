"""Credential Secrets that no GitHubToken has any more: each holds a refresh token that lives on for months.

They stay on purpose, since a GitHubToken of the same name and App takes its own up again, without a sign-in. What is
not taken up again should be revoked by its user and deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_CREDENTIAL, decoded, labels_of, noted_owner
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time


@dataclass(frozen=True, slots=True)
class Orphan:
    """A credential Secret: the GitHubToken that it was of ("" where it does not say), and the end of its sign-in.

    `clusterwide`: it was a ClusterGitHubToken.
    """

    namespace: str
    name: str
    of: str
    expires: datetime | None
    created: datetime | None
    clusterwide: bool = False


def owner_of(secret: JSON) -> tuple[str, bool] | None:
    """The name of the object that a credential Secret is of, and whether that is a ClusterGitHubToken.

    None where it is no credential Secret.
    """
    if labels_of(secret).get(ROLE) != ROLE_CREDENTIAL:
        return None
    return noted_owner(secret) or ("", False)


def orphans(secrets: Iterable[JSON], tokens: Iterable[JSON]) -> list[Orphan]:
    """Of these Secrets those that no GitHubToken keeps its pair in, by namespace and name. No token is kept.

    `tokens` are of both kinds. ClusterGitHubTokens keep theirs in the operator's namespace, wherever that is.
    """
    parsed = [parse_token(body) for body in tokens]
    kept = {
        (token.namespaced_name[0], token.user.credential, (token.name, token.clusterwide))
        for token in parsed
        if token.user is not None
    }
    found = []
    for secret in secrets:
        meta, owner = secret["metadata"], owner_of(secret)
        if owner is not None and ("" if owner[1] else meta["namespace"], meta["name"], owner) not in kept:
            expires = parse_time(decoded(secret, "refresh_expires_at"))
            created = parse_time(meta.get("creationTimestamp"))
            found.append(Orphan(meta["namespace"], meta["name"], owner[0], expires, created, owner[1]))
    return sorted(found, key=lambda orphan: (orphan.namespace, orphan.name))
