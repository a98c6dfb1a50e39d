"""One attempt to put an answer of GitHub's into its credential Secret, by the table of `domain.user.placement`.

A conflict means that somebody else wrote: the Secret is read again, and the table decides anew.
"""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden, NotFound, Terminating
from githubtoken_operator.domain.user.credentials import credential_body
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.user.placement import Placement, place, place_unread
from githubtoken_operator.domain.vocabulary.model import JSON

MOST_CONFLICTS: Final = 10


class SecretUnreadable(Forbidden):
    """The Secret may not even be read, so nothing is known of it: its namespace may be gone with our rights there."""


async def put_answer(
    cluster: Cluster, key: SecretKey, entry: Entry, grant: Grant | None, secret: JSON | None
) -> Placement:
    """Puts the answer where it belongs, at first under the resourceVersion of `secret`; `grant` is the pair in it.

    Without a pair the answer itself is kept. Raises `ApiError` where it may be in no store, among them
    `SecretUnreadable`.
    """
    for _ in range(MOST_CONFLICTS):
        current = secret or await _read(cluster, key)
        where = place(current, grant) if grant else place_unread(current, key, entry)
        secret = None
        try:
            if where is Placement.CREATE:
                await cluster.create(Kind.SECRET, _body(current, key, entry, grant))
            elif where is Placement.PUT:
                await cluster.replace(Kind.SECRET, _body(current, key, entry, grant))
        except (Conflict, NotFound, Terminating) as error:
            if where is Placement.CREATE and not isinstance(error, Conflict):
                # The namespace is gone, or going, and the Secret with it.
                return Placement.SUPERSEDED
            if isinstance(error, Terminating):
                raise
        else:
            return where
    raise Conflict(409, "somebody else writes the Secret all the time")


async def _read(cluster: Cluster, key: SecretKey) -> JSON | None:
    try:
        return await cluster.read(Kind.SECRET, *key)
    except Forbidden as error:
        raise SecretUnreadable(error.status, error.message) from error


def _body(secret: JSON | None, key: SecretKey, entry: Entry, grant: Grant | None) -> JSON:
    if grant is None:
        return credential_body.with_kept_answer(secret, key, entry)
    if entry.of_sign_in or secret is None:
        return credential_body.with_sign_in(secret, key, grant)
    return credential_body.with_pair(secret, grant)
