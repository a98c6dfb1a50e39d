"""The CustomResourceDefinitions of this version: in the wheel, or in a checkout where they are made."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from githubtoken_operator.domain.vocabulary.model import JSON


def crd_texts() -> list[str]:
    """Their manifests, by name."""
    return [file.read_text() for file in sorted(_folder().iterdir(), key=lambda file: file.name)]


def crds() -> list[JSON]:
    """The same as objects."""
    return [found for text in crd_texts() for found in yaml.safe_load_all(text) if found]


def _folder() -> Traversable:
    packaged = resources.files("githubtoken_operator") / "crds"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "deploy" / "crds"
