"""The reference of the API in docs/reference.md, written from the CRDs and from tools/apidoc.yaml.

    python tools/apidoc.py            writes docs/reference.md
    python tools/apidoc.py --check    fails if docs/reference.md is not what they say

What a field is and may be is said by the CRDs alone: what the reference lacks of that belongs into a `description`
there, where `kubectl explain` shows it too. The first paragraph of a description goes into the table of fields, further
ones below the table. What happens when a field changes, and which reason a mistake in it gets, is said by apidoc.yaml.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).parents[1]
CRDS = REPOSITORY / "deploy" / "crds"
REFERENCE = REPOSITORY / "docs" / "reference.md"

BEHAVIOUR = Path(__file__).with_suffix(".yaml")

# The order in which a reader needs them.
_FILES = (
    "githubtoken.dev_githubtokens.yaml",
    "githubtoken.dev_githubapps.yaml",
    "githubtoken.dev_clustergithubapps.yaml",
    "githubtoken.dev_clustergithubtokens.yaml",
)

_INTRODUCTION = """\
# API reference

<!-- Written by tools/apidoc.py from deploy/crds and tools/apidoc.yaml: change it there. -->

All kinds are of the API group `githubtoken.dev`, version `v1alpha1`. `kubectl explain ght.spec` shows the same text.
What an object must be is checked by the API server when it is applied; a wrong one is refused with one of the messages
given here as *rule*. What only the operator or GitHub can see is told by a reason of the `Ready` condition
([what to do about each](troubleshooting.md)). `a[].b` is the field `b` of each item of the list `a`.

`kubectl get github` lists the objects of all kinds: `github` is their category.
"""

Schema = dict[str, Any]
Behaviour = dict[str, dict[str, dict[str, Any]]]


def load(folder: Path = CRDS) -> list[Schema]:
    """The CRDs of a folder, in the order of the reference."""
    return [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in _FILES]


def behaviour(file: Path = BEHAVIOUR) -> Behaviour:
    """Of each kind, what is to be said of the fields of its spec: `change`, spelt out, and `reasons`."""
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    words = said.pop("changes")
    return {
        kind: {
            path: {"change": words.get(entry["change"], entry["change"]), "reasons": entry.get("reasons", {})}
            for path, entry in entries.items()
            if entry is not None
        }
        for kind, entries in said.items()
    }


def render(crds: Sequence[Schema]) -> str:
    """The reference as Markdown."""
    said = behaviour()
    lines = (line for crd in crds for line in _kind(crd, said[crd["spec"]["names"]["kind"]]))
    return "\n".join([_INTRODUCTION, *lines]).rstrip() + "\n"


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


def _kind(crd: Schema, said: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
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
    yield from _part(names["kind"], "spec", schema["properties"]["spec"], said)
    yield from _part(names["kind"], "status", schema["properties"]["status"])


_SCOPES = {"Namespaced": "in a namespace", "Cluster": "of the whole cluster, in no namespace"}


def _column_names(columns: Sequence[Mapping[str, Any]], *, priority: int) -> str:
    return ", ".join(column["name"].upper() for column in columns if column.get("priority", 0) == priority)


def _part(kind: str, part: str, schema: Schema, said: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[str]:
    yield from (f"### {kind}: {part}", "", schema["description"], "")
    rules = [rule["message"] for rule in schema.get("x-kubernetes-validations", [])]
    if rules:
        yield from ("Rules:", "", *(f"- {message}" for message in rules), "")
    columns = ["Field", "Type", "What it says"]
    if said is not None:
        columns += ["Default", "When it changes", "Reason of a mistake"]
    yield from (_row(columns), "|---" * len(columns) + "|")
    below: list[str] = []
    for path, field, required in fields(schema):
        first, _, rest = field["description"].partition("\n\n")
        cells = [f"`{path}`", _type(field), _text(first, field, required=required)]
        if said is not None:
            cells += [_default(field), *_told(said.get(path))]
        yield _row(cells)
        if rest:
            below += ["", f"#### {kind}: {part}.{path}", "", rest]
    yield from (*below, "")


def _type(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return {"date-time": "time", "byte": "base64"}.get(schema.get("format", ""), str(schema["type"]))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    return f"`{yaml.safe_dump(schema['default'], default_flow_style=True).splitlines()[0]}`"


def _told(entry: Mapping[str, Any] | None) -> tuple[str, str]:
    """What happens when the field changes, and the reasons."""
    if entry is None:
        return "", ""
    return entry["change"], "<br>".join(f"`{reason}`: {when}" for reason, when in entry["reasons"].items())


def _text(description: str, schema: Schema, *, required: bool) -> str:
    """The description, then what the schema adds to it."""
    notes = [description]
    if required:
        notes.append("Must be set.")
    notes += _size(schema, "Items", "items")
    notes += _size(schema, "Properties", "entries")
    inner = schema.get("items") or schema.get("additionalProperties")
    notes += _values(inner, "Each at") if inner else _values(schema, "At")
    rules = [rule["message"] for part in (schema, inner or {}) for rule in part.get("x-kubernetes-validations", [])]
    # The star of *kubernetes.io/ would begin emphasis.
    described, *messages = (re.sub(r"\*(?=\w)", r"\*", text) for text in (" ".join(notes), *rules))
    return "<br>".join((described, *(f"*Rule:* {message}" for message in messages)))


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
    parser = argparse.ArgumentParser(description="Write docs/reference.md from the CRDs and tools/apidoc.yaml.")
    parser.add_argument("--check", action="store_true", help="only look whether docs/reference.md is current")
    text = render(load())
    if not parser.parse_args(arguments).check:
        REFERENCE.write_text(text, encoding="utf-8")
        return 0
    if REFERENCE.read_text(encoding="utf-8") == text:
        return 0
    print(
        "docs/reference.md is not what the CRDs and tools/apidoc.yaml say; run: python tools/apidoc.py", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
