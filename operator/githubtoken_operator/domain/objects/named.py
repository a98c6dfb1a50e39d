"""Which Secrets an object names for the operator to read: those that a human fills, with whatever labels they have.

Not those that the operator makes: the consumer's Secret and the credential Secret have its own label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_REFERENCES: Final = (
    ("privateKeySecretRef",),
    ("clientSecretSecretRef",),
    ("clientCertificateSecretRef",),
    ("user", "seedSecretRef"),
    ("personal", "secretRef"),
)
"""Where specs of our kinds name one: the path of an object with a `name`."""


def secrets(spec: Mapping[str, Any]) -> frozenset[str]:
    """The names of the Secrets that a spec, which the API server accepted, names."""
    return frozenset(name for path in _REFERENCES if path[0] in spec and (name := _at(spec, path)))


def _at(spec: Mapping[str, Any], path: tuple[str, ...]) -> str | None:
    found: Mapping[str, Any] = spec
    for part in path:
        found = found.get(part) or {}
    return found.get("name")
