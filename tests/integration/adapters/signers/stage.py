"""A service with an App's key in it, ready to be asked: what the common suite of the port needs of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.domain.apps.signers import SignerKey


@dataclass(frozen=True, slots=True)
class Stage:
    """Keys of one service.

    `good` is the App's own, `materials.rsa_key()`. `unfit` signs, but not what GitHub takes; `found` is what has to be
    said of it. `missing` is not there. `away` names the same service where nothing listens, None where it has no
    address. `environment` is what the pod of the operator would have.
    """

    good: SignerKey
    unfit: SignerKey
    found: str
    missing: SignerKey
    away: SignerKey | None
    surroundings: Surroundings
    environment: Mapping[str, str] = field(default_factory=dict)


def surroundings(folder: Path, **others: Path) -> Surroundings:
    return Surroundings(token_folder=folder, **others)
