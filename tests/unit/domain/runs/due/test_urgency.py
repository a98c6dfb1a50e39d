"""Until when a run matters: a property of the object."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.due.urgency import ENDLESS, FIRST_TOKEN, deadline, remembered
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time
from tests.unit.builders import NOW, githubtoken, githubtoken_body, issued, observation, user_githubtoken

HOUR = timedelta(hours=1)


def test_a_valid_tokens_consumers_can_wait_until_it_dies() -> None:
    seen = observation(issued=issued())
    assert seen.issued is not None
    assert deadline(seen) == seen.issued.access.expires_at


def test_a_token_without_an_end_can_wait_for_an_hour() -> None:
    seen = observation(issued=replace(issued(), access=replace(issued().access, expires_at=None)))
    assert deadline(seen) == seen.now + ENDLESS


def dead(seen: Observation) -> Observation:
    assert seen.issued is not None
    access = replace(seen.issued.access, expires_at=seen.now - HOUR)
    return replace(seen, issued=replace(seen.issued, access=access))


def test_what_is_dead_goes_before_what_lives_and_a_users_before_all() -> None:
    alive = observation(issued=issued())
    first = observation(githubtoken(), issued=None)
    mine, users = dead(alive), dead(observation(user_githubtoken(), issued=issued()))
    ranked = sorted([alive, first, mine, users], key=deadline)
    assert ranked[0] is users
    assert ranked[1] is mine


def test_a_first_token_comes_a_minute_after_its_object_was_made() -> None:
    seen = observation(issued=None)
    made = parse_time(seen.token.created)
    assert deadline(seen) == (made or seen.now) + FIRST_TOKEN


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({"expirationTime": format_time(NOW), "revision": 3}, NOW.timestamp(), id="it has a token"),
        pytest.param({"revision": 3}, None, id="its token has no end"),
        pytest.param({"expirationTime": "soon", "revision": 3}, None, id="what was written there is no time"),
    ],
)
def test_of_an_object_that_was_not_looked_at_yet_its_status_says_it(
    status: dict[str, Any], expected: float | None
) -> None:
    body = githubtoken_body()
    body["status"] = status
    assert remembered(body) == expected


def test_of_an_object_without_a_token_the_time_at_which_it_was_made_says_it() -> None:
    body = githubtoken_body()
    body["metadata"]["creationTimestamp"] = format_time(NOW)
    assert remembered(body) == (NOW + FIRST_TOKEN).timestamp()
    del body["metadata"]["creationTimestamp"]
    assert remembered(body) is None
