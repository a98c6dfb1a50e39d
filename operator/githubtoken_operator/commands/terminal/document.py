"""Objects for programs: JSON or YAML, as kubectl prints them."""

from __future__ import annotations

import json
from typing import Any, Literal

import yaml

from githubtoken_operator.domain.vocabulary.model import JSON

Format = Literal["json", "yaml"]


def document(content: JSON, form: Format) -> str:
    """The text, without a line end behind it."""
    if form == "json":
        return json.dumps(content, indent=4, ensure_ascii=False)
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False).rstrip("\n")


def plain(body: JSON) -> dict[str, Any]:
    """An object without `managedFields`, which nobody reads."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}
