"""Where the objects of rivals come from: files, standard input, or the cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import yaml

from githubtoken_operator.adapters.kubernetes.commands.survey import Survey
from githubtoken_operator.commands.cluster import rivals
from githubtoken_operator.commands.terminal import options
from githubtoken_operator.commands.terminal.checks import together
from githubtoken_operator.commands.terminal.layout import printable
from githubtoken_operator.domain.vocabulary.model import JSON

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one file."""


def of_files(names: Sequence[str]) -> list[JSON]:
    """The objects in these files, `-` being standard input; lists are taken apart. Raises `click.ClickException`."""
    return [body for name in names for body in _objects(name, _text(name))]


async def of_cluster(survey: Survey, namespace: str) -> list[JSON]:
    """The objects of a namespace, or of all (""). Raises `ApiError`."""
    found = await together(_listed(survey, plural, namespace) for plural in rivals.PLACES)
    return [body for bodies in found for body in bodies]


async def _listed(survey: Survey, plural: str, namespace: str) -> list[JSON]:
    # The items of a list do not say what they are.
    return [{**body, "kind": rivals.KINDS[plural]} for body in await survey.first_of(rivals.paths(plural, namespace))]


def _text(name: str) -> str:
    try:
        content = sys.stdin.buffer.read(LARGEST + 1) if name == "-" else Path(name).read_bytes()[: LARGEST + 1]
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise click.ClickException(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise click.ClickException(f"{name} is not text in UTF-8") from None
    if len(content) > LARGEST:
        raise click.ClickException(f"{name} has more than {LARGEST} bytes")
    return text


def _objects(name: str, text: str) -> Iterator[JSON]:
    try:
        documents = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise click.ClickException(f"{name} is not YAML{where}") from None
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise click.ClickException(f"{name} holds something that is no Kubernetes object: it has no `kind`")
        items = document.get("items")
        for body in items if isinstance(items, list) and document["kind"].endswith("List") else [document]:
            if not isinstance(body, dict) or not isinstance((body.get("metadata") or {}), dict):
                raise click.ClickException(f"{name} holds something that is no Kubernetes object")
            if not _is_named((body.get("metadata") or {}).get("name")):
                raise click.ClickException(
                    f"{name} holds a {printable(str(body.get('kind')))} without a `metadata.name`"
                )
            yield body


def _is_named(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(options.parse_name(name))
    except ValueError:
        return False
