"""GitHub answers 401 and 404 to right requests for a quarter of an hour: no token of an hour's life dies of that.

On a clock of its own, since what is claimed is about minutes: for every moment at which such an incident may begin,
whatever it strikes, and however often the process is started anew meanwhile.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.times import parse_time
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import World
from tests.unit.keys import pem

NOT_THE_KEY: Final = Terminal(reasons.AUTHENTICATION_FAILED, "GitHub does not accept the App's key")
NOT_THERE: Final = Terminal(reasons.INSTALLATION_NOT_FOUND, "the App is not installed there")
NEVER: Final = 10**9
MOST_MINTS: Final = 30
"""Five renewals, and what an incident adds: no storm."""
BY_JWT: Final = ("mint", "get_app", "find_installation")
INCIDENT: Final = timedelta(minutes=16)
BELIEVED_AFTER: Final = timedelta(minutes=4)
"""So long GitHub's refusals of what worked are doubted at the least."""

KINDS: Final[dict[str, dict[str, Exception]]] = {
    "401 to everything": dict.fromkeys(BY_JWT, NOT_THE_KEY),
    "404 to everything": dict.fromkeys(BY_JWT, NOT_THERE),
    "404 to mints": {"mint": NOT_THERE},
    "401 to new tokens": {},
}
"""What is refused; the probe of a new token always is."""


def declared() -> World:
    """An App and a GitHubToken of its installation, new in the cluster."""
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-client-secret"}))
    world.api.put(githubtoken_body())
    return world


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    begins=st.integers(min_value=1, max_value=2 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
    restarts=st.lists(st.integers(min_value=0, max_value=960).map(lambda s: timedelta(seconds=s)), max_size=3),
)
# The moment of the renewal, and a second before and after it may be.
@example(begins=timedelta(minutes=37, seconds=59), restarts=[])
@example(begins=timedelta(minutes=38), restarts=[timedelta(0)])
@example(begins=timedelta(minutes=40, seconds=1), restarts=[timedelta(minutes=2)])
def test_no_token_of_an_hour_dies_of_sixteen_minutes_of_refusals(
    kind: str, begins: timedelta, restarts: list[timedelta]
) -> None:
    asyncio.run(live_through(kind, begins, sorted(restarts)))


async def live_through(kind: str, begins: timedelta, restarts: list[timedelta]) -> None:
    """Three hours with one incident; at each moment the consumer's token is alive."""
    world = declared()
    process = world.start()
    start = world.clock()
    until = start + timedelta(hours=3)
    incident = (start + begins, start + begins + INCIDENT)
    turns = [incident[0] + after for after in restarts]
    while world.clock() < until:
        refusing = incident[0] <= world.clock() < incident[1]
        world.github.refuses = dict(KINDS[kind]) if refusing else {}
        world.github.accepted_after = NEVER if refusing else 0
        due = await process.run()
        status = world.status()
        assert ready_of(status) == ("True", reasons.FRESH)
        if world.clock() < incident[0] + BELIEVED_AFTER:
            assert needs_human(status) is None
        expires = parse_time(status["expirationTime"])
        assert due is not None
        assert expires is not None
        following = max(datetime.fromtimestamp(due.due, UTC), world.clock())
        if turns and turns[0] <= following:
            following, process = max(turns.pop(0), world.clock()), world.start()
        assert following < expires, "the next look comes while the token lives"
        world.clock.advance(following - world.clock())
    assert needs_human(world.status()) is None
    assert world.status().get("failedAttempts") is None
    assert world.faults.calls.count("mint") < MOST_MINTS
