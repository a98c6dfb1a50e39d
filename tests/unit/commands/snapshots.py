"""GitHubTokens in every state, as the commands read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW, githubtoken_body

REQUEST = "2026-03-01T12:00:00+00:00"
EARLIER = "2026-02-01T12:00:00+00:00"


def at(offset: timedelta) -> str:
    return format_time(NOW + offset)


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    since = at(-timedelta(minutes=42))
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def ready(reason: str = "Fresh", message: str = "token valid until later") -> dict[str, Any]:
    return condition("Ready", "True" if reason == "Fresh" else "False", reason, message)


def needing_human(reason: str, message: str) -> list[dict[str, Any]]:
    return [ready(reason, message), condition("NeedsHuman", "True", reason, message)]


def snapshot(name: str = "ci", *, annotations: dict[str, str] | None = None, **settings: Any) -> Snapshot:  # noqa: ANN401
    """A ready GitHubToken, unless `settings` give another `status` or fields of the spec."""
    status = {
        "observedGeneration": 1,
        "kind": "Installation",
        "secretName": name,
        "revision": 3,
        "tokenSHA256": "old",
        "expirationTime": at(timedelta(minutes=42)),
        "renewalTime": at(timedelta(minutes=22)),
        "conditions": [ready()],
        **settings.pop("status", {}),
    }
    kept = {key: value for key, value in status.items() if value is not None}
    return Snapshot(githubtoken_body(name, annotations=annotations, status=kept, **settings))
