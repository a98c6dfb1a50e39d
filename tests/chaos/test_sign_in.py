"""SIGKILL in the device flow: the code outlives the process, and an answer that nobody kept costs another code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.stage import ASKED, ENDED, Stage, numbered
from tests.chaos.test_kills import Boundary, arm, is_lost, on_disk, place

if TYPE_CHECKING:
    from github_simulator.control_client import App

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

GROUP: Final = "The device flow"
JOURNAL: Final = {True: "the journal is kept", False: "the journal is gone"}


@pytest.fixture
def app(stage: Stage) -> App:
    """It needs no secret; polls may come each second."""
    app = stage.world.register(device_flow=True, device_interval=1)
    stage.world.github_app(app, "device", privateKeySecretRef=None, clientSecretSecretRef=None, webURL=stage.github.url)
    return app


def show_code(stage: Stage, name: str) -> str:
    """The code of a new token, which has been polled for and is not due again for most of a second."""
    stage.api.clear()
    stage.github.clear()
    stage.order("")
    stage.world.token(name, {"appRef": {"name": "device"}, "user": {"deviceFlow": {}}})
    stage.world.wait_until(lambda: stage.code(name), "a code")
    code = stage.codes[name] = stage.code(name)
    stage.world.data(f"{name}-credential")
    stage.world.github.reset_ledger()
    stage.world.wait_until(lambda: stage.world.requests("device_poll"), "a poll")
    stage.world.settle(0.2)
    stage.api.clear()
    stage.github.clear()
    return code


def rehearse(stage: Stage) -> list[Boundary]:
    """One sign-in that nothing disturbs: from the poll that brings the pair until the pair is in the store."""
    code = show_code(stage, "rehearsal")
    stage.order("count")
    stage.world.github.approve(code, "rehearsal")
    stage.wait_rotated("rehearsal")
    seen = [*numbered("rehearsal", sorted(stage.api.writes() + stage.github.writes())), *stage.steps()]
    steps = [step for _, step in sorted(seen)]
    found = [Boundary(index, step, after) for index, step in enumerate(steps) for after in (False, True)]
    return [step for step in found if place(found, "refresh 1") <= step.index <= place(found, "credential 1")]


@pytest.mark.chaos_long
@pytest.mark.parametrize("keep", [True, False], ids=list(JOURNAL.values()))
def test_a_restart_goes_on_with_the_code_that_is_shown(stage: Stage, app: App, *, keep: bool) -> None:
    code = show_code(stage, "alice")
    stage.world.operator.kill()
    begun = time.monotonic()
    stage.restart(keep_journal=keep)
    stage.world.wait_until(lambda: len(stage.world.requests("device_poll", app=app)) > 1, "a poll by the successor")
    assert stage.code("alice") == code
    stage.world.github.approve(code, "alice")
    stage.ends("alice", ENDED, row=(GROUP, f"SIGKILL while a code is shown, {JOURNAL[keep]}"), since=begun)
    assert not stage.world.requests("device_code", app=app)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("keep", [True, pytest.param(False, marks=pytest.mark.chaos_long)], ids=list(JOURNAL.values()))
def test_a_kill_around_the_poll_that_brings_the_pair_costs_another_code_at_most(
    stage: Stage, *, long: bool, keep: bool
) -> None:
    boundaries = rehearse(stage)
    kept_from = (on_disk(boundaries), False) if keep else (place(boundaries, "credential 1"), True)
    failures = []
    for boundary in boundaries if long else boundaries[:2]:
        name = f"user-{boundary.index}-{'after' if boundary.after else 'before'}"
        code = show_code(stage, name)
        arm(stage, name, boundary)
        stage.world.github.approve(code, name)
        stage.world.wait_until(stage.died, f"death {boundary}")
        stage.order("")
        begun = time.monotonic()
        stage.restart(keep_journal=keep)
        lost = is_lost(boundary, boundaries, kept_from)
        step = str(boundary).replace("refresh 1", "the poll that brings the pair")
        try:
            stage.ends(name, ASKED if lost else ENDED, row=(GROUP, f"SIGKILL {step}, {JOURNAL[keep]}"), since=begun)
        except AssertionError as error:
            failures.append(str(error))
            continue
        if lost:
            stage.world.github.approve(stage.code(name), name)
            stage.wait_rotated(name)
    assert not failures, "\n".join(failures)


@pytest.mark.chaos_long
def test_a_grant_that_was_revoked_leads_to_a_code_with_one_event(stage: Stage, app: App) -> None:
    stage.world.seed("alice", stage.world.sign_in(app, "alice", flow="device"))
    user = {"deviceFlow": {}, "seedSecretRef": {"name": "alice-seed"}}
    stage.world.token("alice", {"appRef": {"name": "device"}, "user": user})
    stage.world.wait_ready("alice")
    stage.world.github.revoke_grant(app, "alice")
    begun = time.monotonic()
    stage.rotate("alice")
    stage.ends("alice", ASKED, row=(GROUP, "the refresh token is dead"), since=begun)
    stage.world.github.approve(stage.code("alice"), "alice")
    stage.wait_rotated("alice")
