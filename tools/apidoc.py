"""The reference of the API in docs/api.md, written from the CRDs.

    python tools/apidoc.py            writes docs/api.md
    python tools/apidoc.py --check    fails if docs/api.md is not what the CRDs say

The CRDs are the only source: what the reference lacks belongs into a `description` there, where `kubectl explain` shows
it too. The first paragraph of a description goes into the table of fields, further ones below the table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).parents[1]
CRDS = REPOSITORY / "deploy" / "crds"
REFERENCE = REPOSITORY / "docs" / "api.md"

# The order in which a reader needs them.
_FILES = (
    "githubtoken.dev_githubtokens.yaml",
    "githubtoken.dev_githubapps.yaml",
    "githubtoken.dev_clustergithubapps.yaml",
)

_INTRODUCTION = """\
# API reference

<!-- Written by tools/apidoc.py from deploy/crds: change it there. -->

All kinds are of the API group `githubtoken.dev`, version `v1alpha1`. `kubectl explain ght.spec` shows the same text.
What an object must be is checked by the API server when it is applied; a wrong one is refused with one of the messages
given here as *rule*. `a[].b` is the field `b` of each item of the list `a`.

`kubectl get githubtoken` without a name lists the objects of all three kinds, because `githubtoken` is their category.
To name one GitHubToken, write `kubectl get ght NAME` or `kubectl get githubtokens NAME`: kubectl refuses a name after a
category ("you must specify only one resource"). For the same reason `kubectl delete githubtoken --all` would delete the
Apps too.
"""

Schema = dict[str, Any]


def load(folder: Path = CRDS) -> list[Schema]:
    """The CRDs of a folder, in the order of the reference."""
    return [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in _FILES]


def render(crds: Sequence[Schema]) -> str:
    """The reference as Markdown."""
    return "\n".join([_INTRODUCTION, *(line for crd in crds for line in _kind(crd))]).rstrip() + "\n"


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Every field below a schema, depth first: its path, its schema, and whether it must be set.

    Items of lists appear only if they are objects, values of maps never: the field itself tells about them.
    """
    required = schema.get("required", [])
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, child, name in required
        if child["type"] == "array":
            yield from fields(child["items"], f"{here}[]")
        else:
            yield from fields(child, here)


def _kind(crd: Schema) -> Iterator[str]:
    spec = crd["spec"]
    names, version = spec["names"], spec["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    columns = version["additionalPrinterColumns"]
    yield from (f"## {names['kind']}", "", schema["description"], "")
    yield f"- Plural `{names['plural']}`, short `{names['shortNames'][0]}`; {_SCOPES[spec['scope']]}"
    yield f"- Columns of `kubectl get`: {_column_names(columns, priority=0)}"
    yield f"- With `-o wide` also: {_column_names(columns, priority=1)}"
    for field in version.get("selectableFields", []):
        yield f"- `--field-selector` knows `{field['jsonPath'].removeprefix('.')}`"
    rules = [rule["message"] for rule in schema.get("x-kubernetes-validations", [])]
    if rules:
        yield from ("", "Rules about the whole object:", "", *(f"- {message}" for message in rules))
    yield ""
    for part in ("spec", "status"):
        yield from _part(names["kind"], part, schema["properties"][part])


_SCOPES = {"Namespaced": "in a namespace", "Cluster": "of the whole cluster, in no namespace"}


def _column_names(columns: Sequence[Mapping[str, Any]], *, priority: int) -> str:
    return ", ".join(column["name"].upper() for column in columns if column.get("priority", 0) == priority)


def _part(kind: str, part: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {kind}: {part}", "", schema["description"], "")
    rules = [rule["message"] for rule in schema.get("x-kubernetes-validations", [])]
    if rules:
        yield from ("Rules:", "", *(f"- {message}" for message in rules), "")
    yield from ("| Field | Type | What it says |", "|---|---|---|")
    below: list[str] = []
    for path, field, required in fields(schema):
        first, _, rest = field["description"].partition("\n\n")
        yield f"| `{path}` | {_type(field)} | {_cell(first, field, required=required)} |"
        if rest:
            below += ["", f"#### {kind}: {part}.{path}", "", rest]
    yield from (*below, "")


def _type(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return {"date-time": "time", "byte": "base64"}.get(schema.get("format", ""), str(schema["type"]))


def _cell(description: str, schema: Schema, *, required: bool) -> str:
    """What stands in the last column: the description, then what the schema adds to it."""
    notes = [description]
    if required:
        notes.append("Must be set.")
    if "default" in schema:
        notes.append(f"Default: `{yaml.safe_dump(schema['default'], default_flow_style=True).splitlines()[0]}`.")
    notes += _size(schema, "Items", "items")
    notes += _size(schema, "Properties", "entries")
    inner = schema.get("items") or schema.get("additionalProperties")
    notes += _values(inner, "Each at") if inner else _values(schema, "At")
    rules = [rule["message"] for part in (schema, inner or {}) for rule in part.get("x-kubernetes-validations", [])]
    lines = [" ".join(notes), *(f"*Rule:* {message}" for message in rules)]
    return "<br>".join(lines).replace("|", "\\|").replace("\n", " ")


def _size(schema: Schema, keyword: str, what: str) -> Iterator[str]:
    if f"max{keyword}" in schema:
        least = f"{schema[f'min{keyword}']} to" if f"min{keyword}" in schema else "At most"
        yield f"{least} {schema[f'max{keyword}']} {what}."


def _values(schema: Schema, at: str) -> Iterator[str]:
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}."
    if "minimum" in schema:
        yield f"{at} least {schema['minimum']}."
    if "maximum" in schema:
        yield f"{at} most {schema['maximum']}."
    if "maxLength" in schema:
        yield f"{at} most {schema['maxLength']} characters."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the reference, or compare it; 1 if it is not current."""
    parser = argparse.ArgumentParser(description="Write docs/api.md from the CRDs.")
    parser.add_argument("--check", action="store_true", help="only look whether docs/api.md is current")
    text = render(load())
    if not parser.parse_args(arguments).check:
        REFERENCE.write_text(text, encoding="utf-8")
        return 0
    if REFERENCE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/api.md is not what the CRDs say; run: python tools/apidoc.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
