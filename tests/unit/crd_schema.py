"""The CRDs' schemas of `status`, and a check of documents against them without an API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parents[2] / "deploy" / "crds"


def schema_of(file: str) -> dict[str, Any]:
    """The schema of `status` in one of the CRDs."""
    document = yaml.safe_load((CRDS / file).read_text())
    root = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = root["properties"]["status"]
    return found


PYTHON_TYPES: dict[str, type] = {"string": str, "integer": int, "object": dict, "array": list}


def violations(value: Any, schema: dict[str, Any], path: str = "status") -> list[str]:  # noqa: ANN401 - JSON
    """Where a document breaks the schema, as far as the CRDs use JSON Schema."""
    found = [] if isinstance(value, PYTHON_TYPES[schema["type"]]) else [f"{path}: must be {schema['type']}"]
    if isinstance(value, str):
        found += [f"{path}: too long"] * (len(value) > schema["maxLength"]) if "maxLength" in schema else []
        found += [f"{path}: not one of the enum"] * (value not in schema.get("enum", [value]))
        found += [f"{path}: empty"] * (len(value) < schema.get("minLength", 0))
    if isinstance(value, int):
        found += [f"{path}: too small"] * (value < schema.get("minimum", value))
        found += [f"{path}: too large"] * (value >= 2 ** (31 if schema.get("format") == "int32" else 63))
    if isinstance(value, list):
        found += [f"{path}: too many"] * (len(value) > schema.get("maxItems", len(value)))
        for item in value:
            found += violations(item, schema["items"], f"{path}[]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}: no {name}" for name in schema.get("required", []) if name not in value]
        found += [f"{path}: too many"] * (len(value) > schema.get("maxProperties", len(value)))
        for key, item in value.items():
            inner = known.get(key, schema.get("additionalProperties"))
            found += violations(item, inner, f"{path}.{key}") if inner else [f"{path}.{key}: unknown"]
    return found
