"""`githubtoken crds`: the CustomResourceDefinitions of this version, as `kubectl apply` takes them.

They are in the wheel, or in a checkout where they are made.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click
import yaml

from githubtoken_operator.domain.vocabulary.model import JSON


@click.command(short_help="Print the CustomResourceDefinitions.")
def crds() -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply --server-side -f -`."""
    click.echo("".join(text if text.startswith("---") else f"---\n{text}" for text in _texts()), nl=False)


def packaged() -> list[JSON]:
    """The same as objects."""
    return [found for text in _texts() for found in yaml.safe_load_all(text) if found]


def _texts() -> list[str]:
    """Their manifests, by name."""
    return [file.read_text() for file in sorted(_folder().iterdir(), key=lambda file: file.name)]


def _folder() -> Traversable:
    in_wheel = resources.files("githubtoken_operator") / "crds"
    return in_wheel if in_wheel.is_dir() else Path(__file__).parents[3] / "deploy" / "crds"
