"""What metrics are told of who waits for a turn at GitHub, and of who is not answered there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.process.composition.readings import unanswered, waited_for, waiting

ACME = Lane("api.github.com", "key", "1")


def turns(**told: object) -> Turns[Ref]:
    owners = {"key": ("team-a", "acme")}
    sources = {name: lambda found=found: found for name, found in told.items()}
    return cast("Turns[Ref]", SimpleNamespace(owner=lambda lane: owners.get(lane.credential, ("", "")), **sources))


def test_who_waits_for_a_turn_at_github_is_told_and_its_app_with_a_count() -> None:
    keys = [Ref(Kind.TOKEN, "team-a", "web"), Ref(Kind.TOKEN, "team-a", "docs"), Ref(Kind.APP, "team-a", "acme")]
    asked = turns(waiting=[(key, ACME, 5.0) for key in keys])
    assert waiting(asked) == {("team-a", "web"): 5.0, ("team-a", "docs"): 5.0}
    assert waited_for(asked, str.upper) == {("API.GITHUB.COM", "team-a", "acme"): 2}


def test_an_app_that_is_not_answered_is_told_by_its_longest_lane_and_a_host_without_an_app() -> None:
    out = [(ACME, 5.0), (ACME._replace(installation="2"), 7.0), (Lane("ghe.example.com", ""), 3.0)]
    assert unanswered(turns(out=out), str) == {
        ("api.github.com", "team-a", "acme"): 7.0,
        ("ghe.example.com", "", ""): 3.0,
    }


def test_an_app_whose_name_was_forgotten_is_not_taken_for_its_host() -> None:
    assert unanswered(turns(out=[(Lane("api.github.com", "forgotten"), 3.0)]), str) == {}
