"""A refusal that names fields that the cluster's definition of a kind lacks is known as that."""

from __future__ import annotations

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Invalid, Unavailable, Undeclared, error_of

BEFORE_THE_FIELDS = (
    f"failed to create typed patch object ({'n' * 250}/ci; githubtoken.dev/v1alpha1, Kind=GitHubToken): "
)
ONE = ".status.lastFailureInputs: field not declared in schema"
TWO = f"errors:\n  {ONE}\n  .status.failures[0].cause: field not declared in schema"


@pytest.mark.parametrize(("said", "fields"), [(ONE, {"lastFailureInputs"}), (TWO, {"lastFailureInputs", "failures"})])
def test_fields_are_known_from_the_refusal_however_long_the_names_before_them_are(said: str, fields: set[str]) -> None:
    error = error_of(500, BEFORE_THE_FIELDS + said)
    assert isinstance(error, Undeclared)
    assert error.fields == fields


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (500, ".spec.color: field not declared in schema", Unavailable),
        (422, ".status.conditions: Required value", Invalid),
    ],
)
def test_other_refusals_are_what_their_status_says(status: int, said: str, kind: type[Exception]) -> None:
    assert type(error_of(status, said)) is kind
