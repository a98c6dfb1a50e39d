"""Refusals that last call a human in GitHub's words; those that pass do not, and cost no token."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.stage.cluster import POLL

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

HUMAN = ("NeedsHuman", "Stalled")


def human_needed(world: World, name: str = "ci") -> str | None:
    """The reason of the condition that calls a human."""
    conditions = world.status(name).get("conditions", [])
    return next((item["reason"] for item in conditions if item["type"] in HUMAN and item["status"] == "True"), None)


@pytest.mark.parametrize("operation", ["mint", "find_installation", "get_app"])
@pytest.mark.parametrize(
    ("words", "reason", "says"),
    [
        ("ip-allow-list", "AuthenticationFailed", "IP allow list"),
        ("app-suspended", "AuthenticationFailed", "The App itself is suspended"),
        ("legal", "RepositoryNotAccessible", "legal reasons"),
        ("enterprise-policy", "AuthenticationFailed", "have an owner allow it"),
        ("managed-user", "AuthenticationFailed", "reaches nothing outside of it"),
        ("unknown-issuer", "AuthenticationFailed", "must be an Integer"),
    ],
)
def test_a_rule_calls_a_human_and_is_over_when_it_is_lifted(
    world: World, operation: str, words: str, reason: str, says: str
) -> None:
    app = world.register()
    world.install(app)
    fault = world.github.fail(operation, words=words, times=None, app=app)
    world.app_secret(app)
    world.github_app(app)
    world.installation_token()
    assert says in world.wait_reason("ci", reason).message
    assert human_needed(world) == reason
    world.github.clear_faults(fault)
    world.annotate("ci", refresh_requested_at="now")
    if operation == "get_app":
        # The App is asked about at its own times, so its spec is touched.
        world.change("acme", kind="GitHubApp", maxPermissions={"contents": "write"})
    world.wait_ready()
    assert human_needed(world) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("classic-forbidden", "Classic personal tokens"),
        ("lifetime-policy", "shorter life"),
        ("account-suspended", "suspended"),
        ("saml", "/sso"),
    ],
)
def test_a_personal_token_that_is_kept_out_calls_a_human(world: World, words: str, says: str) -> None:
    world.github.fail("get_user", words=words, times=None)
    world.personal_token(world.made_by_hand())
    assert says in world.wait_reason("robot", "AuthenticationFailed").message
    assert human_needed(world, "robot") == "AuthenticationFailed"


@pytest.mark.parametrize("words", ["bad-credentials", "undecodable", "not-found", "forbidden"])
def test_an_incident_of_a_few_seconds_costs_no_token_and_calls_nobody(world: World, words: str) -> None:
    app = world.app(token_life=24)
    world.installation_token()
    world.wait_ready()
    fault = world.github.fail("*", words=words, times=None, app=app)
    message = world.wait_failing().message
    assert human_needed(world) is None
    assert "GitHub" in message
    world.github.clear_faults(fault)
    assert world.wait_ready(revision=2)["status"]["revision"] == 2
    assert {event["reason"] for event in world.events() if event["type"] == "Warning"} == {"GitHubUnavailable"}


def test_no_token_of_a_minute_dies_of_sixteen_seconds_of_refusals(world: World) -> None:
    """An hour told as a minute: GitHub refuses everything from the moment at which each token is to be renewed.

    `tests/unit/tokens/installation` has every other moment.
    """
    words = ("bad-credentials", "undecodable", "not-found")
    apps = {name: world.app(name, token_life=60) for name in words}
    for name in words:
        world.installation_token(name, app=name)
    faults: dict[str, int] = {}
    ends: dict[str, float] = {}
    for name in words:
        world.wait_ready(name)
        faults[name] = world.github.fail("*", words=name, times=None, app=apps[name])
    while any(world.status(name)["revision"] == 1 for name in words):
        for name in words:
            assert world.ready(name).status == "True"
            assert world.github.token_is_alive(sha256(world.data(name)["token"])), f"{name}: the token is dead"
            if "refresh failing" in world.ready(name).message:
                ends.setdefault(name, time.monotonic() + 16)
            if time.monotonic() > ends.get(name, math.inf) and name in faults:
                world.github.clear_faults(faults.pop(name))
        time.sleep(POLL)
    assert faults == {}
    assert all(event["reason"] in {"Fresh", "GitHubUnavailable"} for name in words for event in world.events(name))


def test_words_that_nobody_knows_are_waited_out_and_then_told(world: World) -> None:
    app = world.app(token_life=60)
    source = {"appRef": {"name": "acme"}, "installation": {"owner": world.account}}
    world.token("ci", {**source, "renewBeforePercentage": 90})
    world.wait_ready()
    world.github.fail("mint", words="forbidden", times=None, app=app)
    assert "Forbidden" in world.wait_failing().message
    assert human_needed(world) is None
    world.wait_for("ci", lambda _: human_needed(world) == "AuthenticationFailed", within=90)
    assert "Forbidden" in world.ready().message


def test_the_words_of_a_limit_on_an_old_enterprise_server_call_nobody(world: World) -> None:
    world.github.fail("mint", words="abuse", times=None, app=world.app())
    world.installation_token()
    world.wait_reason("ci", "RateLimited")
    # Status may speak of the pause by now.
    world.wait_until(lambda: world.events("ci", reason="RateLimited"), "the event")
    assert "abuse detection" in world.events("ci", reason="RateLimited")[0]["message"]
    assert human_needed(world) is None


@pytest.mark.parametrize("words", ["unauthorized-client", "application-suspended"])
def test_a_refresh_that_is_refused_in_unknown_words_ends_in_a_code(world: World, words: str) -> None:
    app = world.app(user_token_life=12)
    world.seed("alice", world.sign_in(app))
    user = {"seedSecretRef": {"name": "alice-seed"}, "deviceFlow": {}}
    world.token("alice", {"appRef": {"name": "acme"}, "user": user})
    world.wait_ready("alice")
    world.github.fail("refresh", words=words, times=None, app=app)
    assert words.replace("-", "_") in world.wait_failing("alice").message
    assert human_needed(world, "alice") is None
    world.wait_reason("alice", "AwaitingAuthorization")
    assert world.double_spends() == 0
    world.github.clear_faults()
    world.github.approve(world.status("alice")["deviceFlow"]["userCode"], "alice")
    world.wait_ready("alice")


def test_a_refresh_that_is_refused_in_unknown_words_calls_a_human_where_no_code_is_allowed(world: World) -> None:
    app = world.app(user_token_life=12)
    world.user_token(seed=world.sign_in(app))
    world.wait_ready("alice")
    fault = world.github.fail("refresh", words="application-suspended", times=None, app=app)
    assert "application_suspended" in world.wait_reason("alice", "ReauthorizationRequired").message
    world.github.clear_faults(fault)
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice")
    assert world.double_spends() == 0
