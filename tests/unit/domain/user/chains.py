"""Credential Secrets in the states that a chain of rotations brings them to."""

from __future__ import annotations

import copy
from typing import Any

from githubtoken_operator.domain.objects.secrets import REVISION, encoded
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.credentials.credential import (
    INTENT,
    REFRESH_TOKEN_SHA256,
    REFUSED,
    SEEDS_TAKEN,
    Intent,
)
from githubtoken_operator.domain.user.entry import Entry
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import pair, user_githubtoken

CLIENT = "Iv23acme"
TOKEN = user_githubtoken()
SEEDED = Token("ghr_seed")
STRANGER = Token("ghr_stranger")


def refresh(number: int) -> Token:
    return Token(f"ghr_refresh{number}")


def seeded(seed: Token = SEEDED, before: dict[str, Any] | None = None) -> dict[str, Any]:
    body = body_of.with_seed(before, seed, TOKEN, CLIENT)
    body["metadata"].setdefault("resourceVersion", "5")
    return body


def grant(number: int = 1, *, parent: Token = SEEDED, ours: str | None = None) -> Grant:
    return Grant(pair(number), entry(parent, ours=ours))


def entry(parent: Token, *, ours: str | None = None, name: str | None = None) -> Entry:
    """An answer whose text nobody looks at; with a `name`, of a sign-in."""
    return Entry(parent.sha256, SEEDED.sha256, ours, 200, "", b"", name, CLIENT if name else None)


def rotated(times: int = 1) -> dict[str, Any]:
    """A credential that was rotated so often since it was seeded."""
    body, parent = seeded(), SEEDED
    for number in range(1, times + 1):
        stored = credential.read(body)
        body = body_of.with_pair(body, grant(number, parent=parent, ours=stored.ours))
        parent = refresh(number)
    return body


def put_back(body: dict[str, Any], text: str) -> dict[str, Any]:
    """A human, or GitOps, writes another refresh token over the one in the Secret."""
    changed = copy.deepcopy(body)
    changed["data"]["refresh_token"] = encoded({"": text})[""]
    return changed


def noted(body: dict[str, Any], **notes: str | None) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    for name, value in notes.items():
        key = {
            "refused": REFUSED,
            "ours": REFRESH_TOKEN_SHA256,
            "intent": INTENT,
            "seeds": SEEDS_TAKEN,
            "revision": REVISION,
        }[name]
        changed["metadata"]["annotations"].pop(key, None)
        if value is not None:
            changed["metadata"]["annotations"][key] = value
    return changed


def intent(token: Token, attempt: int = 1) -> Intent:
    return Intent(token.sha256, "holder-a", attempt, "2026-03-01T12:00:00Z")
