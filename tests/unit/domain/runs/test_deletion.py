"""How long an object that is being deleted is held, and which finalizers it has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.specs.github_token import FINALIZER
from githubtoken_operator.domain.runs import deletion
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW, githubtoken_body

ATTEMPTS = st.integers(min_value=1, max_value=200)


@pytest.mark.parametrize(
    ("present", "held", "wanted"),
    [
        (None, True, [FINALIZER]),
        (None, False, []),
        (["example.com/x"], True, ["example.com/x", FINALIZER]),
        ([FINALIZER, "example.com/x"], False, ["example.com/x"]),
        ([FINALIZER], True, [FINALIZER]),
    ],
)
def test_finalizers_of_others_stay(present: list[str] | None, held: bool, wanted: list[str]) -> None:  # noqa: FBT001
    body = githubtoken_body()
    if present is not None:
        body["metadata"]["finalizers"] = present
    assert deletion.finalizers(body, held=held) == wanted


def test_the_hold_ends_five_minutes_after_the_deletion_whoever_counts() -> None:
    body = githubtoken_body()
    assert deletion.deadline(body) is None
    body["metadata"]["deletionTimestamp"] = format_time(NOW)
    assert deletion.deadline(body) == NOW + timedelta(minutes=5)


@given(ATTEMPTS, st.none() | st.floats(min_value=0, max_value=86_400), st.integers(min_value=0, max_value=300))
def test_the_next_attempt_is_soon_as_asked_and_never_after_the_deadline(
    attempts: int, retry_after: float | None, left: int
) -> None:
    until = NOW + timedelta(seconds=left)
    due = deletion.next_attempt(NOW, attempts, retry_after, until)
    assert NOW <= due <= until
    if due < until:
        assert due >= NOW + timedelta(seconds=max(1.0, retry_after or 0.0))
        assert due <= NOW + timedelta(seconds=max(deletion.LONGEST_PAUSE, retry_after or 0.0))
