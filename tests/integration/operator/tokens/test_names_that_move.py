"""Names move at GitHub, and tokens go on: in the process that knew the old name, and in the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]
    Move = Callable[[World, Any], str]


def rename_repository(world: World, _app: object) -> str:
    world.github.rename_repository(f"{world.account}/website", "site")
    return f"{world.account}/site"


def transfer_repository(world: World, app: Any) -> str:  # noqa: ANN401 - the simulator's App
    """To an owner who has installed the App as well."""
    world.github.install(app, f"newco-{world.namespace}")
    world.github.transfer_repository(f"{world.account}/website", f"newco-{world.namespace}")
    return f"newco-{world.namespace}/website"


def rename_account(world: World, _app: object) -> str:
    world.github.rename_account(world.account, f"newco-{world.namespace}")
    return f"newco-{world.namespace}/website"


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "a new process"])
@pytest.mark.parametrize("move", [rename_repository, transfer_repository, rename_account])
def test_a_token_for_a_repository_follows_it(apart: World, start: Start, move: Move, *, restarted: bool) -> None:
    app = apart.app()
    secret = {"formats": ["ArgoCDRepository"]}
    apart.installation_token(repository=f"{apart.account}/website", secret=secret)
    apart.wait_ready()
    assert apart.data("ci")["url"] == f"{apart.simulator.web_url}/{apart.account}/website"
    called = move(apart, app)
    if restarted:
        assert apart.operator.stop() == 0
        apart.operator = start()
    apart.annotate("ci", refresh_requested_at="now")
    status = apart.wait_ready(revision=2)["status"]
    assert (status["account"], status["installation"]["repository"]) == (called.split("/")[0], called)
    assert apart.data("ci")["url"] == f"{apart.simulator.web_url}/{called}"
    assert "failedAttempts" not in status
    assert [event["type"] for event in apart.events("ci")] == ["Normal"]


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "a new process"])
def test_a_token_of_an_account_outlives_its_login(apart: World, start: Start, *, restarted: bool) -> None:
    apart.ready_token()
    apart.github.rename_account(apart.account, f"newco-{apart.namespace}")
    for revision in (2, 3):
        if restarted:
            assert apart.operator.stop() == 0
            apart.operator = start()
        apart.annotate("ci", refresh_requested_at=str(revision))
        status = apart.wait_ready(revision=revision)["status"]
    assert not restarted or status["account"] == f"newco-{apart.namespace}"
    assert [event["type"] for event in apart.events("ci")] == ["Normal"]


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "a new process"])
def test_a_users_token_outlives_the_users_login(apart: World, start: Start, *, restarted: bool) -> None:
    app, user = apart.app(), f"alice-{apart.namespace}"
    apart.seed("alice", apart.sign_in(app, user))
    apart.token("alice", {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": "alice-seed"}, "login": user}})
    apart.wait_for("alice", lambda token: token.get("status", {}).get("account") == user)
    apart.github.rename_account(user, f"alicia-{apart.namespace}")
    for revision in (2, 3):
        if restarted:
            assert apart.operator.stop() == 0
            apart.operator = start()
        apart.annotate("alice", refresh_requested_at=str(revision))
        apart.wait_ready("alice", revision=revision)
    assert [event["type"] for event in apart.events("alice")] == ["Normal"]
    assert apart.double_spends() == 0


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "a new process"])
def test_a_token_of_an_enterprise_outlives_its_slug(apart: World, start: Start, *, restarted: bool) -> None:
    app = apart.app(installed=False)
    apart.github.install(app, apart.account, account_type="Enterprise", permissions={"enterprise_people": "read"})
    apart.installation_token(enterprise=apart.account)
    apart.wait_ready()
    apart.github.rename_account(apart.account, f"newco-{apart.namespace}")
    if restarted:
        assert apart.operator.stop() == 0
        apart.operator = start()
    apart.annotate("ci", refresh_requested_at="now")
    apart.wait_ready(revision=2)
    assert [event["type"] for event in apart.events("ci")] == ["Normal"]


def test_an_app_that_was_installed_again_costs_no_failed_attempt(world: World) -> None:
    app = world.register()
    installed = world.install(app)
    world.app_secret(app)
    world.github_app(app)
    world.installation_token()
    world.wait_ready()
    again = world.github.reinstall(installed)
    world.annotate("ci", refresh_requested_at="now")
    status = world.wait_ready(revision=2)["status"]
    assert status["installation"]["id"] == again.id
    assert [event["type"] for event in world.events("ci")] == ["Normal"]


def test_everything_may_move_at_once(world: World) -> None:
    app = world.register()
    installed = world.install(app)
    world.app_secret(app)
    world.github_app(app)
    world.installation_token(repository=f"{world.account}/website")
    world.wait_ready()
    called = f"newco-{world.namespace}"
    world.github.rename_repository(f"{world.account}/website", "site")
    world.github.rename_account(world.account, called)
    again = world.github.reinstall(installed)
    # Somebody else takes the names that are free now.
    world.github.install(app, world.account, repositories=["website"])
    world.annotate("ci", refresh_requested_at="now")
    status = world.wait_ready(revision=2)["status"]
    assert status["installation"]["id"] == again.id
    assert status["installation"]["repository"] == f"{called}/site"
    assert [event["type"] for event in world.events("ci")] == ["Normal"]


def test_a_limit_holds_for_the_name_that_a_repository_has_now(world: World) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, allowedRepositories=[f"{world.account}/website"])
    world.installation_token(repository=f"{world.account}/website")
    world.wait_ready()
    first = world.data("ci")["token"]
    world.github.rename_repository(f"{world.account}/website", "secret")
    world.annotate("ci", refresh_requested_at="now")
    message = world.wait_failing().message
    assert f"called `{world.account}/secret` now" in message
    assert world.data("ci")["token"] == first
    assert world.ledger().live(app) == 1
