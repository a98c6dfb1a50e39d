"""A Secret that an object names is noticed without a label of ours, as one with the label is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from githubtoken_operator.watching.named_secrets import LOOK_EVERY, TURNS
from tests.integration.operator.clocks import HurriedClock
from tests.integration.operator.process.test_to_be_seen import value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

WATCHES = 200


def named(world: World, way: str) -> float:
    return value(world, f'githubtoken_unlabelled_secrets{{noticed="{way}"}}') or 0.0


def without_label(world: World, name: str) -> None:
    world.patch(name, {"metadata": {"labels": {"githubtoken.dev/role": None}}}, kind="Secret")


def test_another_personal_token(world: World) -> None:
    old, new = world.made_by_hand(), world.made_by_hand("bob")
    world.personal_token(old, role=None)
    world.wait_ready("robot")
    world.secret_key("robot-pat", "token", new)
    # The next check by time is in an hour.
    assert world.wait_ready("robot", revision=2)["status"]["account"] == "bob"
    assert world.data("robot")["token"] == new


def test_a_personal_token_whose_secret_is_made_anew(world: World) -> None:
    world.personal_token(world.made_by_hand(), role=None)
    world.wait_ready("robot")
    world.delete("Secret", "robot-pat")
    new = world.made_by_hand("bob")
    world.personal_token(None, "other")
    world.secret("robot-pat", {"token": new})
    world.secret("other-pat", {"token": new})
    world.wait_ready("robot", revision=2)
    world.wait_ready("other")


def test_another_seed(world: World) -> None:
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    without_label(world, "alice-seed")
    revision = world.wait_ready("alice")["status"]["revision"]
    new = world.sign_in(app, "alice")
    world.secret_key("alice-seed", "refresh_token", new)
    world.wait_ready("alice", revision=revision + 1)
    assert world.double_spends() == 0


def test_another_key_of_an_app(world: World) -> None:
    app = world.app()
    without_label(world, "acme-app")
    world.installation_token()
    world.wait_ready()
    checks = len(world.requests("get_app"))
    world.secret_key("acme-app", "private-key.pem", "no key")
    world.wait_reason("acme", "PrivateKeyInvalid", kind="GitHubApp")
    assert app.private_key is not None
    world.secret_key("acme-app", "private-key.pem", app.private_key)
    world.wait_for("acme", lambda found: found["status"]["conditions"][0]["status"] == "True", kind="GitHubApp")
    assert len(world.requests("get_app")) >= checks


def test_another_key_of_a_cluster_app(world: World) -> None:
    name = world.cluster_app(world.register(), allowedNamespaces={"from": "All"})
    secret = f"{name}-app"
    unlabelled = {"metadata": {"labels": {"githubtoken.dev/role": None}}}
    world.cluster.patch("Secret", "default", secret, unlabelled)
    world.wait_for(name, lambda found: found.get("status"), kind="ClusterGitHubApp")
    world.cluster.patch("Secret", "default", secret, {"data": {"private-key.pem": "bm8ga2V5"}})
    world.wait_reason(name, "PrivateKeyInvalid", kind="ClusterGitHubApp")


def test_another_personal_token_of_many_namespaces(world: World) -> None:
    name = f"pull-{world.namespace}"
    world.secret(f"{name}-pat", {"token": world.made_by_hand()}, namespace="default")
    urls = {"apiURL": world.simulator.api_url, "webURL": world.simulator.web_url}
    personal = {"secretRef": {"name": f"{name}-pat"}, **urls}
    world.cluster_token({"personal": personal, "namespaces": {"names": [world.namespace]}}, name)
    world.wait_ready(name, kind="ClusterGitHubToken")
    world.secret(f"{name}-pat", {"token": world.made_by_hand("bob")}, namespace="default")
    status = world.wait_ready(name, revision=2, kind="ClusterGitHubToken")["status"]
    world.cluster.delete("Secret", "default", f"{name}-pat")
    assert status["account"] == "bob"


def test_a_label_that_is_taken_away_and_given_back_loses_nothing(world: World) -> None:
    world.personal_token(world.made_by_hand())
    world.wait_ready("robot")
    for revision, role in ((2, None), (3, "seed"), (4, None)):
        world.patch("robot-pat", {"metadata": {"labels": {"githubtoken.dev/role": role}}}, kind="Secret")
        world.settle()
        world.secret_key("robot-pat", "token", world.made_by_hand(f"user-{revision}"))
        assert world.wait_ready("robot", revision=revision)["status"]["account"] == f"user-{revision}"


@pytest.mark.timeout(600)
def test_two_hundred_names_have_a_watch_and_what_is_beyond_is_looked_at_each_minute(
    apart: World, start: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    world, clock = apart, HurriedClock(tmp_path / "clock")
    assert world.operator.stop() == 0
    world.operator = start(environment=clock.environment)
    for number in range(WATCHES):
        world.personal_token(None, f"idle-{number}", suspend=True)
    world.wait_until(lambda: named(world, "watch") == WATCHES, "a watch for each name")
    old, new = world.made_by_hand(), world.made_by_hand("bob")
    world.personal_token(old, role=None)
    world.wait_ready("robot")
    assert (named(world, "watch"), named(world, "look")) == (WATCHES, 1)
    world.secret_key("robot-pat", "token", new)
    # Whose turn it is goes by the name and the process: of the twelve in a minute it may be the last.
    for _ in range(2 * TURNS):
        clock.pass_by(round(LOOK_EVERY / TURNS))
        world.settle(1)
        if world.found("robot")["status"]["revision"] == 2:
            break
    world.wait_ready("robot", revision=2)
    assert world.data("robot")["token"] == new
    # A place that is free is taken.
    world.delete("GitHubToken", "idle-0")
    world.wait_until(lambda: (named(world, "watch"), named(world, "look")) == (WATCHES, 0), "the place to be taken")
    world.cluster.delete("GitHubToken", world.namespace)
    world.wait_until(lambda: named(world, "watch") == 0, "the end of the watches")
