"""Two replicas and a Lease: who leads dies, freezes, is cut off or leaves, and nothing is minted or spent twice."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final

import pytest

from localcluster.operator_process import operator_kubeconfig
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import ENDED, REPORTED, Row, Stage, behind
from tests.integration.operator.conftest import RIGHTS
from tests.integration.operator.pods import delete_pod, make_pod

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

GROUP: Final = "Two replicas, a Lease of 6 s"
LEASE: Final = 6.0
FLAGS: Final = ("--lease-duration", f"{LEASE:.0f}s")


def started_at_once(stage: Stage) -> list[OperatorProcess]:
    """Two replicas in place of the stage's operator, of which one leads."""
    assert stage.world.operator.stop() == 0
    both = [stage.launch(stage.folder / f"journal-{name}", *FLAGS, ready=False) for name in ("a", "b")]
    for operator in both:
        operator.wait_ready()
    stage.world.wait_until(lambda: both[0].leads != both[1].leads, "a leader")
    return both


def pair_of_replicas(stage: Stage) -> tuple[OperatorProcess, OperatorProcess]:
    """The leader and the standby, in place of the stage's operator, the leader first."""
    both = started_at_once(stage)
    first, second = both if both[0].leads else reversed(both)
    stage.world.operator = second
    return first, second


def successor_after(stage: Stage, standby: OperatorProcess) -> float:
    """The monotonic time at which the standby leads."""
    stage.world.wait_until(lambda: standby.leads, "the standby to lead")
    return time.monotonic()


def test_two_replicas_that_start_at_once_mint_and_refresh_nothing_twice(stage: Stage, *, long: bool) -> None:
    each = 100 if long else 10
    stage.world.operator.stop()
    for number in range(each):
        stage.world.installation_token(f"ci-{number}")
        stage.world.user_token(f"mass-{number}", seed=stage.world.sign_in(stage.app, f"mass-{number}"))
    begun = time.monotonic()
    both = started_at_once(stage)
    stage.world.operator = both[0] if both[0].leads else both[1]
    for number in range(each):
        stage.world.wait_ready(f"ci-{number}", within=240)
        stage.world.wait_ready(f"mass-{number}", within=240)
    cell = f"both start in the same instant, {2 * each} tokens"
    double, replays = stage.world.double_spends(), len(stage.world.ledger().replays)
    stage.rows.append(Row(GROUP, cell, ENDED, double, replays, time.monotonic() - begun))
    assert len(stage.world.requests("mint")) == each
    assert len(stage.world.requests("refresh")) == each
    assert (double, replays) == (0, 0)


def test_a_killed_leader_is_replaced_when_its_lease_is_over(stage: Stage, *, long: bool) -> None:
    leader, standby = pair_of_replicas(stage)
    name = stage.new_token()
    leader.kill()
    begun = time.monotonic()
    stage.rotate(name)
    took = successor_after(stage, standby) - begun
    stage.ends(name, ENDED, row=(GROUP, f"the leader is killed; its successor leads after {took:.1f} s"), since=begun)
    assert not long or took <= LEASE + 2
    assert len(stage.world.requests("refresh")) == 1


@pytest.mark.chaos_long
def test_a_leader_whose_pod_goes_with_github_s_answer_is_not_waited_for(stage: Stage, plane: ControlPlane) -> None:
    """Its journal went with the pod, so nobody is left who knows the answer, and the next leader sees that."""
    assert stage.world.operator.stop() == 0
    pods = {name: make_pod(plane, name) for name in ("leader", "standby")}
    leader, standby = (
        stage.launch(stage.folder / f"journal-{name}", *FLAGS, "--pod-name", name, "--pod-uid", uid)
        for name, uid in pods.items()
    )
    assert leader.leads
    stage.world.operator = leader
    name = stage.new_token()
    stage.world.github.fail("refresh", drop=True, when="after")
    stage.github.add(Rule(r"POST /login/oauth/access_token", after=True, act=leader.process.kill, drop=True))
    stage.rotate(name)
    stage.world.wait_until(stage.died, "the leader's death")
    died = time.monotonic()
    delete_pod(plane, "leader")
    stage.world.operator = standby
    leading = successor_after(stage, standby)
    lease = f"{leading - died:.1f} s"
    cell = f"the leader's pod is gone with GitHub's answer; {lease} later its successor leads, from when on"
    stage.ends(name, REPORTED, row=(GROUP, cell), since=leading)


@pytest.mark.chaos_long
def test_a_released_lease_is_taken_over_soon(stage: Stage) -> None:
    leader, standby = pair_of_replicas(stage)
    name = stage.new_token()
    assert leader.stop() == 0
    begun = time.monotonic()
    stage.rotate(name)
    took = successor_after(stage, standby) - begun
    stage.ends(name, ENDED, row=(GROUP, f"SIGTERM to the leader; its successor leads after {took:.1f} s"), since=begun)
    assert took <= 2
    assert len(stage.world.requests("refresh")) == 1


@pytest.mark.chaos_long
def test_a_frozen_leader_that_wakes_up_spends_nothing_more(stage: Stage) -> None:
    leader, standby = pair_of_replicas(stage)
    name = stage.new_token()
    leader.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    stage.rotate(name)
    stage.world.wait_until(lambda: standby.leads, "the standby to lead")
    stage.world.wait_until(lambda: stage.rotated(name), "the rotation by the successor")
    time.sleep(max(0.0, 2 * LEASE - (time.monotonic() - begun)))
    stored = stage.world.get("Secret", f"{name}-credential")
    leader.process.send_signal(signal.SIGCONT)
    assert leader.process.wait(60) != 0
    assert stage.world.get("Secret", f"{name}-credential") == stored
    stage.ends(name, ENDED, row=(GROUP, "the leader is frozen for twice the Lease, and wakes up"), since=begun)
    assert len(stage.world.requests("refresh")) == 1


def test_a_leader_cut_off_from_the_api_server_refreshes_nothing(stage: Stage, plane: ControlPlane) -> None:
    """It reaches GitHub all the time, and its token falls due after it was cut off."""
    assert stage.world.operator.stop() == 0
    with FaultProxy(plane.server, ca_file=plane.ca_file) as own:
        kubeconfig = behind(operator_kubeconfig(plane, *RIGHTS), own, stage.folder / "cut.kubeconfig")
        leader = stage.launch(stage.folder / "journal-a", *FLAGS, kubeconfig=kubeconfig)
        stage.world.wait_until(lambda: leader.leads, "a leader")
        stage.world.operator = standby = stage.launch(stage.folder / "journal-b", *FLAGS)
        name = stage.new_token()
        own.add(Rule("", times=None, drop=True))
        own.cut_watches()
        begun = time.monotonic()
        stage.rotate(name)
        stage.world.wait_until(lambda: standby.leads, "the standby to lead")
        stage.ends(name, ENDED, row=(GROUP, "the leader is cut off from the API server, not from GitHub"), since=begun)
        assert leader.process.wait(60) != 0
    assert len(stage.world.requests("refresh")) == 1
