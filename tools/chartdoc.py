"""The README of the chart, written from the comments in its values.yaml.

`make manifests` writes it. A value's description is the comment right above it. A map with a comment, whose entries
have none, is one value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHART = Path(__file__).parents[1] / "charts" / "githubtoken-operator"
README = CHART / "README.md"
_KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):")

_INTRODUCTION = """\
# The chart githubtoken-operator

<!-- Written by tools/chartdoc.py from values.yaml: change it there. -->

It installs the operator with two replicas, its CustomResourceDefinitions and its rights. It needs
Kubernetes {kubernetes}, and helm 3 or 4.

```console
$ helm install githubtoken-operator charts/githubtoken-operator \\
    --namespace githubtoken-system --create-namespace \\
    --set image.repository=REGISTRY/githubtoken-operator
```

How to build the image, to install without helm, to upgrade and to remove it: docs/installation.md. A value that is
misspelt is refused (`values.schema.json`).

## Values

| Value | Default | What it does |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Value:
    """A value by its path, such as `crds.keep`, with its default and its description."""

    path: str
    default: object
    description: str


def values(text: str) -> list[Value]:
    """The values of a values.yaml, in its order; one without a comment has the description ""."""
    comments = dict(_comments(text))
    return list(_leaves(yaml.safe_load(text), "", comments))


def render(chart: Mapping[str, Any], text: str) -> str:
    """The README as Markdown, from Chart.yaml and the text of values.yaml."""
    kubernetes = str(chart["kubeVersion"]).removesuffix("-0")
    rows = [(f"`{each.path}`", f"`{json.dumps(each.default)}`", each.description) for each in values(text)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return _INTRODUCTION.format(kubernetes=kubernetes) + "\n".join(lines) + "\n"


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """The comment above each key, by the key's path. A blank line ends a comment."""
    comment: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
        elif (key := _KEY.match(line)) is not None:
            path = [(indent, name) for indent, name in path if indent < len(key[1])] + [(len(key[1]), key[2])]
            yield ".".join(name for _, name in path), " ".join(comment)
            comment = []
        else:
            comment = []


def _leaves(tree: Mapping[str, Any], prefix: str, comments: Mapping[str, str]) -> Iterator[Value]:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        inner = [comment for other, comment in comments.items() if other.startswith(f"{path}.")]
        if isinstance(value, dict) and value and (any(inner) or not comments[path]):
            yield from _leaves(value, f"{path}.", comments)
        else:
            yield Value(path, value, comments[path])


def current() -> str:
    """The README as it has to be now."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    return render(chart, (CHART / "values.yaml").read_text(encoding="utf-8"))
