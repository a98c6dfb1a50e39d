"""The rules of personal tokens: what counts as one, what a check makes of it, and from when on its end is announced.

A GitHubToken must not tell anybody what is in a Secret that has nothing to do with GitHub. So a value that has not the
form of a token is neither sent to GitHub nor hashed, copied or quoted, and every such value gets the same answer.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.objects.secrets import ROLE, ROLE_SEED, decoded, labels_of
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.sources import PersonalSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, PersonalTokenInfo, Token
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

CHECK_EVERY: Final = timedelta(hours=1)
"""GitHub is asked so often whether it still accepts a token."""
WARN_BEFORE: Final = timedelta(days=7)
"""So long before its expiry a human is told to make another, unless `spec.renewBefore` says otherwise."""

# A user's OAuth token (`gh auth token` prints one) is as personal as one made by hand. An installation's token belongs
# to nobody, and a refresh token is nothing that a consumer could use.
_PREFIXED: Final = re.compile(r"(?:ghp_|github_pat_|gho_|ghu_)[A-Za-z0-9._-]{1,1024}")
_LEGACY: Final = re.compile(r"[0-9a-f]{40}")


def token_in(secret: JSON | None, source: PersonalSource) -> Token:
    """The token that a human put into the Secret, without white space around it.

    Raises `Terminal(CredentialMissing)` where there is none.
    """
    name, key = source.secret.name, source.secret.key
    if secret is None:
        raise _missing(f"there is no Secret `{name}`: create it with the personal token under `{key}`")
    role = labels_of(secret).get(ROLE)
    if role not in (None, ROLE_SEED):
        raise _missing(
            f"Secret `{name}` has the role `{role}` and is not for personal tokens: name another in "
            "`spec.personal.secretRef`"
        )
    text = (decoded(secret, key) or "").strip()
    legacy = hosts.is_enterprise_server(source.server.api_url) and _LEGACY.fullmatch(text)
    if not legacy and not _PREFIXED.fullmatch(text):
        raise _missing(f"`{key}` of Secret `{name}` must hold a personal token of GitHub (`github_pat_…` or `ghp_…`)")
    return Token(text)


def spec_hash(source: PersonalSource) -> str:
    """What the consumer's Secret says that its token was obtained for: the host, and where the human put it."""
    where = {"secret": source.secret.name, "key": source.secret.key}
    return consumer.hash_of({"kind": "personal", "host": source.server.api_url, **where})


def accepted(
    token: Token, info: PersonalTokenInfo, held: Issued | None, *, revision: int, spec_hash: str, origin: Origin
) -> Issued:
    """What is published after a GitHub, `origin`, accepted `token`.

    `held` is the one before, `revision` what a new one would have.

    Nobody says when the token was made: it counts from the first time that GitHub accepted it here.
    """
    known = held if held is not None and held.access.token == token else None
    created = known.access.created if known else info.at
    # What was known of a living token stands where GitHub now says something that cannot be.
    told = known.access.expires_at if known and info.unclear else info.expires_at
    expires = told if told is not None and told > info.at else None
    access = AccessToken(token, "bearer", created, scope=info.scope, expires_at=expires)
    return Issued(access, known.revision if known else revision, spec_hash, origin)


def last_check(token: GitHubToken, held: Issued | None, spec_hash: str) -> tuple[datetime | None, bool]:
    """When GitHub last accepted the held token, and whether it has refused it since, as status tells it.

    For nothing else a token of the present spec is not ready before its time is over; the reason may be why there is no
    other one, as while the human's Secret is gone.
    """
    if held is None or token.status.get("tokenSHA256") != held.access.token.sha256_base64:
        return None, False
    state, reason = ready_of(token.status)
    of_it = reason == reasons.AUTHENTICATION_FAILED or (token.seen and held.spec_hash == spec_hash)
    return parse_time(token.status.get("lastCheckTime")), state == "False" and of_it


def expiry(held: Issued, source: PersonalSource) -> Terminal:
    """Why nothing is attempted with a token whose time is over."""
    expires = held.access.expires_at
    at = f" at {format_time(expires)}" if expires else ""
    return Terminal(reasons.EXPIRED, f"the personal token expired{at}: {_another(source)}")


def warning(token: GitHubToken, access: AccessToken, now: datetime) -> str | None:
    """What to tell a human from `warn_from` on, until the token expires."""
    since = warn_from(token, access)
    if token.personal is None or since is None or access.expires_at is None or not since <= now < access.expires_at:
        return None
    return f"the personal token expires at {format_time(access.expires_at)}: {_another(token.personal)}"


def warn_from(token: GitHubToken, access: AccessToken) -> datetime | None:
    """From when on a human is told that a personal token expires; None for one that does not, or of another kind."""
    if token.personal is None or access.expires_at is None:
        return None
    if token.renew_before_percentage is not None:
        return access.expires_at - (access.expires_at - access.created) * (token.renew_before_percentage / 100)
    return access.expires_at - (token.renew_before or WARN_BEFORE)


def _another(source: PersonalSource) -> str:
    return f"make another at GitHub and put it under `{source.secret.key}` of Secret `{source.secret.name}`"


def _missing(message: str) -> Terminal:
    return Terminal(reasons.CREDENTIAL_MISSING, message)
