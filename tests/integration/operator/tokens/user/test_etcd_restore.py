"""etcd comes back from an older snapshot: its refresh token was spent meanwhile, and only a human has another.

What docs/operations.md promises: nothing is sent twice, what can go on goes on, and what cannot says so.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from localcluster import ControlPlane
from tests.conftest import CRDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localcluster import Binaries
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

pytestmark = [pytest.mark.xdist_group("apart-etcd-restore"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries) -> Iterator[ControlPlane]:
    """One that no other module shares: etcd is set back."""
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


def snapshot(plane: ControlPlane, folder: Path) -> None:
    """The data of an etcd that stands still, which is a backup of it."""
    plane.kill("etcd")
    shutil.copytree(plane.folder / "etcd", folder)
    plane.restart("etcd")


def restored(plane: ControlPlane, folder: Path) -> None:
    """etcd as it was, and an API server that remembers nothing of what came after."""
    plane.kill("etcd")
    shutil.rmtree(plane.folder / "etcd")
    shutil.copytree(folder, plane.folder / "etcd")
    plane.restart("etcd")
    plane.kill("kube-apiserver")
    plane.restart("kube-apiserver")


def test_a_cluster_that_was_set_back_says_who_must_sign_in_again_and_serves_all_others(
    apart: World, plane_apart: ControlPlane, start: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    world = apart
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    world.user_token("bob", seed=world.sign_in(app, "bob"))
    world.installation_token()
    for name in ("ci", "alice", "bob"):
        world.wait_ready(name)
    assert world.operator.stop() == 0
    snapshot(plane_apart, tmp_path / "snapshot")

    world.operator = start()
    world.annotate("alice", refresh_requested_at="after the backup")
    world.wait_for("alice", lambda found: found["status"].get("lastHandledRefreshAt") == "after the backup")
    spent = world.requests("refresh", app=app)
    newest = world.data("alice-credential")["refresh_token"]
    assert world.operator.stop() == 0
    restored(plane_apart, tmp_path / "snapshot")
    assert world.data("alice-credential")["refresh_token"] != newest
    # Whose expiry has not come looks well, and is dead: nobody can see it without asking.
    assert not world.github.token_is_alive(sha256(world.data("alice")["token"]))

    world.operator = start()
    for name in ("ci", "alice", "bob"):
        world.annotate(name, refresh_requested_at="after the restore")
    world.wait_reason("alice", "ReauthorizationRequired")
    for name in ("ci", "bob"):
        world.wait_for(name, lambda found: found["status"].get("lastHandledRefreshAt") == "after the restore")
        world.wait_ready(name)
        assert world.github.token_is_alive(sha256(world.data(name)["token"]))
    world.settle(3)
    # alice's old one was sent once, refused, and never again; bob's pair was the newest in the backup too.
    assert len(world.requests("refresh", app=app)) == len(spent) + 2
    assert world.double_spends() == 1

    world.seed("alice", world.sign_in(app, "alice"))
    world.wait_ready("alice")
    assert world.github.token_is_alive(sha256(world.data("alice")["token"]))
    assert world.double_spends() == 1
