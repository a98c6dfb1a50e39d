"""New bodies of a credential Secret, for a PUT under the resourceVersion that was read.

Each function returns a whole new Secret and never changes the one that it is given. What the rules are, says
`credential`; keys that are not the operator's stay as they are.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Final

from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.origin import ORIGIN, Origin
from githubtoken_operator.domain.objects.secrets import (
    ACCESS_TOKEN_KEYS,
    ADOPT,
    ADOPTED,
    OWNER_NOTES,
    REVISION,
    ROLE,
    ROLE_CREDENTIAL,
    access_token_keys,
    annotations_of,
    decoded,
    encoded,
    labels_of,
    owner_note,
)
from githubtoken_operator.domain.objects.specs.github_token import PREFIX, GitHubToken
from githubtoken_operator.domain.user import kept_flow
from githubtoken_operator.domain.user.credentials.credential import (
    ACCOUNT,
    CLIENT_ID,
    INTENT,
    PARENT,
    REFRESH_TOKEN_SHA256,
    REFUSED,
    REMEMBERED,
    SEED,
    SEEDS_TAKEN,
    SPENT,
    Intent,
    key_of,
    read,
    read_hashes,
)
from githubtoken_operator.domain.user.entry import Entry, SecretKey, encode
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.user.kept_answer import KEPT_ANSWER
from githubtoken_operator.domain.user.kept_flow import DEVICE_CODE, FLOW, Flow
from githubtoken_operator.domain.vocabulary.model import JSON, Token

ROOM_OF_A_PAIR: Final = 4096
"""Bytes that a pair takes at most, ten times of what it does."""
ROOM_OF_NOTES: Final = 1024
"""Bytes by which the annotations of a pair are more than those before it."""
RESERVED: Final = "reserved"
"""The key, and below our prefix the annotation, that keep room for what GitHub is about to answer."""

_ROOM: Final = encoded({RESERVED: "0" * ROOM_OF_A_PAIR})
_ROOM_OF_NOTES: Final = {PREFIX + RESERVED: "0" * ROOM_OF_NOTES}


def with_seed(secret: JSON | None, seed: Token, token: GitHubToken, client_id: str) -> dict[str, Any]:
    """The Secret with a human's refresh token under the key, remembered as taken.

    What was said of the one before goes: intent, refusal, account, a code that is shown, and an answer that is kept.
    """
    base = _of(token, secret, client_id)
    taken = [*read_hashes(annotations_of(base).get(SEEDS_TAKEN)), seed.sha256][-REMEMBERED:]
    return _changed(
        base,
        data={**_without(base, DEVICE_CODE, KEPT_ANSWER), **encoded({"refresh_token": seed.reveal()})},
        notes={SEEDS_TAKEN: json.dumps(taken)},
        without=(INTENT, REFUSED, ACCOUNT, FLOW, ORIGIN),
    )


def with_flow(secret: JSON | None, flow: Flow, token: GitHubToken) -> dict[str, Any]:
    """The Secret with a device flow, running or ended. The refresh token beside it stays, and stays its App's.

    While it runs there is room for the pair that it may bring.
    """
    stored = read(secret) if secret is not None else None
    client_id = stored.client_id if stored and stored.refresh_token else None
    base = _of(token, secret, client_id or flow.client_id)
    notes, code = {FLOW: kept_flow.text(flow)}, {}
    if flow.secret is not None:
        notes, code = notes | _ROOM_OF_NOTES, encoded({DEVICE_CODE: flow.secret.reveal()}) | _ROOM
    return _changed(base, data={**_without(base, DEVICE_CODE), **code}, notes=notes)


def marked(secret: JSON, token: GitHubToken) -> dict[str, Any]:
    """The Secret with its label, which somebody had taken away, and with the object that it was handed on to."""
    return _changed(secret, notes=owner_note(token.name, clusterwide=token.clusterwide), without=(ADOPT, *OWNER_NOTES))


def with_account(secret: JSON, account: str) -> dict[str, Any]:
    """The Secret with the login of whoever signed in."""
    return _changed(secret, notes={ACCOUNT: account})


def without_pair(secret: JSON, account: str) -> dict[str, Any]:
    """The Secret after the pair of the wrong account was revoked; its refresh token is never sent again."""
    current = read(secret).current
    refused = {REFUSED: current} if current else {}
    return _changed(
        secret, data=_without(secret, *ACCESS_TOKEN_KEYS - {"refresh_token"}), notes={ACCOUNT: account} | refused
    )


def with_intent(
    secret: JSON, intent: Intent, token: GitHubToken, client_id: str, to: Origin | None = None
) -> dict[str, Any]:
    """The Secret with the announcement of a rotation, and with room for the pair: where that fits the pair will.

    `to` is the GitHub that the refresh token is sent to, and that it is bound to from now on. An adopted Secret becomes
    ours with this write.
    """
    said: dict[str, Any] = {"token": intent.token, "holder": intent.holder}
    if intent.pod is not None:
        said["pod"] = intent.pod.content
    said |= {"attempt": intent.attempt, "startedAt": intent.started}
    base = _of(token, secret, client_id)
    return _changed(
        base,
        data={**_without(base, KEPT_ANSWER), **_ROOM},
        notes={INTENT: json.dumps(said), **origin.note(to, intent.token), **_ROOM_OF_NOTES},
    )


def without_intent(secret: JSON) -> dict[str, Any]:
    """The Secret after a rotation that certainly did not happen."""
    return _changed(secret, without=(INTENT,))


def never_sent(secret: JSON, before: Origin | None) -> dict[str, Any]:
    """The same where GitHub saw nothing of it, so that the refresh token is bound to no more than it was `before`.

    Whoever mistook the host in an App mends the App and need not sign in again.
    """
    current = read(secret).current or ""
    return _changed(secret, notes=origin.note(before, current), without=(INTENT, ORIGIN))


def with_refusal(secret: JSON, refused: Token) -> dict[str, Any]:
    """The Secret with the mark that GitHub refuses this refresh token; it counts only while it is under the key."""
    return _changed(secret, notes={REFUSED: refused.sha256}, without=(INTENT,))


def with_pair(secret: JSON, grant: Grant) -> dict[str, Any]:
    """The Secret with the new pair of a rotation. Where expiry was switched off the old refresh token is kept."""
    access, entry = grant.access, grant.entry
    kept = access.refresh_token.sha256 if access.refresh_token else entry.parent
    refresh_token = access.refresh_token.reveal() if access.refresh_token else decoded(secret, "refresh_token") or ""
    return _changed(
        secret,
        data={
            **_without(secret, KEPT_ANSWER, *ACCESS_TOKEN_KEYS),
            **encoded({**access_token_keys(access), "refresh_token": refresh_token}),
        },
        notes={
            REFRESH_TOKEN_SHA256: kept,
            PARENT: entry.parent,
            SEED: entry.seed,
            REVISION: str(read(secret).revision + 1),
            SPENT: _spent(secret, grant),
            **origin.note(entry.origin, kept),
        },
        without=(INTENT, REFUSED),
    )


def with_sign_in(secret: JSON | None, key: SecretKey, grant: Grant) -> dict[str, Any]:
    """The Secret with the first pair of a sign-in by device flow; `key` is its namespace and name.

    A token that does not expire comes without a refresh token; then none is stored.
    """
    base = _of_entry(secret, key, grant.entry)
    refresh = grant.access.refresh_token
    keys = access_token_keys(grant.access) | ({"refresh_token": refresh.reveal()} if refresh else {})
    notes = {REVISION: str(read(base).revision + 1), SPENT: _spent(base, grant)}
    if grant.entry.parent:
        notes[PARENT] = grant.entry.parent
    if refresh is not None:
        notes |= {REFRESH_TOKEN_SHA256: refresh.sha256, SEED: refresh.sha256}
    if grant.account is not None:
        notes[ACCOUNT] = grant.account
    notes |= origin.note(grant.entry.origin, refresh.sha256 if refresh else "")
    return _changed(
        base,
        data={**_without(base, DEVICE_CODE, KEPT_ANSWER, *ACCESS_TOKEN_KEYS), **encoded(keys)},
        notes=notes,
        without=(INTENT, REFUSED, FLOW, REFRESH_TOKEN_SHA256, PARENT, SEED, ACCOUNT, ORIGIN),
    )


def with_kept_answer(secret: JSON | None, key: SecretKey, entry: Entry) -> dict[str, Any]:
    """The Secret with an answer that is not understood. Nothing else changes but what asking for it has left."""
    base: JSON = _of_entry(secret, key, entry) if entry.of_sign_in else secret or {}
    answer = encoded({KEPT_ANSWER: encode(key, entry).decode()})
    return _changed(base, data={**_without(base, DEVICE_CODE), **answer}, without=(INTENT, FLOW))


def without_kept_answer(secret: JSON) -> dict[str, Any]:
    """The Secret after it was found that the answer in it has no pair."""
    return _changed(secret, data=_without(secret, KEPT_ANSWER))


def given_back(secret: JSON) -> dict[str, Any]:
    """An adopted Secret without what the operator put there: its maker's, as it was before."""
    body = _changed(secret, data=_without(secret, DEVICE_CODE, KEPT_ANSWER, *ACCESS_TOKEN_KEYS))
    for part in ("annotations", "labels"):
        kept = {name: text for name, text in (body["metadata"].get(part) or {}).items() if not name.startswith(PREFIX)}
        body["metadata"][part] = kept
    return body


