"""The status of a GitHubToken, computed whole from one run and compared with what is stored.

Everything is cut to the CRD's bounds, because a string that is too long would fail the whole write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Distribution
from githubtoken_operator.domain.objects.specs.github_token import Failures
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Standing
from githubtoken_operator.domain.user.device_flow import Awaiting
from githubtoken_operator.domain.vocabulary import conditions, reasons
from githubtoken_operator.domain.vocabulary.conditions import NEEDS_HUMAN, READY, find_condition
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact
from githubtoken_operator.domain.vocabulary.times import format_time

NAME_LIMIT: Final = 255


@dataclass(frozen=True, slots=True)
class Granted:
    """What GitHub really gave, for `account`, `permissions` and `repositorySelection`.

    `place` is where it came from, as a field of status that only its kind reads.
    """

    account: str | None = None
    permissions: Mapping[str, str] | None = None
    repository_selection: str | None = None
    place: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def of(cls, status: JSON) -> Granted:
        """What status remembers of it."""
        permissions, selection = status.get("permissions"), status.get("repositorySelection")
        return cls(status.get("account"), permissions, selection)


@dataclass(frozen=True, slots=True)
class Result:
    """How one run ended: the token that the Secret now holds, how it stands otherwise, what is counted of failures.

    `distribution` is of a ClusterGitHubToken, and says which namespaces have it.
    """

    issued: Issued | None
    granted: Granted
    standing: Standing | None
    failures: Failures
    distribution: Distribution | None = None


def build(seen: Observation, result: Result) -> dict[str, Any]:
    """The whole status document; what is unknown is left out."""
    token, issued = seen.token, result.issued
    status: dict[str, Any] = {
        "observedGeneration": token.generation,
        "kind": token.kind,
        "secretName": token.secret.name,
        "account": shown(result.granted.account),
        "permissions": dict(result.granted.permissions) if result.granted.permissions else None,
        "repositorySelection": result.granted.repository_selection,
        **result.granted.place,
        "deviceFlow": _device_flow(result.standing),
        "lastHandledRefreshAt": token.status.get("lastHandledRefreshAt"),
        "lastHandledLoginAt": token.status.get("lastHandledLoginAt"),
        "restartedRevision": token.status.get("restartedRevision") if token.restart_targets else None,
    }
    if issued is not None:
        access = issued.access
        status |= {
            "revision": issued.revision,
            "tokenSHA256": access.token.sha256_base64,
            "issuedTime": format_time(access.created),
            "expirationTime": _time(access.expires_at),
            "refreshTokenExpirationTime": _time(access.refresh_expires_at),
        }
        times = seen.own.times(None if token.suspend else seen.due)
        status |= {field: _time(time) for field, time in times.items()}
    if result.failures.attempts:
        status |= {
            "failedAttempts": result.failures.attempts,
            "lastFailureTime": _time(result.failures.last),
            "lastFailureInputs": result.failures.inputs or None,
            "nextAttemptTime": _time(result.failures.next),
        }
    spread = result.distribution
    status |= spread.document if spread else {}
    status["conditions"] = conditions.conditions(
        token.status,
        _readiness(seen, result),
        _needs_human(seen, result),
        generation=token.generation,
        now=seen.now,
        distributed=spread.condition if spread else None,
    )
    return {key: value for key, value in status.items() if value is not None}


def shown(name: str | None) -> str | None:
    """A name as GitHub gave it, within the schema's bounds. What answers in GitHub's place may call itself anything."""
    return redact(name)[:NAME_LIMIT] if name else None


def _needs_human(seen: Observation, result: Result) -> tuple[str, str] | None:
    """Reason and message of `NeedsHuman`, while somebody must act."""
    standing = result.standing
    if standing is not None and standing.reason in reasons.HUMAN_NEEDED:
        return standing.reason, standing.message
    if isinstance(standing, BackingOff) and (old := find_condition(seen.token.status, NEEDS_HUMAN)):
        return str(old["reason"]), str(old["message"])
    access = result.issued.access if result.issued else None
    if access is not None and (warning := seen.own.warning(seen.token, access, seen.now)):
        return reasons.EXPIRES_SOON, warning
    return None


def _readiness(seen: Observation, result: Result) -> tuple[str, str, str]:
    """Ready: status, reason, message."""
    standing, issued = result.standing, result.issued
    expires = issued.access.expires_at if issued else None
    stored = issued is not None and (expires is None or expires > seen.now) and _lives(seen, issued)
    for_spec = issued is not None and seen.spec_hash in (None, issued.spec_hash) and seen.token.invalid is None
    for_spec = for_spec and not seen.elsewhere(issued)
    valid = "token does not expire" if expires is None else f"token valid until {format_time(expires)}"
    if isinstance(standing, BackingOff):
        return _unchanged(seen, stored=stored)
    if seen.token.suspend and (standing is None or isinstance(standing, Paused)):
        if stored and for_spec:
            return "True", reasons.FRESH, f"suspended; {valid}"
        return "False", reasons.SUSPENDED, "suspended: set `spec.suspend` to false to get a token"
    if stored and for_spec and isinstance(standing, Awaiting):
        return "True", reasons.FRESH, f"{valid}; {standing.message}"
    if stored and for_spec:
        return "True", reasons.FRESH, f"{valid}; refresh failing: {standing.message}" if standing else valid
    if standing is not None:
        state = "Unknown" if standing.reason == reasons.PENDING else "False"
        earlier = f"{standing.message.rstrip('.')}; {valid}, of an earlier spec"
        return state, standing.reason, earlier if stored else standing.message
    if issued is not None:
        return "False", reasons.EXPIRED, f"token expired at {_time(expires)}"
    return "Unknown", reasons.PENDING, "no token was obtained yet"


def _lives(seen: Observation, stored: Issued) -> bool:
    """Whether GitHub still takes the token in the Secret."""
    replaced = seen.own.replaces and seen.held not in (None, stored.access.token)
    return not (seen.own.refused or seen.own.revoked or replaced)


def _device_flow(standing: Standing | None) -> dict[str, Any] | None:
    if not isinstance(standing, Awaiting):
        return None
    flow = standing.flow
    return {
        "userCode": flow.user_code,
        "verificationURI": flow.verification_uri,
        "expirationTime": format_time(flow.expires),
    }


def _unchanged(seen: Observation, *, stored: bool) -> tuple[str, str, str]:
    """Until the next attempt, what the last failure said stands; only the token's own expiry flips it.

    Why renewal failed is then told by `NeedsHuman` alone, and only where a human was needed.
    """
    old, needed = find_condition(seen.token.status, READY), find_condition(seen.token.status, NEEDS_HUMAN)
    if old is None:
        return "Unknown", reasons.PENDING, "waiting for the next attempt"
    if old["status"] == "True" and not stored:
        if needed is not None and needed["reason"] != reasons.EXPIRES_SOON:
            return "False", str(needed["reason"]), str(needed["message"])
        return "False", reasons.EXPIRED, str(old["message"]).replace("token valid", "token was valid", 1)
    return str(old["status"]), str(old["reason"]), str(old["message"])


def _time(time: datetime | None) -> str | None:
    return format_time(time) if time else None
