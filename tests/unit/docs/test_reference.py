"""What docs/reference.md says of a change is what the rules make of it: a new token, a rewritten Secret, or neither."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

import apidoc
from githubtoken_operator.domain.runs.decide import obtain_cause, secret_to_write
from githubtoken_operator.domain.runs.due.schedule import replacement
from tests.unit.builders import githubtoken, observation, seen, settled

SAID: Final = apidoc.behaviour()["GitHubToken"]
NEW_TOKEN: Final = "A new token is obtained at once; the old one stays until then."
REWRITTEN: Final = "The Secret is rewritten at once, with the same token."
PLANNED: Final = "The renewal is planned anew; the token stays."

# A field, the fields of the spec before, and after a change of it.
CHANGES: Final[list[tuple[str, dict[str, Any], dict[str, Any]]]] = [
    ("installation.id", {"installation": {"id": 1}}, {"installation": {"id": 2}}),
    ("installation.owner", {"installation": {"owner": "acme"}}, {"installation": {"owner": "other"}}),
    ("installation.enterprise", {"installation": {"enterprise": "acme"}}, {"installation": {"enterprise": "other"}}),
    ("installation.repository", {"installation": {"repository": "a/b"}}, {"installation": {"repository": "a/c"}}),
    (
        "installation.repositories",
        {"installation": {"id": 1, "repositories": ["a"]}},
        {"installation": {"id": 1, "repositories": ["b"]}},
    ),
    (
        "installation.repositoryIDs",
        {"installation": {"id": 1, "repositoryIDs": [1]}},
        {"installation": {"id": 1, "repositoryIDs": [2]}},
    ),
    (
        "installation.permissions",
        {"installation": {"id": 1, "permissions": {"contents": "read"}}},
        {"installation": {"id": 1, "permissions": {"contents": "write"}}},
    ),
    ("secret.labels", {"secret": {"labels": {"a": "1"}}}, {"secret": {"labels": {"a": "2"}}}),
    ("secret.annotations", {"secret": {"annotations": {"a": "1"}}}, {"secret": {"annotations": {"a": "2"}}}),
    ("renewBefore", {"renewBefore": "20m"}, {"renewBefore": "10m"}),
    ("renewBeforePercentage", {"renewBeforePercentage": 20}, {"renewBeforePercentage": 10}),
]


def effect(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What the rules do with a token that was obtained and published for one spec, under the other."""
    then, now = githubtoken(**before), seen(githubtoken(**after))
    held = settled(then)
    found = replace(held, token=now, spec_hash=observation(now).spec_hash)
    if obtain_cause(found) is not None:
        return NEW_TOKEN
    if secret_to_write(found) is not None:
        return REWRITTEN
    return PLANNED if replacement(found) != replacement(held) else "Nothing happens."


@pytest.mark.parametrize(("field", "before", "after"), CHANGES, ids=[field for field, *_ in CHANGES])
def test_a_change_has_the_effect_that_the_reference_says(
    field: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert effect(before, after) == SAID[field]["change"]


def test_every_field_whose_change_needs_a_new_token_is_tried() -> None:
    said = {field for field, entry in SAID.items() if entry["change"] == NEW_TOKEN}
    assert said <= {field for field, *_ in CHANGES}


def test_an_unchanged_spec_has_no_effect() -> None:
    assert {effect(spec, spec) for _, spec, _ in CHANGES} == {"Nothing happens."}