def _spent(secret: JSON, grant: Grant) -> str:
    """What the annotation remembers once `grant` is stored: the refresh tokens that it replaces are over too."""
    known = read_hashes(annotations_of(secret).get(SPENT))
    kept = grant.access.refresh_token.sha256 if grant.access.refresh_token else grant.entry.parent
    replaced = [each for each in (grant.entry.ours, grant.entry.parent) if each and each not in (kept, *known)]
    return json.dumps(list(dict.fromkeys([*known, *replaced]))[-REMEMBERED:])


def _of(token: GitHubToken, secret: JSON | None, client_id: str) -> dict[str, Any]:
    return _ours(secret, key_of(token), owner_note(token.name, clusterwide=token.clusterwide), client_id)


def _of_entry(secret: JSON | None, key: SecretKey, entry: Entry) -> dict[str, Any]:
    return _ours(secret, key, owner_note(entry.name or "", clusterwide=entry.clusterwide), entry.client_id or "")


def _ours(secret: JSON | None, key: SecretKey, owner: JSON, client_id: str) -> dict[str, Any]:
    """A Secret that names its object (by the annotation `owner`) and App; a new one where there is none."""
    namespace, name = key
    base: JSON = secret or {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "namespace": namespace},
    }
    # What was given to us once is ours from now on; it is not for the next one to take. One that somebody else made is
    # not ours to delete.
    adopted = {ADOPTED: "true"} if secret is not None and labels_of(base).get(ROLE) != ROLE_CREDENTIAL else {}
    return _changed(base, notes={**owner, CLIENT_ID: client_id, **adopted}, without=(ADOPT, *OWNER_NOTES))


def _changed(
    secret: JSON, *, data: JSON | None = None, notes: dict[str, str] | None = None, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A copy with other data, further annotations, and some annotations gone. Room is given back unless it is named.

    It has our label in any case: somebody may take it away while GitHub is asked, and the admission policy lets the
    operator write no Secret without it.
    """
    # What the API server notes of fields, and the data, are not copied in depth: others may have filled a megabyte.
    body: dict[str, Any] = copy.deepcopy({key: part for key, part in secret.items() if key not in ("data", "metadata")})
    meta = {key: part for key, part in secret["metadata"].items() if key != "managedFields"}
    body["metadata"] = copy.deepcopy(meta)
    kept = {name: text for name, text in annotations_of(secret).items() if name not in (*without, PREFIX + RESERVED)}
    body["metadata"]["annotations"] = {**kept, **(notes or {})}
    body["metadata"]["labels"] = {**labels_of(secret), ROLE: ROLE_CREDENTIAL}
    body["data"] = dict(_without(secret, RESERVED) if data is None else data)
    return body


def _without(secret: JSON, *keys: str) -> JSON:
    return {key: value for key, value in (secret.get("data") or {}).items() if key not in (*keys, RESERVED)}
