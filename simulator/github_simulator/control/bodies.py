"""What the control API is sent, read with care, and who answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator import tokens
from github_simulator.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Endpoint = Callable[[dict[str, Any], Mapping[str, str]], Any]
    """Answers a body and the parameters of the path: a document, or None for no content."""

    Route = tuple[str, str, Endpoint]
    """Method, path and who answers it."""

Document = dict[str, Any]


def text(body: Document, name: str) -> str:
    """The text under that name; it must not be empty."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ControlError(f"`{name}` must be a non-empty string")
    return value


def sha256(body: Document) -> str:
    """The hash under `sha256`, in hexadecimal digits."""
    try:
        return tokens.normalized_sha256(text(body, "sha256"))
    except ValueError as error:
        raise ControlError(str(error)) from error


def refuse_unknown(body: Document, known: Mapping[str, Any] | set[str]) -> None:
    """Raises for a field that there is not."""
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ControlError(f"`{unknown[0]}` must be one of {', '.join(sorted(known))}")
