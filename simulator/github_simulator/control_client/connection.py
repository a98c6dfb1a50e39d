"""The connection to the control API."""

from __future__ import annotations

from typing import Any, Self

import httpx

_TIMEOUT_SECONDS = 30.0


class ControlFailedError(Exception):
    """The control API refused a request."""


class Connection:
    """Speaks to the control API at `url`; close it, or use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        """Asks, and gives what was answered; None where that has no body. Raises `ControlFailedError`."""
        response = self._client.request(method, path, json=body)
        if response.is_error:
            raise ControlFailedError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None
