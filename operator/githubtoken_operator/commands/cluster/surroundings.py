"""What stands around a GitHubToken: its Secret and the latest events. What cannot be read says why, in its place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.commands.tokens import Tokens
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.domain.objects.secrets import CLUSTER_NAME, NAME, REVISION
from githubtoken_operator.domain.vocabulary.model import JSON

MOST_EVENTS: Final = 10


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: when it last came (RFC 3339), its type, reason and message, and how often it came."""

    time: str
    type: str
    reason: str
    message: str
    count: int

    @classmethod
    def of(cls, event: JSON) -> Happening:
        """From either API of events, whose fields differ."""
        series = event.get("series") or {}
        time = event.get("lastTimestamp") or series.get("lastObservedTime") or event.get("eventTime")
        return cls(
            time=time or event["metadata"]["creationTimestamp"],
            type=event.get("type") or "",
            reason=event.get("reason") or "",
            message=event.get("message") or "",
            count=int(event.get("count") or series.get("count") or 1),
        )


async def events_about(tokens: Tokens, token: Snapshot) -> tuple[Happening, ...] | ApiError:
    """The latest events, oldest first, or why they cannot be read."""
    try:
        found = [Happening.of(event) for event in await tokens.events(token.namespace, token.uid)]
    except ApiError as error:
        return error
    return tuple(sorted(found, key=lambda event: event.time)[-MOST_EVENTS:])


def revision_of(secret: SecretLook) -> str | None:
    """Which token it holds; None where the operator did not write it."""
    return secret.annotations.get(REVISION) if {NAME, CLUSTER_NAME} & secret.annotations.keys() else None


def secret_json(secret: SecretLook | ApiError | None) -> dict[str, Any]:
    """The Secret for `-o json`, or the refusal; None is that there is none."""
    if isinstance(secret, ApiError):
        return {"error": secret.message}
    if secret is None:
        return {"exists": False}
    return {"exists": True, "type": secret.type, "keys": list(secret.keys), "revision": revision_of(secret)}


def events_json(events: tuple[Happening, ...] | ApiError) -> Any:  # noqa: ANN401 - a list, or an object with the error
    """The same of the events."""
    if isinstance(events, ApiError):
        return {"error": events.message}
    return [asdict(event) for event in events]
