"""The API server, etcd, our rights or GitHub fail in the middle of a rotation, and the operator lives on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

from github_simulator.control_client import sha256
from tests.chaos.faultproxy import Rule
from tests.chaos.stage import ENDED, REPORTED, Stage, patterns
from tests.integration.operator.clocks import SettableClock

if TYPE_CHECKING:
    from localcluster import ControlPlane

    Fault = Callable[[Stage, str], object]

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

API: Final = "The API server"
GITHUB: Final = "GitHub"
REFRESH: Final = r"POST /login/oauth/access_token"
LIFE: Final = 60
"""Seconds that a user token lives whose renewal is to fall due in a test."""
LEASE_IS_SHORT: Final = 6.0
"""Seconds after a renewal in which a Lease of 15 s is held for less than five more."""
GONE: Final = {
    "type": "ERROR",
    "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410},
}


def written(name: str, step: str) -> str:
    """The pattern of the writes of a step."""
    return rf"^(?!GET ).*{patterns(name)[step]}"


def github(*, outcome: str = ENDED, **fault: Any) -> tuple[str, Fault]:  # noqa: ANN401 - the simulator's faults
    return outcome, lambda stage, _name: stage.world.github.fail("refresh", **fault)


def proxied(**rule: Any) -> tuple[str, Fault]:  # noqa: ANN401 - the fields of a rule
    return ENDED, lambda stage, _name: stage.github.add(Rule(REFRESH, **rule))


def api(step: str, **rule: Any) -> Fault:  # noqa: ANN401 - the fields of a rule
    return lambda stage, name: stage.api.add(Rule(written(name, step), **rule))


def slow(stage: Stage, seconds: float) -> Rule:
    """Each call takes so long, those for the Lease too."""
    return stage.api.add(Rule(r"^(?!GET .*watch=)", times=None, delay=seconds))


GITHUB_CELLS: Final[dict[str, tuple[str, Fault]]] = {
    "reset before the request was read": proxied(drop=True),
    "reset after the spend": github(outcome=REPORTED, drop=True, when="after"),
    "502 before the spend": github(status=502),
    "an HTML page": github(status=200, body="<html>unicorn</html>", content_type="text/html"),
    "429, try again in 3 s": github(status=429, headers={"retry-after": "3"}),
    "503 with an HTML page": github(status=503, body="<html>unicorn</html>", content_type="text/html"),
    "an answer that takes 20 s": github(delay=20),
    "an answer that trickles in for 20 s": github(body_delay=20),
}
SHORT_GITHUB: Final = {"reset before the request was read", "reset after the spend"}

API_CELLS: Final[dict[str, Fault]] = {
    "409 for the intent": api("credential", status=409),
    "409 for the pair": api("credential", skip=1, status=409),
    "500 for the intent": api("credential", status=500),
    "500 for the pair, three times": api("credential", skip=1, times=3, status=500),
    "403 for the pair, three times": api("credential", skip=1, times=3, status=403),
    "the pair written, the answer lost": api("credential", skip=1, after=True, drop=True),
    "the intent written, the answer lost": api("credential", after=True, drop=True),
    "500 for the consumer's Secret": api("consumer", status=500),
    "409 for the consumer's Secret": api("consumer", status=409),
    "500 for status": api("status", status=500),
    "each call takes 1 s": lambda stage, _name: slow(stage, 1),
}
SHORT_API: Final = {"the pair written, the answer lost"}


def cells(names: dict[str, Any], short: set[str]) -> list[Any]:
    """All of them as parameters; those that are not named run with --long only."""
    return [pytest.param(name, id=name, marks=[] if name in short else [pytest.mark.chaos_long]) for name in names]


@pytest.mark.both_kinds
@pytest.mark.parametrize("cell", cells(GITHUB_CELLS, SHORT_GITHUB))
def test_whatever_github_answers_the_grant_lives_unless_the_answer_is_gone(stage: Stage, cell: str) -> None:
    outcome, fault = GITHUB_CELLS[cell]
    name = stage.new_token()
    fault(stage, name)
    begun = time.monotonic()
    stage.rotate(name)
    stage.ends(name, outcome, row=(GITHUB, cell), since=begun)


@pytest.mark.chaos_long
def test_a_github_that_refuses_connections_is_waited_for(stage: Stage) -> None:
    """The App is sent to a port where nobody listens, and back."""
    name = stage.new_token()
    stage.world.change("acme", kind="GitHubApp", webURL="http://127.0.0.1:9")
    stage.rotate(name)
    stage.world.wait_failing(name)
    begun = time.monotonic()
    stage.world.change("acme", kind="GitHubApp", webURL=stage.github.url)
    stage.ends(name, ENDED, row=(GITHUB, "connection refused"), since=begun)


@pytest.mark.both_kinds
@pytest.mark.parametrize("cell", cells(API_CELLS, SHORT_API))
def test_an_api_server_that_fails_once_loses_nothing(stage: Stage, cell: str) -> None:
    name = stage.new_token()
    API_CELLS[cell](stage, name)
    begun = time.monotonic()
    stage.rotate(name)
    stage.ends(name, ENDED, row=(API, cell), since=begun)


@pytest.mark.chaos_long
def test_an_api_server_that_is_too_slow_for_the_lease_loses_nothing(stage: Stage) -> None:
    """No renewal of the Lease comes in time, so the process ends, and the next one gets no Lease until it is over."""
    name = stage.new_token()
    stage.kubelet = True
    slow(stage, 5)
    stage.rotate(name)
    stage.world.settle(30)
    stage.api.clear()
    stage.ends(name, ENDED, row=(API, "each call takes 5 s, for 30 s"), since=time.monotonic())


def test_a_lease_that_is_short_for_a_moment_puts_a_rotation_off_for_that_moment(stage: Stage) -> None:
    """Nothing is sent with less than five of its seconds left; a second later it is renewed."""
    name = stage.new_token()
    renewal = stage.api.add(Rule(r"PUT .*/leases/"))
    assert renewal.struck.wait(30)
    begun = time.monotonic()
    failing = stage.api.add(Rule(r"PUT .*/leases/", times=None, status=500))
    time.sleep(LEASE_IS_SHORT)
    stage.rotate(name)
    assert failing.struck.wait(30)
    time.sleep(1)
    stage.api.clear()
    assert not stage.world.requests("refresh"), f"sent {time.monotonic() - begun:.1f} s after the last renewal"
    begun = time.monotonic()
    row = (API, "the Lease cannot be renewed for 7 s")
    stage.ends(name, ENDED, row=row, since=begun, within=30)
    assert not stage.died()


def between_answer_and_store(stage: Stage, name: str, act: Callable[[], object]) -> None:
    """Calls `act` when GitHub's answer is there and the pair is about to be written."""
    stage.api.add(Rule(written(name, "credential"), skip=1, act=act, drop=True))


