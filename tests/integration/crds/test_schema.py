"""What holds of every field of the CRDs, read from their files."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from githubtoken_operator.domain.vocabulary import reasons

Schemas = dict[str, list[tuple[str, dict[str, Any]]]]


@pytest.fixture(params=["GitHubToken", "GitHubApp", "ClusterGitHubApp", "ClusterGitHubToken"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_field_has_a_description(schemas: Schemas, kind: str) -> None:
    assert [path for path, part in schemas[kind] if not part.get("description", "").strip()] == []


def test_every_string_is_bounded(schemas: Schemas, kind: str) -> None:
    strings = [(path, part) for path, part in schemas[kind] if part["type"] == "string"]

    assert [path for path, part in strings if not part.keys() & {"maxLength", "enum"}] == []


def test_every_list_is_bounded_and_a_set_or_a_map(schemas: Schemas, kind: str) -> None:
    lists = [(path, part) for path, part in schemas[kind] if part["type"] == "array"]

    assert [path for path, part in lists if "maxItems" not in part] == []
    assert {part["x-kubernetes-list-type"] for _, part in lists} <= {"map", "set"}


def test_every_map_is_bounded_and_so_are_its_keys(schemas: Schemas, kind: str) -> None:
    maps = [(path, part) for path, part in schemas[kind] if "additionalProperties" in part]

    assert [path for path, part in maps if "maxProperties" not in part] == []
    # What a rule says of keys it says of all of them.
    key_rules = [
        any(rule["rule"].startswith("self.all(k, k.") for rule in part.get("x-kubernetes-validations", []))
        for _, part in maps
    ]
    assert all(key_rules)


def test_every_number_has_a_format_and_a_least_value(schemas: Schemas, kind: str) -> None:
    numbers = [(path, part) for path, part in schemas[kind] if part["type"] == "integer"]

    assert [path for path, part in numbers if not {"format", "minimum"} <= part.keys()] == []


def test_nothing_unknown_is_kept(schemas: Schemas, kind: str) -> None:
    # A GitHubApp's `signer` is refused whatever it holds: were its fields unknown, that is all that would be said.
    refused = [".spec.signer"] if kind == "GitHubApp" else []

    assert [path for path, part in schemas[kind] if "x-kubernetes-preserve-unknown-fields" in part] == refused


def test_every_rule_has_a_message(schemas: Schemas, kind: str) -> None:
    rules = [rule for _, part in schemas[kind] for rule in part.get("x-kubernetes-validations", [])]

    assert [rule["rule"] for rule in rules if not rule.get("message")] == []


def test_every_rule_about_the_whole_object_names_a_field(schemas: Schemas, kind: str) -> None:
    (_, root), *_ = schemas[kind]

    assert [rule["rule"] for rule in root.get("x-kubernetes-validations", []) if "fieldPath" not in rule] == []


def test_the_two_kinds_of_app_differ_in_allowed_namespaces_and_signers_only(crds: dict[str, Any]) -> None:
    app, cluster_app = (
        copy.deepcopy(crds[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"])
        for kind in ("GitHubApp", "ClusterGitHubApp")
    )
    del cluster_app["spec"]["properties"]["allowedNamespaces"]
    for kind in (app, cluster_app):
        del kind["spec"]["properties"]["signer"]
        rules = kind["spec"]["x-kubernetes-validations"]
        kind["spec"]["x-kubernetes-validations"] = [rule for rule in rules if "signer" not in rule["rule"]]
    conditions = cluster_app["status"]["properties"]["conditions"]
    lines = conditions["description"].splitlines()
    conditions["description"] = "\n".join(line for line in lines if "- `Signer" not in line)
    own, shared = "the namespace of this object", "the operator's own namespace"

    assert cluster_app["spec"] == _replaced(app["spec"], own, shared)
    assert cluster_app["status"] == app["status"]


def test_the_two_kinds_of_token_differ_in_namespaces_apps_and_restarts_only(crds: dict[str, Any]) -> None:
    token, cluster_token = (
        _without_descriptions(crds[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        for kind in ("GitHubToken", "ClusterGitHubToken")
    )
    own, shared = token["properties"], cluster_token["properties"]
    del own["spec"]["properties"]["appRef"]["properties"]["kind"]
    del own["spec"]["properties"]["restartTargets"]
    del own["status"]["properties"]["restartedRevision"]
    del shared["spec"]["properties"]["namespaces"]
    assert shared["spec"].pop("required") == ["namespaces"]
    for field in ("namespaces", "failures", "notesSHA256"):
        del shared["status"]["properties"][field]

    assert cluster_token == token


def _without_descriptions(part: Any) -> Any:  # noqa: ANN401 - whatever a schema has
    if isinstance(part, dict):
        # A field may be called so too.
        return {
            key: _without_descriptions(value)
            for key, value in part.items()
            if key != "description" or not isinstance(value, str)
        }
    return [_without_descriptions(value) for value in part] if isinstance(part, list) else part


def _replaced(part: object, old: str, new: str) -> object:
    if isinstance(part, str):
        return part.replace(old, new)
    if isinstance(part, dict):
        return {key: _replaced(value, old, new) for key, value in part.items()}
    return [_replaced(value, old, new) for value in part] if isinstance(part, list) else part


def test_every_reason_for_which_a_human_is_needed_is_explained(schemas: Schemas) -> None:
    text = next(part["description"] for path, part in schemas["GitHubToken"] if path == ".status.conditions")

    assert [reason for reason in reasons.HUMAN_NEEDED if f"- `{reason}`: " not in text] == []
