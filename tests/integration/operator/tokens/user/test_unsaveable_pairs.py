"""Pairs that the API server does not take hold nobody else up: no place, not the end, no other GitHubToken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

pytestmark = pytest.mark.both_kinds

MIB = 1024 * 1024
PLACES = 3


def test_a_secret_without_room_for_a_pair_is_refused_before_anything_is_sent(world: World) -> None:
    app = world.app()
    token = world.sign_in(app)
    filled = {"refresh_token": token, "theirs": "x" * (MIB - len(token) - 600)}
    world.secret("alice-credential", filled, annotations={"githubtoken.dev/adopt": "true"})
    world.token("alice", {"appRef": {"name": "acme"}, "user": {}})
    ready = world.wait_reason("alice", "MissingPermission")
    assert "Too long" in ready.message
    world.settle(1)
    assert world.requests("refresh") == []
    assert world.github.token_is_alive(sha256(token))
    world.secret("alice-credential", {"refresh_token": token}, annotations={"githubtoken.dev/adopt": "true"})
    world.annotate("alice", refresh_requested_at="there is room now")
    world.wait_ready("alice")
    assert world.double_spends() == 0


def is_announced(secret: Object) -> bool:
    return "githubtoken.dev/refresh-intent" in secret.get("metadata", {}).get("annotations", {})


def test_more_pairs_that_cannot_be_saved_than_there_are_places_hold_nobody_up(
    apart: World, start: Start, tmp_path: Path
) -> None:
    """Somebody makes credential Secrets immutable while GitHub is asked for new pairs."""
    flags = ("--concurrency", str(PLACES), "--journal-dir", str(tmp_path / "journal"), "--grace-period", "10s")
    assert apart.operator.stop() == 0
    apart.operator = start(None, *flags)
    app, slow = apart.app(), apart.register()
    apart.app_secret(slow, "slow-app")
    apart.github_app(slow, "slow")
    names = [f"stuck-{number}" for number in range(2 * PLACES)]
    apart.github.fail("refresh", app=slow, delay=4, times=None)
    for name in names:
        apart.user_token(name, app="slow", seed=apart.sign_in(slow, name))
    left = set(names)

    def all_immutable() -> bool:
        for name in tuple(left):
            if is_announced(apart.get("Secret", f"{name}-credential") or {}):
                apart.patch(f"{name}-credential", {"immutable": True}, kind="Secret")
                left.discard(name)
        return not left

    apart.wait_until(all_immutable, "each to be announced, in whatever order")
    for name in names:
        ready = apart.wait_reason(name, "MissingPermission")
        assert "immutable" in ready.message
        assert "waits in the operator's journal" in ready.message
    assert f"githubtoken_journal_entries {len(names)}.0" in apart.operator.metrics()
    apart.installation_token()
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready()
    apart.wait_ready("alice")
    # The end waits no longer than it has, and the next container goes on with what the journal has.
    assert apart.operator.stop() == 0
    assert len(list((tmp_path / "journal").glob("*.json"))) == len(names)
    apart.operator = start(None, *flags)
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_ready("alice", revision=2)
    assert len(apart.requests("refresh", app=slow)) == len(names)
    assert apart.double_spends() == 0
    # Who deletes the Secret gives the pair up.
    for name in names:
        apart.delete("Secret", f"{name}-credential")
    apart.wait_until(
        lambda: "githubtoken_journal_entries 0.0" in apart.operator.metrics(), "an empty journal", within=180
    )