@pytest.mark.chaos_long
def test_an_api_server_that_stands_still_for_30_s_loses_nothing(stage: Stage, plane: ControlPlane) -> None:
    name = stage.new_token()
    stage.kubelet = True
    pid = plane.pids()["kube-apiserver"]
    stopped = threading.Event()

    def stop() -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.set()

    between_answer_and_store(stage, name, stop)
    stage.rotate(name)
    try:
        assert stopped.wait(60)
        time.sleep(30)
    finally:
        os.kill(pid, signal.SIGCONT)
    stage.ends(name, ENDED, row=(API, "stopped for 30 s before the pair"), since=time.monotonic())


@pytest.mark.parametrize("program", ["kube-apiserver", "etcd"])
@pytest.mark.chaos_long
def test_a_control_plane_that_is_killed_and_restarted_loses_nothing(
    stage: Stage, plane: ControlPlane, program: str
) -> None:
    name = stage.new_token()
    stage.kubelet = True
    killed = threading.Event()

    def kill() -> None:
        plane.kill(program)
        killed.set()

    between_answer_and_store(stage, name, kill)
    stage.rotate(name)
    assert killed.wait(60)
    time.sleep(2)
    plane.restart(program)
    stage.ends(name, ENDED, row=(API, f"{program} killed before the pair, and restarted"), since=time.monotonic())


