"""What is shown of a GitHubToken outside of its status: the input of the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["User", "Installation", "Personal"]
"""The kind of token, as `status.kind` shows it."""

ConditionStatus = Literal["True", "False", "Unknown"]
"""The status of a Kubernetes condition."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """The present state of one GitHubToken. It holds no secret; times are aware, and None until they are known.

    `app` is the App's name as `appRef` gives it, `secret` the name of the consumer's Secret.
    `stalled_reason` is set only while a human is needed.
    """

    namespace: str
    name: str
    kind: Kind | None
    app: str
    secret: str
    ready: ConditionStatus
    stalled_reason: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    renews: datetime | None = None
    refresh_token_expires: datetime | None = None
