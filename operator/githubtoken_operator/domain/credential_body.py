"""New bodies of a credential Secret, for a PUT under the resourceVersion that was read.

Each function returns a whole new Secret and never changes the one that it is given. What the rules are, says
`credential`; keys that are not the operator's stay as they are.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from githubtoken_operator.domain.credential import (
    CLIENT_ID,
    INTENT,
    OURS,
    PARENT,
    REFUSED,
    SEED,
    SEEDS_REMEMBERED,
    SEEDS_TAKEN,
    Grant,
    Intent,
    read,
    read_seeds,
)
from githubtoken_operator.domain.model import JSON, Token
from githubtoken_operator.domain.resources import GitHubToken
from githubtoken_operator.domain.secrets import (
    ACCESS_TOKEN_KEYS,
    NAME,
    REVISION,
    ROLE,
    ROLE_CREDENTIAL,
    access_token_keys,
    annotations_of,
    decoded,
    encoded,
    labels_of,
)


def with_seed(secret: JSON | None, seed: Token, token: GitHubToken, client_id: str) -> dict[str, Any]:
    """The Secret with a human's refresh token under the key, remembered as taken; intent and refusal are removed."""
    base = _ours(secret, token, client_id)
    taken = [*read_seeds(annotations_of(base).get(SEEDS_TAKEN)), seed.sha256][-SEEDS_REMEMBERED:]
    return _changed(
        base,
        data={**_data(base), **encoded({"refresh_token": seed.reveal()})},
        notes={SEEDS_TAKEN: json.dumps(taken)},
        without=(INTENT, REFUSED),
    )


def with_intent(secret: JSON, intent: Intent, token: GitHubToken, client_id: str) -> dict[str, Any]:
    """The Secret with the announcement of a rotation. An adopted Secret becomes ours with this write."""
    text = json.dumps(
        {"token": intent.token, "holder": intent.holder, "attempt": intent.attempt, "startedAt": intent.started}
    )
    return _changed(_ours(secret, token, client_id), notes={INTENT: text})


def without_intent(secret: JSON) -> dict[str, Any]:
    """The Secret after a rotation that certainly did not happen."""
    return _changed(secret, without=(INTENT,))


def with_refusal(secret: JSON, refused: Token) -> dict[str, Any]:
    """The Secret with the mark that GitHub refuses this refresh token; it counts only while it is under the key."""
    return _changed(secret, notes={REFUSED: refused.sha256}, without=(INTENT,))


def with_pair(secret: JSON, grant: Grant) -> dict[str, Any]:
    """The Secret with the new pair. Where expiry was switched off the old refresh token is kept beside it."""
    access = grant.access
    refresh_token = access.refresh_token.reveal() if access.refresh_token else decoded(secret, "refresh_token") or ""
    foreign = {key: value for key, value in _data(secret).items() if key not in ACCESS_TOKEN_KEYS}
    return _changed(
        secret,
        data={**foreign, **encoded({**access_token_keys(access), "refresh_token": refresh_token})},
        notes={
            OURS: access.refresh_token.sha256 if access.refresh_token else grant.parent,
            PARENT: grant.parent,
            SEED: grant.seed,
            REVISION: str(read(secret).revision + 1),
        },
        without=(INTENT, REFUSED),
    )


def _ours(secret: JSON | None, token: GitHubToken, client_id: str) -> dict[str, Any]:
    """A Secret that names its GitHubToken and App; a new one where there is none."""
    name = token.user.credential if token.user else ""
    base: JSON = secret or {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": token.namespace},
    }
    body = _changed(base, notes={NAME: token.name, CLIENT_ID: client_id})
    body["metadata"]["labels"] = {**labels_of(base), ROLE: ROLE_CREDENTIAL}
    return body


def _changed(
    secret: JSON, *, data: JSON | None = None, notes: dict[str, str] | None = None, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A copy with other data, further annotations, and some annotations gone."""
    body: dict[str, Any] = copy.deepcopy(dict(secret))
    kept = {name: text for name, text in annotations_of(secret).items() if name not in without}
    body["metadata"]["annotations"] = {**kept, **(notes or {})}
    body["metadata"].pop("managedFields", None)
    body["data"] = dict(_data(secret) if data is None else data)
    return body


def _data(secret: JSON) -> JSON:
    return secret.get("data") or {}
