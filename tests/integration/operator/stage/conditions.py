"""The conditions of an object, as tests ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ready:
    """The `Ready` condition."""

    status: str
    reason: str
    message: str


def conditions_of(item: Mapping[str, Any]) -> dict[str, str]:
    """The reasons of the conditions that are True beside `Ready` and `Distributed`, by their types."""
    found = item.get("status", {}).get("conditions", ())
    beside = [each for each in found if each["type"] not in {"Ready", "Distributed"}]
    return {each["type"]: each["reason"] for each in beside if each["status"] == "True"}


def ready_of(item: Mapping[str, Any]) -> Ready:
    """The `Ready` condition of an object."""
    for found in item.get("status", {}).get("conditions", ()):
        if found["type"] == "Ready":
            return Ready(found["status"], found["reason"], found["message"])
    return Ready("Unknown", "", "")