def test_rights_that_are_taken_away_before_the_pair_is_stored_are_waited_for(stage: Stage, plane: ControlPlane) -> None:
    """The real right of the real ServiceAccount: its binding is deleted between GitHub's answer and the write."""
    name = stage.new_token()
    bindings = plane.get("clusterrolebindings", "--selector=app.kubernetes.io/name=githubtoken-operator")
    taken = threading.Event()

    def take() -> None:
        for binding in bindings["items"]:
            plane.kubectl("delete", "clusterrolebinding", binding["metadata"]["name"])
        taken.set()

    between_answer_and_store(stage, name, take)
    stage.rotate(name)
    assert bindings["items"], "the operator's bindings are not found by their label"
    assert taken.wait(60)
    stage.world.settle(3)
    for binding in bindings["items"]:
        plane.apply(
            {key: binding[key] for key in ("apiVersion", "kind", "roleRef", "subjects")}
            | {"metadata": {key: binding["metadata"][key] for key in ("name", "labels")}}
        )
    stage.ends(name, ENDED, row=(API, "403: no rights when the pair is written"), since=time.monotonic())


def test_what_was_deleted_behind_a_watch_that_is_gone_is_noticed(stage: Stage) -> None:
    """The watches are cut, an object and a Secret go meanwhile, and the next watch is answered 410 Gone."""
    kept, deleted = stage.new_token(), stage.new_token()
    stage.api.add(Rule(r"^GET .*watch=", times=None, drop=True))
    stage.api.cut_watches()
    stage.world.delete("GitHubToken", deleted)
    stage.world.delete("Secret", kept)
    stage.world.settle(1)
    stage.api.clear()
    for watched in ("/secrets", "/githubtokens"):
        stage.api.add(Rule(rf"^GET .*{watched}.*watch=", status=200, body=json.dumps(GONE).encode() + b"\n"))
    begun = time.monotonic()
    stage.world.wait_for(kept, bool, kind="Secret")
    stage.rotate(kept)
    stage.ends(kept, ENDED, row=(API, "watches closed with 410 Gone while a Secret was deleted"), since=begun)
    stage.world.wait_until(lambda: f'name="{deleted}"' not in stage.world.operator.metrics(), "its metrics to go")


@pytest.mark.chaos_long
@pytest.mark.parametrize("hours", [1, -1])
def test_a_step_of_the_clock_makes_no_renewal_late_and_no_storm(stage: Stage, hours: int) -> None:
    """Nobody asks for the renewal: it falls due after the step, by the clock that was not set."""
    clock = SettableClock(stage.folder / "clock")
    assert stage.world.operator.stop() == 0
    stage.world.operator = stage.launch(stage.journal, environment=clock.environment)
    stage.world.github.change_app(stage.app, user_token_life=LIFE)
    name = stage.new_token()
    before = sha256(stage.world.data(name)["token"])
    clock.set(hours * 3600)
    stepped = time.monotonic()
    stage.world.settle(5)
    assert len(stage.world.requests("refresh")) == 0
    stage.world.wait_until(lambda: stage.world.requests("refresh"), "the renewal", within=2 * LIFE)
    (request,) = stage.world.requests("refresh")
    expires = stage.world.github.token(before).expires_at
    assert expires is not None
    assert request.at < expires
    stage.ends(name, ENDED, row=("The clock", f"steps by {hours:+d} h; a renewal falls due after it"), since=stepped)
    stage.world.settle(3)
    assert len(stage.world.requests("refresh")) == 1
