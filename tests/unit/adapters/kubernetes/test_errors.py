"""What the API server refuses is known by its message where the status does not say it."""

from __future__ import annotations

import pytest

from githubtoken_operator.adapters.kubernetes.errors import (
    Forbidden,
    HookAway,
    Invalid,
    Unavailable,
    Undeclared,
    error_of,
)

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
        (500, 'failed calling webhook "policy.example": connection refused', HookAway),
        (500, "etcdserver: request timed out", Unavailable),
        (
            422,
            "secrets is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied request: no",
            Forbidden,
        ),
        (400, 'admission webhook "policy.example" denied the request: no', Forbidden),
    ],
)
def test_other_refusals_are_what_status_and_message_say(status: int, said: str, kind: type[Exception]) -> None:
    assert type(error_of(status, said)) is kind


def test_what_is_cut_off_of_a_long_message_can_be_seen() -> None:
    assert error_of(403, "a" * 512).message == "a" * 512
    assert error_of(403, "a" * 513).message == "a" * 511 + "…"
