"""What the operator asks of the API server for a token, counted by itself: its metrics have each request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from localcluster import ControlPlane
from tests.conftest import CRDS
from tests.integration.operator.tokens.spread.test_cluster_tokens import KIND, fleet_of

if TYPE_CHECKING:
    from localcluster import Binaries
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.xdist_group("apart-requests")

_COUNTED = re.compile(
    r'^githubtoken_api_requests_total\{code="(\d+)",resource="([^"]+)",verb="([^"]+)"\} (\S+)$', re.MULTILINE
)
_OF_OBJECTS = {
    "events", "githubtokens", "githubtokens/status", "clustergithubtokens", "clustergithubtokens/status", "secrets",
    "namespaces",
}  # fmt: skip
_RUNS_OF_CLUSTER_TOKENS = re.compile(r'^githubtoken_runs_total\{kind="ClusterGitHubToken",.*\} (\S+)$', re.MULTILINE)
FIRST = {"patch secrets": 1, "patch githubtokens/status": 1, "create events": 1}
RENEWAL = {"patch secrets": 1, "patch githubtokens/status": 1}


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries) -> Iterator[ControlPlane]:
    """One that no other module shares: what others left would be counted too."""
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


def requests(world: World) -> Counter[str]:
    """How often it has asked what about Secrets, tokens and events, whatever came of it; but for lists and watches."""
    counted: Counter[str] = Counter()
    for _code, resource, verb, number in _COUNTED.findall(world.operator.metrics()):
        if resource in _OF_OBJECTS and verb not in ("list", "watch"):
            counted[f"{verb} {resource}"] += int(float(number))
    return +counted


def test_a_first_token_takes_three_requests_and_a_renewal_two(apart: World) -> None:
    apart.app()
    apart.wait_ready("acme", kind="GitHubApp")
    # Events are sent beside the run, so the App's own may come after its status.
    apart.wait_until(lambda: requests(apart)["create events"] == 1, "the App's event")
    before = requests(apart)
    apart.installation_token()
    apart.wait_ready()
    apart.wait_until(lambda: requests(apart) - before == FIRST, f"what a first token takes: {requests(apart) - before}")
    apart.settle()
    assert requests(apart) - before == FIRST
    before = requests(apart)
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_ready(revision=2)
    apart.settle()
    assert requests(apart) - before == RENEWAL


def test_a_restart_with_fresh_tokens_takes_none_but_lists_and_watches(
    apart: World, start: Callable[..., OperatorProcess]
) -> None:
    app = apart.app()
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    apart.personal_token(apart.made_by_hand())
    for name in ("ci", "alice", "robot"):
        apart.wait_ready(name)
    apart.wait_for("alice", lambda token: token["status"].get("account"))
    apart.wait_until(lambda: apart.status("acme", kind="GitHubApp").get("tokens") == 2, "both to be counted")
    asked_of_github = len(apart.requests())
    apart.operator.stop()
    apart.operator = start()
    shown = "githubtoken_expiration_timestamp_seconds{"
    runs = re.compile(r'^githubtoken_runs_total\{kind="GitHubToken",.*\} ([1-9]\S*)$', re.MULTILINE)
    apart.wait_until(lambda: apart.operator.metrics().count(shown) == 3, "the tokens to be known")
    apart.wait_until(lambda: sum(map(float, runs.findall(apart.operator.metrics()))) >= 3, "their runs")
    apart.settle()
    assert requests(apart) == Counter()
    assert len(apart.requests()) == asked_of_github


def test_a_token_of_many_namespaces_takes_one_request_for_each_and_one_for_all(apart: World) -> None:
    fleet = fleet_of(apart)
    apart.wait_ready(fleet.name, kind=KIND)
    apart.settle()
    before = requests(apart)
    namespaces = [apart.another_namespace(f"{number:02}", ci="true") for number in range(12)]
    old = fleet.wait_token(*namespaces)
    fleet.wait_distributed(summary="12/12")
    apart.settle()
    first = requests(apart) - before
    assert (first["patch secrets"], first["create events"]) == (12, 12)
    assert first.keys() == {"patch secrets", "create events", "patch clustergithubtokens/status"}
    before = requests(apart)
    apart.annotate(fleet.name, kind=KIND, refresh_requested_at="now")
    apart.wait_ready(fleet.name, kind=KIND, revision=2)
    assert fleet.wait_token(*namespaces) != old
    apart.settle()
    assert requests(apart) - before == {"patch secrets": 12, "patch clustergithubtokens/status": 1}


def test_a_look_at_a_token_of_many_namespaces_that_has_not_changed_takes_none(apart: World) -> None:
    fleet = fleet_of(apart)
    fleet.wait_token(*(fleet.namespace(suffix) for suffix in "abc"))
    fleet.wait_distributed(summary="3/3")
    apart.settle()
    asked, before, ran = len(apart.requests()), requests(apart), runs_of_cluster_tokens(apart)
    apart.cluster.patch(KIND, "", fleet.name, {"metadata": {"annotations": {"team": "platform"}}})
    apart.wait_until(lambda: runs_of_cluster_tokens(apart) > ran, "a look")
    apart.settle()
    assert requests(apart) - before == Counter()
    assert len(apart.requests()) == asked


def runs_of_cluster_tokens(world: World) -> float:
    return sum(map(float, _RUNS_OF_CLUSTER_TOKENS.findall(world.operator.metrics())))
