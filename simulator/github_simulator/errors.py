"""What the simulator refuses, in the words that GitHub uses.

SimulatorError
├── ApiError       an answer of the REST API: {"message", "documentation_url", "status"}
├── OAuthError     an answer of the OAuth endpoints: {"error", "error_description", "error_uri"}, usually inside a 200
└── ControlError   an answer of the control API: {"error"}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION_URL = "https://docs.github.com/rest"


class SimulatorError(ABC, Exception):
    """Base of all refusals; `status` is the HTTP status, `document()` the body."""

    status: int
    headers: Mapping[str, str]

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """The answer's JSON object."""


class ApiError(SimulatorError):
    """A refusal by the REST API (GitHub's schemas `basic-error` and `validation-error`)."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        documentation_url: str = DOCUMENTATION_URL,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.documentation_url = documentation_url
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """`message`, `documentation_url` and the status as a string."""
        return {"message": self.message, "documentation_url": self.documentation_url, "status": str(self.status)}


class OAuthError(SimulatorError):
    """A refusal by an OAuth endpoint, inside a 200 unless `status` says otherwise."""

    def __init__(
        self, error: str, description: str, uri: str, *, status: int = 200, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description
        self.uri = uri
        self.extra = extra or {}
        self.headers = {}

    def document(self) -> dict[str, Any]:
        """`error`, `error_description`, `error_uri`, and `interval` for `slow_down`."""
        return {"error": self.error, "error_description": self.description, "error_uri": self.uri, **self.extra}


class ControlError(SimulatorError):
    """A refusal by the control API: what was asked for makes no sense."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {}

    def document(self) -> dict[str, Any]:
        """`error`, a sentence."""
        return {"error": self.message}
