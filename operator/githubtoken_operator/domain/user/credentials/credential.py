"""The credential Secret of a user token: what it says.

GitHub accepts each refresh token once, so tokens are compared by SHA-256 only, and a newer sign-in always wins over the
operator's own pair. Whose the Secret is stands in `credential_ownership`, what must not be sent in `sendable`, and how
it is rewritten in `credential_body`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.secrets import REVISION, annotations_of, decoded, revision_of
from githubtoken_operator.domain.objects.specs.github_token import PREFIX, GitHubToken
from githubtoken_operator.domain.user import kept_answer, kept_flow
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.user.kept_answer import KeptAnswer
from githubtoken_operator.domain.user.kept_flow import Flow
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, Token
from githubtoken_operator.domain.vocabulary.times import parse_time

CLIENT_ID: Final = PREFIX + "client-id"
REFRESH_TOKEN_SHA256: Final = PREFIX + "refresh-token-sha256"
"""The refresh token that the operator last wrote; another one under the key was put there by a human."""
PARENT: Final = PREFIX + "parent-sha256"
"""The refresh token that this pair was obtained with."""
SEED: Final = PREFIX + "seed-sha256"
"""The first refresh token of the chain."""
REFUSED: Final = PREFIX + "refused-sha256"
"""A refresh token that GitHub answered `bad_refresh_token` for."""
ACCOUNT: Final = PREFIX + "account"
"""The login of whoever signed in, once GitHub said it."""
INTENT: Final = PREFIX + "refresh-intent"
"""Who is about to send which refresh token; void unless it names the one under the key."""
SEEDS_TAKEN: Final = PREFIX + "seeds-taken"
"""The newest seeds that were taken up; rotations push none of them out."""
SPENT: Final = PREFIX + "spent-sha256"
"""The newest refresh tokens that were spent, or given up for a newer sign-in."""
REMEMBERED: Final = 20
"""So many hashes are kept in each of the two."""

_LONGEST_INTENT: Final = 4096
"""Characters; intents of others are remembered for a while, and ours have some five hundred."""
_REFRESH_TOKEN: Final = re.compile(r"ghr_[A-Za-z0-9._-]+")
_LEGACY: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Intent:
    """A rotation that somebody announced; `attempt` tells two of the same token apart.

    `pod` is where that process runs, None where it runs in none, or did not say so.
    """

    token: str
    holder: str
    attempt: int
    started: str
    pod: Pod | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """What a credential Secret says. `access` is the stored pair where it is of this chain.

    `origin` is where the refresh token came from, or was sent to; None where nobody has said so.
    """

    refresh_token: Token | None
    access: AccessToken | None
    revision: int
    client_id: str | None
    ours: str | None
    parent: str | None
    seed: str | None
    refused: str | None
    intent: Intent | None
    seeds_taken: tuple[str, ...]
    spent: tuple[str, ...] = ()
    account: str | None = None
    flow: Flow | None = None
    kept: KeptAnswer | None = None
    origin: Origin | None = None

    @property
    def current(self) -> str | None:
        """SHA-256 of the refresh token under the key."""
        return self.refresh_token.sha256 if self.refresh_token else None

    @property
    def seeded(self) -> bool:
        """Whether the refresh token is not the operator's own, so that the token beside it is not of this chain."""
        return self.current != self.ours

    def knows(self, seed: Token) -> bool:
        """Whether a seed is an old file applied again."""
        seen = (*self.seeds_taken, *self.spent, self.current, self.ours, self.parent, self.seed, self.refused)
        return seed.sha256 in seen


def read(secret: JSON) -> Credential:
    """The credential in a Secret of role `credential`."""
    notes = annotations_of(secret)
    text = decoded(secret, "refresh_token")
    refresh_token = Token(text) if text else None
    ours = notes.get(REFRESH_TOKEN_SHA256)
    intent = _read_intent(notes.get(INTENT))
    current = refresh_token.sha256 if refresh_token else None
    return Credential(
        refresh_token=refresh_token,
        access=_read_access(secret, refresh_token) if current == ours else None,
        revision=revision_of(notes.get(REVISION)) or 0,
        client_id=notes.get(CLIENT_ID),
        ours=ours,
        parent=notes.get(PARENT),
        seed=notes.get(SEED),
        refused=notes.get(REFUSED),
        intent=intent if intent and intent.token == current else None,
        seeds_taken=read_hashes(notes.get(SEEDS_TAKEN)),
        spent=read_hashes(notes.get(SPENT)),
        account=notes.get(ACCOUNT),
        flow=_read_flow(secret, current, ours),
        kept=kept_answer.read(secret, current),
        origin=origin.noted(notes, current or ""),
    )


def key_of(token: GitHubToken) -> SecretKey:
    """Which Secret holds the credential of this GitHubToken."""
    return token.namespace, token.user.credential if token.user else ""


def read_seed(text: str | None, *, legacy: bool = False) -> Token | None:
    """The refresh token that a human stored, or None where it is not one; white space around it is not part of it.

    `legacy`: it may be as old as GitHub's prefixes, as on an Enterprise Server. Elsewhere, what has no prefix has
    nothing to do with GitHub.
    """
    stripped = (text or "").strip()
    right = _REFRESH_TOKEN.fullmatch(stripped) or (legacy and _LEGACY.fullmatch(stripped))
    return Token(stripped) if right else None


def _read_flow(secret: JSON, current: str | None, ours: str | None) -> Flow | None:
    """The device flow, unless a human has put a refresh token there since its code was shown: that one wins."""
    flow = kept_flow.read(secret)
    if flow is None or (current != ours and (current or "") != flow.parent):
        return None
    return flow


def _read_access(secret: JSON, refresh_token: Token | None) -> AccessToken | None:
    text, created = decoded(secret, "token"), parse_time(decoded(secret, "created"))
    if text is None or created is None:
        return None
    expires, refresh_expires = (parse_time(decoded(secret, key)) for key in ("expires_at", "refresh_expires_at"))
    return AccessToken(
        token=Token(text),
        type=decoded(secret, "type") or "bearer",
        scope=decoded(secret, "scope") or "",
        created=created,
        expires_at=expires,
        refresh_token=refresh_token,
        refresh_expires_at=refresh_expires,
    )


def _read_intent(text: str | None) -> Intent | None:
    if text is None or len(text) > _LONGEST_INTENT:
        return None
    try:
        raw = parsed(text)
        token, holder, attempt, started = (raw[key] for key in ("token", "holder", "attempt", "startedAt"))
        return Intent(str(token), str(holder), int(attempt), str(started), Pod.read(raw.get("pod")))
    except (ValueError, KeyError, TypeError):
        return None


def read_hashes(text: str | None) -> tuple[str, ...]:
    """The hashes in the annotation `seeds-taken` or `spent-sha256`; none where it cannot be read."""
    raw = parsed(text)
    return tuple(item for item in raw if isinstance(item, str)) if isinstance(raw, list) else ()
