"""What `githubtoken status` shows of one GitHubToken: lists of small pure functions, one for each line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.cluster.surroundings import Surroundings, revision_of
from githubtoken_operator.commands.terminal import ages, checks, layout
from githubtoken_operator.commands.terminal.checks import Check
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

_INDENT: Final = "  "
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is shown, read at one moment; the Secret is that of the namespace `view`."""

    token: Snapshot
    around: Surroundings
    chain: Sequence[Check]
    now: datetime
    view: str = ""


def overview(seen: Seen) -> str:
    """The page, without a line end behind it. Lines without content are left out."""
    pairs = [(f"{label}:", text) for label, line in _LINES if (text := line(seen))]
    width = max(len(label) for label, _ in pairs) + _GAP
    lines = [label.ljust(width) + layout.printable(text) for label, text in pairs]
    chain = textwrap.indent(checks.as_table(seen.chain), _INDENT)
    return "\n".join([*lines, "Conditions:", _conditions(seen), "Chain:", chain, "Events:", _events(seen)])


# --- Lines -----------------------------------------------------------------------------------------------------------


def _app(seen: Seen) -> str:
    ref = seen.token.spec.get("appRef")
    kind = "GitHubApp" if seen.token.namespace else "ClusterGitHubApp"
    return f"{ref.get('kind', kind)} {ref['name']}" if ref else ""


def _source(seen: Seen) -> str:
    spec = seen.token.spec
    ref = spec.get("personal", {}).get("secretRef") or spec.get("user", {}).get("seedSecretRef")
    return f"{ref.get('key', 'token')} of Secret {ref['name']}" if ref else ""


def _sign_in(seen: Seen) -> str:
    code = seen.token.status.get("deviceFlow")
    if not code:
        return ""
    until = ages.shown(code.get("expirationTime"), seen.now)
    return f"enter the code {code.get('userCode')} at {code.get('verificationURI')}; it expires {until}"


def _unseen(seen: Seen) -> str:
    if seen.token.status.get("observedGeneration") == seen.token.body["metadata"].get("generation"):
        return ""
    return "the operator has not looked at the present spec yet: is it running?"


def _suspended(seen: Seen) -> str:
    return "yes: set `spec.suspend` to false to renew it" if seen.token.suspended else ""


def _secret(seen: Seen) -> str:
    name, secret = seen.token.secret, seen.around.secret
    if not (seen.token.namespace or seen.view):
        return name
    if isinstance(secret, ApiError):
        return f"{name} (not readable for you: {secret.message})"
    if secret is None:
        return f"{name} (is not there)"
    revision = revision_of(secret)
    return f"{name} ({secret.type}, {f'revision {revision}' if revision else 'not written by the operator'})"


def _keys(seen: Seen) -> str:
    secret = seen.around.secret
    return "" if secret is None or isinstance(secret, ApiError) else ", ".join(secret.keys) or layout.NOTHING


def _failures(seen: Seen) -> str:
    status = seen.token.status
    if not (attempts := status.get("failedAttempts")):
        return ""
    return f"{attempts}, the last one {ages.shown(status.get('lastFailureTime'), seen.now)}"


def _permissions(seen: Seen) -> str:
    granted: JSON = seen.token.status.get("permissions") or {}
    return ", ".join(f"{name}: {level}" for name, level in sorted(granted.items()))


def _status(field: str) -> Callable[[Seen], str]:
    return lambda seen: str(seen.token.status.get(field, ""))


def _time(field: str) -> Callable[[Seen], str]:
    return lambda seen: ages.shown(seen.token.status.get(field), seen.now)


_LINES: Final[Sequence[tuple[str, Callable[[Seen], str]]]] = (
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


def _conditions(seen: Seen) -> str:
    found = seen.token.status.get("conditions") or ()
    rows = [
        (item["type"], item["status"], _age(item.get("lastTransitionTime"), seen.now), item["reason"], item["message"])
        for item in found
    ]
    return _indented(("TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"), rows)


def _events(seen: Seen) -> str:
    events = seen.around.events
    if isinstance(events, ApiError):
        return f"{_INDENT}not readable for you: {events.message}"
    rows = [
        (_age(it.time, seen.now), it.type, it.reason, it.message + (f" ({it.count} times)" if it.count > 1 else ""))
        for it in events
    ]
    return _indented(("LAST SEEN", "TYPE", "REASON", "MESSAGE"), rows)


def _age(text: str | None, now: datetime) -> str:
    time = parse_time(text)
    return ages.length(now - time) if time else ""


def _indented(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return textwrap.indent(layout.table(headings, rows) if rows else layout.NOTHING, _INDENT)
