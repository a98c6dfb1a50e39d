"""One tenant's worst, and the renewals of another go on."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.chaos.faultproxy import Rule
from tests.chaos.nonsense import nonsense
from tests.chaos.stage import ENDED, HEALS_WITHIN, Row, Stage
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.conditions import ready_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

GROUP: Final = "Tenants"
LIFE: Final = 24
"""Seconds of the healthy tenant's tokens, which are renewed when a third of them is left."""
PATIENCE: Final = 600.0
MORE_THAN_PLACES: Final = 34
"""GitHubTokens; 32 are worked on at once."""


@dataclass
class Consumer:
    """Calls GitHub with what its Secret holds, again and again, as a mounted file is read."""

    stage: Stage
    failures: list[str] = field(default_factory=list)
    calls: int = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._work, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _work(self, over: threading.Event) -> None:
        world = self.stage.world
        with httpx.Client(base_url=world.simulator.api_url) as github:
            while not over.wait(0.1):
                headers = {"authorization": f"Bearer {world.data('ci')['token']}"}
                status = github.get("/installation/repositories", headers=headers).status_code
                self.calls += 1
                if status != httpx.codes.OK:
                    self.failures.append(f"call {self.calls}: {status}")


def latest_renewal(stage: Stage, *names: str, until: Callable[[], bool]) -> float:
    """Watches them until then, and until each was renewed; returns by how much the latest was late, in seconds."""
    due: dict[str, dict[int, float]] = {name: {} for name in names}
    latest = 0.0
    deadline = time.monotonic() + PATIENCE
    while not until() or any(len(seen) < 2 for seen in due.values()):
        assert time.monotonic() < deadline, [stage.world.status(name) for name in names]
        for name, seen in due.items():
            token = stage.world.get("GitHubToken", name) or {}
            status = token["status"]
            assert ready_of(token).status == "True", status
            if planned := seen.get(status["revision"] - 1):
                latest = max(latest, at(status["issuedTime"]) - planned)
            seen[status["revision"]] = at(status["renewalTime"])
        time.sleep(0.2)
    return latest


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def lag(metrics: str) -> str:
    """The least upper bound that the histogram gives of all."""
    lines = [line for line in metrics.splitlines() if line.startswith("githubtoken_event_loop_lag_seconds_bucket")]
    counts = [(line.partition('le="')[2].partition('"')[0], float(line.split()[-1])) for line in lines]
    return next(bound for bound, count in counts if count == counts[-1][1])


def failed_renewals(metrics: str) -> int:
    lines = (line for line in metrics.splitlines() if line.startswith("githubtoken_lease_renewals_total"))
    return sum(int(float(line.split()[-1])) for line in lines if 'result="failed"' in line)


@pytest.mark.parametrize("objects", [150, pytest.param(1000, marks=pytest.mark.chaos_long)])
def test_a_tenant_s_worst_makes_no_renewal_of_another_late(stage: Stage, objects: int) -> None:
    world = stage.world
    assert world.operator.stop() == 0
    world.operator = stage.launch(stage.journal, "--allowed-hosts", "127.0.0.1,localhost")
    world.github.change_app(stage.app, installation_token_life=LIFE, user_token_life=LIFE)
    name = stage.new_token()
    world.installation_token()
    world.wait_ready()
    port = urlsplit(world.simulator.web_url).port
    consumer = Consumer(stage)
    with new_namespace(world.cluster) as theirs, consumer.at_work():
        try:
            with ThreadPoolExecutor(4) as hands:
                made = itertools.islice(nonsense(port or 0), objects)
                written = [hands.submit(world.cluster.create, found, theirs) for found in made]
                late = latest_renewal(stage, name, "ci", until=lambda: all(one.done() for one in written))
                assert len([one.result() for one in written]) == objects
            for app in world.cluster.list("GitHubApp", theirs):
                world.cluster.patch("GitHubApp", theirs, app["metadata"]["name"], {"spec": {"clientID": "Iv23changed"}})
            late = max(late, latest_renewal(stage, name, "ci", until=lambda: True))
            metrics = world.operator.metrics()
        finally:
            for kind in ("GitHubToken", "GitHubApp", "Secret"):
                world.cluster.delete(kind, theirs)
    assert consumer.calls
    assert consumer.failures == []
    assert not stage.died()
    hosts = {line.partition('host="')[2].partition('"')[0] for line in metrics.splitlines() if 'host="' in line}
    assert len(hosts) < 10, hosts
    assert world.double_spends() == 0
    cell = (
        f"{objects} objects of another tenant's nonsense: {consumer.calls} calls of a consumer, none failed; the event "
        f"loop at most {lag(metrics)} s late, {failed_renewals(metrics)} renewals of the Lease failed"
    )
    stage.rows.append(Row(GROUP, cell, ENDED, 0, 0, late))


@pytest.mark.parametrize("asked", [False, pytest.param(True, marks=pytest.mark.chaos_long)], ids=["SIGKILL", "SIGTERM"])
def test_a_tenant_whose_credential_secrets_cannot_be_saved_holds_up_nobody(stage: Stage, *, asked: bool) -> None:
    """GitHub has given more pairs than there are places, and the API server takes none of them."""
    world = stage.world
    healthy = stage.new_token()
    theirs = [f"refused-{number}" for number in range(MORE_THAN_PLACES)]
    for name in theirs:
        world.user_token(name, seed=world.sign_in(stage.app, name))
    for name in theirs:
        world.wait_ready(name)
    world.github.reset_ledger()
    for name in theirs:
        # The intent passes, the pair does not.
        stage.api.add(Rule(rf"^(?!GET ).*/secrets/{name}-credential", skip=1, times=None, status=422))
        stage.rotate(name)
    world.wait_until(lambda: len(world.requests("refresh")) == len(theirs), "all of their rotations", within=90)
    begun = time.monotonic()
    stage.rotate(healthy)
    stage.ends(healthy, ENDED, row=(GROUP, f"beside {len(theirs)} pairs that cannot be saved"), since=begun)
    if asked:
        # It tries for another minute, without the Lease: the pod, and the journal with it, may be about to go.
        assert world.operator.stop(within=90) == 0
    else:
        world.operator.kill()
    begun = time.monotonic()
    stage.restart(keep_journal=True)
    stage.rotate(healthy)
    how = "SIGTERM" if asked else "SIGKILL"
    stage.ends(healthy, ENDED, row=(GROUP, f"the same, after {how} and a restart"), since=begun)
    stage.api.clear()
    begun = time.monotonic()
    world.wait_until(lambda: all(stage.rotated(name) for name in theirs), "all pairs", within=HEALS_WITHIN)
    stage.ends(theirs[0], ENDED, row=(GROUP, "the pairs, once they can be saved"), since=begun)
    assert (world.double_spends(), world.ledger().replays) == (0, ())
