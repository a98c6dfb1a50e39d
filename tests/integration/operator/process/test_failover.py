"""Two replicas and a Lease; a container that is killed and finds its journal. Nothing is minted or spent twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from localcluster.operator_process import OperatorProcess, start_operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcluster import ControlPlane
    from tests.integration.operator.stage.world import World

    Replica = Callable[..., OperatorProcess]

pytestmark = pytest.mark.both_kinds


@pytest.fixture
def replica(plane_apart: ControlPlane, apart: World, tmp_path: Path) -> Iterator[Replica]:
    """Starts replicas in place of the world's single operator."""
    assert apart.operator.stop() == 0
    with ExitStack() as stack:

        def start(name: str, *flags: str) -> OperatorProcess:
            settings = ("--allowed-hosts", "127.0.0.1", "--lease-duration", "6s", "--journal-dir", str(tmp_path / name))
            operator = start_operator(plane_apart.kubeconfig, tmp_path / "log", *settings, *flags)
            stack.callback(operator.stop)
            operator.wait_ready()
            return operator

        yield start


def test_one_of_two_replicas_writes_and_the_other_takes_over(apart: World, replica: Replica) -> None:
    app = apart.app(token_life=3600, user_token_life=3600)
    first, second = (replica(name, "--leader-elect") for name in ("first", "second"))
    apart.wait_until(lambda: first.leads != second.leads, "a leader")
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready()
    apart.wait_ready("alice")
    apart.wait_for("alice", lambda token: token["status"].get("account"))
    leader, standby = (first, second) if first.leads else (second, first)
    assert "githubtoken_ready_status{" not in standby.metrics()
    apart.settle(1)
    requests = len(apart.requests())
    leader.kill()
    apart.wait_until(lambda: standby.leads, "the standby to lead")
    apart.wait_until(lambda: standby.metrics().count("githubtoken_issued_timestamp_seconds{") == 2, "its metrics")
    assert len(apart.requests()) == requests
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_ready("alice", revision=2)
    assert (apart.double_spends(), len(apart.requests("refresh"))) == (0, 2)
    apart.operator = standby


@pytest.mark.only_githubtoken
def test_a_process_without_election_says_who_leads_beside_it(apart: World, replica: Replica) -> None:
    leader = replica("first", "--leader-elect")
    apart.wait_until(lambda: leader.leads, "a leader")
    replica("second", "--no-leader-elect")
    said = "holds the Lease in default, and with --no-leader-elect this process works beside it"
    assert said in apart.log()
    assert leader.stop() == 0
    told = apart.log().count(said)
    apart.operator = replica("third", "--no-leader-elect")
    assert apart.log().count(said) == told


def test_a_released_lease_is_taken_at_once(apart: World, replica: Replica) -> None:
    leader = replica("first", "--leader-elect")
    apart.wait_until(lambda: leader.leads, "a leader")
    standby = replica("second", "--leader-elect")
    assert not standby.leads
    assert leader.stop() == 0
    apart.wait_until(lambda: standby.leads, "the standby to lead")
    apart.operator = standby


@pytest.fixture
def pair_of_replicas(apart: World, replica: Replica) -> tuple[OperatorProcess, OperatorProcess]:
    """A leader and a standby, which gets the Lease within the patience of a test only where it is released."""
    flags = ("--leader-elect", "--lease-duration", "10m")
    leader = replica("first", *flags)
    apart.wait_until(lambda: leader.leads, "a leader")
    apart.operator = leader
    return leader, replica("second", *flags)


@pytest.mark.every_python
def test_the_lease_is_released_while_a_mint_is_unanswered(
    apart: World, pair_of_replicas: tuple[OperatorProcess, OperatorProcess]
) -> None:
    leader, standby = pair_of_replicas
    app = apart.app()
    # Longer than the patience of a test: whoever leads before it is over has not waited for it.
    fault = apart.github.fail("mint", app=app, delay=120)
    apart.installation_token()
    apart.wait_struck(fault, "a mint")
    assert leader.stop() == 0
    apart.wait_until(lambda: standby.leads, "the standby to lead")
    apart.operator = standby
    apart.wait_ready()
    assert apart.github.token_is_alive(sha256(apart.data("ci")["token"]))


@pytest.mark.every_python
def test_the_lease_is_not_released_while_a_refresh_is_unanswered(
    apart: World, pair_of_replicas: tuple[OperatorProcess, OperatorProcess]
) -> None:
    leader, standby = pair_of_replicas
    app = apart.app()
    seed = apart.sign_in(app)
    fault = apart.github.fail("refresh", app=app, delay=5)
    apart.user_token(seed=seed)
    apart.wait_struck(fault, "a refresh")
    leader.process.send_signal(signal.SIGTERM)
    apart.wait_until(lambda: standby.leads, "the standby to lead")
    # What the first one sent is in the store, and the second had nothing to send.
    pair = apart.data("alice-credential")
    assert pair["refresh_token"] != seed
    assert leader.process.wait(60) == 0
    apart.operator = standby
    apart.wait_ready("alice")
    assert apart.data("alice")["token"] == pair["token"]
    assert (len(apart.requests("refresh")), apart.double_spends()) == (1, 0)


def test_a_container_killed_with_an_unsaved_pair_finds_it_in_its_journal(
    apart: World, replica: Replica, plane_apart: ControlPlane
) -> None:
    app = apart.app()
    operator = replica("pod", "--no-leader-elect")
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready("alice")
    fault = apart.github.fail("refresh", app=app, delay=3)
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_struck(fault, "a refresh")
    plane_apart.stop_api_server()
    try:
        apart.wait_until(lambda: "githubtoken_journal_entries 1.0" in operator.metrics(), "the journal's entry")
        operator.kill()
    finally:
        plane_apart.start_api_server()
    apart.operator = operator = replica("pod", "--no-leader-elect")
    apart.wait_for("alice", lambda token: token["status"].get("lastHandledRefreshAt") == "now")
    pair = apart.data("alice-credential")
    assert apart.github.token_is_alive(sha256(pair["refresh_token"]))
    assert apart.data("alice")["token"] == pair["token"]
    assert (apart.double_spends(), apart.ledger().replays) == (0, ())
    apart.wait_until(lambda: "githubtoken_journal_entries 0.0" in operator.metrics(), "an empty journal")


def test_a_second_process_may_not_use_the_same_journal(apart: World, replica: Replica, tmp_path: Path) -> None:
    apart.operator = replica("pod", "--no-leader-elect")
    with pytest.raises(Exception, match="is in use: each process must have a folder of its own"):
        replica("pod", "--no-leader-elect")
    assert apart.operator.process.poll() is None
