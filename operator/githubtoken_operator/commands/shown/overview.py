"""What `githubtoken status` shows of one GitHubToken: lists of small pure functions, one for each line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.cluster.surroundings import Happening, revision_of
from githubtoken_operator.commands.terminal import ages, checks, layout
from githubtoken_operator.commands.terminal.checks import Check
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

_INDENT: Final = "  "
_GAP: Final = 2


def overview(seen: Chain, links: Sequence[Check], events: Sequence[Happening] | ApiError) -> str:
    """The page, without a line end behind it. Lines without content are left out."""
    pairs = [(f"{label}:", text) for label, line in _LINES if (text := line(seen))]
    width = max(len(label) for label, _ in pairs) + _GAP
    lines = [label.ljust(width) + layout.printable(text) for label, text in pairs]
    chain = textwrap.indent(checks.as_table(links), _INDENT)
    return "\n".join([*lines, "Conditions:", _conditions(seen), "Chain:", chain, "Events:", _events(events, seen.now)])


# --- Lines -----------------------------------------------------------------------------------------------------------


def _app(seen: Chain) -> str:
    ref = seen.token.spec.get("appRef")
    kind = "GitHubApp" if seen.token.namespace else "ClusterGitHubApp"
    return f"{ref.get('kind', kind)} {ref['name']}" if ref else ""


def _source(seen: Chain) -> str:
    spec = seen.token.spec
    ref = spec.get("personal", {}).get("secretRef") or spec.get("user", {}).get("seedSecretRef")
    return f"{ref.get('key', 'token')} of Secret {ref['name']}" if ref else ""


def _sign_in(seen: Chain) -> str:
    code = seen.token.status.get("deviceFlow")
    if not code:
        return ""
    until = ages.shown(code.get("expirationTime"), seen.now)
    return f"enter the code {code.get('userCode')} at {code.get('verificationURI')}; it expires {until}"


def _unseen(seen: Chain) -> str:
    if seen.token.status.get("observedGeneration") == seen.token.body["metadata"].get("generation"):
        return ""
    return "the operator has not looked at the present spec yet: is it running?"


def _suspended(seen: Chain) -> str:
    return "yes: set `spec.suspend` to false to renew it" if seen.token.suspended else ""


def _secret(seen: Chain) -> str:
    name = seen.token.secret
    if seen.secret is None:
        return name
    secret = seen.secret.found
    if isinstance(secret, ApiError):
        return f"{name} (not readable for you: {secret.message})"
    if secret is None:
        return f"{name} (is not there)"
    revision = revision_of(secret)
    return f"{name} ({secret.type}, {f'revision {revision}' if revision else 'not written by the operator'})"


def _keys(seen: Chain) -> str:
    secret = seen.secret.seen if seen.secret else None
    return "" if secret is None else ", ".join(secret.keys) or layout.NOTHING


def _failures(seen: Chain) -> str:
    status = seen.token.status
    if not (attempts := status.get("failedAttempts")):
        return ""
    return f"{attempts}, the last one {ages.shown(status.get('lastFailureTime'), seen.now)}"


def _permissions(seen: Chain) -> str:
    granted: JSON = seen.token.status.get("permissions") or {}
    return ", ".join(f"{name}: {level}" for name, level in sorted(granted.items()))


def _status(field: str) -> Callable[[Chain], str]:
    return lambda seen: str(seen.token.status.get(field, ""))


def _time(field: str) -> Callable[[Chain], str]:
    return lambda seen: ages.shown(seen.token.status.get(field), seen.now)


_LINES: Final[Sequence[tuple[str, Callable[[Chain], str]]]] = (
    ("Name", lambda seen: seen.token.name),
    ("Namespace", lambda seen: seen.token.namespace),
    ("Created", lambda seen: ages.shown(seen.token.body["metadata"].get("creationTimestamp"), seen.now)),
    ("Kind", _status("kind")),
    ("App", _app),
    ("Source", _source),
    ("Account", _status("account")),
    ("Permissions", _permissions),
    ("Repositories", _status("repositorySelection")),
    ("Namespaces", lambda seen: seen.token.spread),
    ("Secret", _secret),
    ("Keys", _keys),
    ("Revision", _status("revision")),
    ("Issued", _time("issuedTime")),
    ("Expires", _time("expirationTime")),
    ("Renews", _time("renewalTime")),
    ("Refresh token expires", _time("refreshTokenExpirationTime")),
    ("Failed attempts", _failures),
    ("Next attempt", _time("nextAttemptTime")),
    ("Sign in", _sign_in),
    ("Suspended", _suspended),
    ("Note", _unseen),
)


# --- Tables ----------------------------------------------------------------------------------------------------------


def _conditions(seen: Chain) -> str:
    found = seen.token.status.get("conditions") or ()
    rows = [
        (item["type"], item["status"], _age(item.get("lastTransitionTime"), seen.now), item["reason"], item["message"])
        for item in found
    ]
    return _indented(("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"), rows)


def _events(events: Sequence[Happening] | ApiError, now: datetime) -> str:
    if isinstance(events, ApiError):
        return f"{_INDENT}not readable for you: {events.message}"
    rows = [
        (_age(it.time, now), it.type, it.reason, it.message + (f" ({it.count} times)" if it.count > 1 else ""))
        for it in events
    ]
    return _indented(("LAST SEEN", "TYPE", "REASON", "MESSAGE"), rows)


def _age(text: str | None, now: datetime) -> str:
    time = parse_time(text)
    return ages.length(now - time) if time else ""


def _indented(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return textwrap.indent(layout.table(headings, rows) if rows else layout.NOTHING, _INDENT)
