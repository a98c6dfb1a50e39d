"""What the control API is asked, read with care, and who answers it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from github_simulator import tokens
from github_simulator.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from github_simulator.simulation import Simulation

    Endpoint = Callable[["Asked"], Any]
    """Answers with a document, or with None for no content."""

    Route = tuple[str, str, Endpoint]
    """Method, path and who answers it."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what it is about, its body, and the parameters of its path."""

    simulation: Simulation
    body: Document
    path: Mapping[str, str]

    @classmethod
    def of(cls, simulation: Simulation, raw: bytes, path: Mapping[str, str]) -> Self:
        """The request with this body. Raises `ControlError` and `ValueError`."""
        body = json.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise ControlError("the body must be a JSON object")
        return cls(simulation, body, path)

    @property
    def now(self) -> float:
        """By the virtual clock."""
        return self.simulation.clock.now()

    def text(self, name: str) -> str:
        """The text under that name; it must not be empty."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise ControlError(f"`{name}` must be a non-empty string")
        return value

    def sha256(self) -> str:
        """The hash under `sha256`, in hexadecimal digits."""
        try:
            return tokens.normalized_sha256(self.text("sha256"))
        except ValueError as error:
            raise ControlError(str(error)) from error

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raises for a field that there is not."""
        unknown = sorted(set(self.body) - set(known))
        if unknown:
            raise ControlError(f"`{unknown[0]}` must be one of {', '.join(sorted(known))}")
