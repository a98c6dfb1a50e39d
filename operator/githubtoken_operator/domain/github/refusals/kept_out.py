"""GitHub's refusals by a rule of its own or of the account's: they last until somebody changes the rule.

GitHub knows who asks, and the credential is right; an organisation, an enterprise or GitHub itself keeps it out. Each
row says by which words of GitHub's such a refusal is known, and what a human has to do. The words are those of public
reports and of GitHub's pages "Managing allowed IP addresses for your organization", "Authentication with single
sign-on", "Setting a personal access token policy for your organization" and "Troubleshooting the REST API".

Only GitHub's own JSON counts: a proxy's page with the same status says nothing of the account. A limit is not a rule,
so `limits.app_is_limited` comes before these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from githubtoken_operator.domain.github.reply import Reply, quote
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import KeptOut, TokenError

_STATUSES: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
)


@dataclass(frozen=True, slots=True)
class _Row:
    """`words` are searched for in GitHub's message, whatever the case; `todo` is the end of what the user reads."""

    words: re.Pattern[str]
    todo: str
    reason: str


def _row(words: str, todo: str, reason: str = reasons.AUTHENTICATION_FAILED) -> _Row:
    return _Row(re.compile(words, re.IGNORECASE), todo, reason)


_ROWS: Final = (
    _row(
        r"IP allow list|IP address .{0,40}not permitted",
        "Have an owner of the organisation or enterprise put the address under which the cluster reaches GitHub on its "
        "IP allow list, or let that list inherit the App's.",
    ),
    _row(
        r"\bSAML\b|single[ -]sign[ -]?on|\bSSO\b",
        "The organisation demands single sign-on: sign in there (`/orgs/NAME/sso`), then authorise the token for it, "
        "or sign in to the App again.",
    ),
    _row(
        r"token'?s? lifetime|lifetime of (?:the|your) token",
        "The token lives longer than the organisation or enterprise allows: make another with a shorter life, or "
        "shorten this one's at GitHub.",
    ),
    _row(r"tokens? \(classic\)", "Classic personal tokens are forbidden there: use an App, or a fine-grained token."),
    _row(
        r"fine-grained",
        "Fine-grained personal tokens are forbidden there, or this one was not approved: have an owner of the "
        "organisation approve it, or use an App.",
    ),
    _row(
        r"OAuth App access restrictions|third-party application",
        "The organisation restricts OAuth Apps: have an owner approve the App in its settings, Third-party access.",
    ),
    _row(r"two-factor|\b2FA\b", "Two-factor authentication is demanded: the user must set it up in GitHub's settings."),
    _row(
        r"installation\b.{0,120}\bsuspended|suspended your access",
        "An owner of the account must unsuspend the App in the account's settings.",
        reasons.INSTALLATION_SUSPENDED,
    ),
    _row(
        r"\b(?:app|application|integration)\b.{0,60}\b(?:suspended|disabled)",
        "The App itself is suspended: its owner must ask GitHub's support, or who administers the Enterprise Server.",
    ),
    _row(
        r"\b(?:suspended|flagged|spammy|locked)\b",
        "The account is suspended or flagged: its owner must ask GitHub's support, or who administers the Enterprise "
        "Server.",
    ),
    _row(
        r"access blocked|\bDMCA\b|terms of service|legal reasons|unavailable due to|disabled by GitHub",
        "GitHub has blocked the repository: its owner must ask GitHub's support.",
        reasons.REPOSITORY_NOT_ACCESSIBLE,
    ),
    _row(
        r"Enterprise Managed User",
        "A managed user of an enterprise reaches nothing outside of it: use an account or an App of the place that is "
        "asked for.",
    ),
    _row(
        r"\b(?:billing|payment|spending limit|licen[sc]es?|trade controls?|sanction\w*)\b",
        "The account's plan, payment or licence does not allow it: have an owner look at its billing settings.",
    ),
    _row(
        r"(?:e-?mail address|account).{0,60}\bverif",
        "The account must be verified first: its owner finds it in GitHub's settings.",
    ),
    _row(
        r"\bblocked\b",
        "The account is blocked there: have an owner of the organisation, or GitHub's support, lift that.",
    ),
    _row(
        r"(?s)^(?=.*\b(?:organi[sz]ation|enterprise|owner|administrator|polic(?:y|ies))\b)"
        r"(?=.*\b(?:forbid\w*|prohibit\w*|disabled|disallow\w*|restrict\w*|not (?:allow|permit)\w*))",
        "A policy of the organisation or enterprise keeps it out: have an owner allow it.",
    ),
)
_PASSES: Final = re.compile(r"temporar|again later|few minutes", re.IGNORECASE)
"""GitHub says itself that it does not last, as in the words of a limit on old Enterprise Servers."""
_LEGAL: Final = "It is withheld for legal reasons: its owner must ask GitHub's support."


def is_kept_out(reply: Reply) -> TokenError | None:
    """A refusal in the words of one of the rows, and every 451."""
    if reply.status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS and reply.document is not None:
        return _error(reply, reasons.REPOSITORY_NOT_ACCESSIBLE, _LEGAL)
    if reply.status not in _STATUSES:
        return None
    if "x-github-sso" in reply.headers and reply.message:
        return _error(reply, _ROWS[1].reason, _ROWS[1].todo)
    # The end of a long text is nobody's rule, and what is searched is bounded.
    text = reply.message[:1024]
    row = None if _PASSES.search(text) else next((row for row in _ROWS if row.words.search(text)), None)
    return _error(reply, row.reason, row.todo) if row is not None else None


def _error(reply: Reply, reason: str, todo: str) -> KeptOut:
    said = f' ("{quote(reply.message)}")' if reply.message else ""
    return KeptOut(reason, f"GitHub refuses it by a rule{said}. {todo}")
