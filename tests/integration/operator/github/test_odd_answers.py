"""Answers that GitHub, or a proxy in front of it, should not give: nothing is concluded from them.

The token that is stored stays while it is valid, the request is repeated after a pause, and once the answers are good
again so is the token. Each refresh here is answered without its effect, as a proxy does; what becomes of a refresh
token whose answer was lost is told at the end. Answers that may hold a pair are in `test_kept_answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

HTML = "<!DOCTYPE html><html><body>Sign in to the company's proxy: ghs_notForYou123456</body></html>"

PAGE = {"body": HTML, "content_type": "text/html"}
CUT_OFF: dict[str, Any] = {"truncate": 25}
EARLY: dict[str, Any] = {"drop": True, "when": "after"}


def edited(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"set_fields": fields}


ODD_MINTS = [
    pytest.param({"status": 200, **PAGE}, "not a JSON object", id="HTML with 200"),
    pytest.param({"status": 502, **PAGE}, "502", id="HTML with 502"),
    pytest.param({"status": 404, **PAGE}, "A proxy or another server", id="HTML with 404"),
    pytest.param({"status": 403, **PAGE}, "A proxy or another server", id="HTML with 403"),
    pytest.param(CUT_OFF, "not a JSON object", id="JSON cut off"),
    pytest.param(EARLY, "The connection to", id="a connection that breaks"),
    pytest.param(edited(expires_at="2020-01-01T00:00:00Z"), "`expires_at` is not after", id="expires_at in the past"),
    pytest.param(edited(expires_at="soon"), "`expires_at` is not a time", id="expires_at that is no time"),
    pytest.param({"remove_fields": ["expires_at"]}, "`expires_at` is not a time", id="no expires_at"),
    pytest.param(edited(token="ghs_line\nbreak0123"), "`token` is not a token", id="a token with a newline"),
    pytest.param(edited(token="hello"), "`token` is not a token", id="a token without a prefix"),
    pytest.param({"remove_fields": ["token"]}, "`token` is missing", id="no token"),
    pytest.param({"body": "[]"}, "not a JSON object", id="a list"),
]

ODD_REFRESHES = [
    pytest.param({"status": 200, **PAGE}, "not a JSON object", id="HTML with 200"),
    pytest.param({"status": 502, **PAGE}, "502", id="HTML with 502"),
    pytest.param({"body": '{"error": "surprise"}'}, 'not known: "surprise"', id="an unknown OAuth error in a 200"),
    pytest.param({"body": '{"acce'}, "not a JSON object", id="JSON cut off before it says anything"),
    pytest.param({"body": ""}, "not a JSON object", id="nothing"),
    pytest.param({"body": "Under maintenance, be back soon"}, "not a JSON object", id="a few words"),
    pytest.param({"body": '{"status": "ok"}'}, "`access_token` is missing", id="JSON of a proxy"),
    pytest.param({"drop": True}, "The connection to", id="a connection that breaks"),
]


@pytest.mark.parametrize(("answer", "says"), ODD_MINTS)
def test_an_odd_answer_to_a_mint_is_not_taken_for_a_token(world: World, answer: dict[str, Any], says: str) -> None:
    app = world.app()
    world.github.fail("mint", times=None, app=app, **answer)
    world.installation_token()
    ready = world.wait_reason("ci", "GitHubUnavailable")
    assert says in ready.message
    assert world.get("Secret", "ci") is None
    world.settle(1)
    assert len(world.requests("mint")) <= 2
    world.github.clear_faults()
    world.annotate("ci", refresh_requested_at="the proxy is mended")
    world.wait_ready()
    assert len(world.events("ci", reason="GitHubUnavailable")) == 1


@pytest.mark.parametrize(("answer", "says"), ODD_REFRESHES)
def test_an_odd_answer_to_a_refresh_is_not_taken_for_a_token(world: World, answer: dict[str, Any], says: str) -> None:
    app = world.app()
    seed = world.sign_in(app)
    world.github.fail("refresh", times=None, app=app, **answer)
    world.user_token(seed=seed)
    ready = world.wait_reason("alice", "GitHubUnavailable")
    assert says in ready.message
    assert world.get("Secret", "alice") is None
    assert world.data("alice-credential")["refresh_token"] == seed
    world.settle(1)
    assert len(world.events("alice", reason="GitHubUnavailable")) == 1
    assert len(world.requests("refresh")) <= 2
    world.github.clear_faults()
    world.annotate("alice", refresh_requested_at="the proxy is mended")
    world.wait_ready("alice")
    assert world.double_spends() == 0


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        pytest.param("mint", {"status": 502, **PAGE}, id="a mint answered with HTML"),
        pytest.param("mint", edited(token="ghs_line\nbreak0123"), id="a mint answered with a newline in the token"),
        pytest.param("refresh", {"status": 502, **PAGE}, id="a refresh answered with HTML"),
        pytest.param("refresh", {"body": '{"error": "surprise"}'}, id="a refresh answered with an unknown error"),
        pytest.param("refresh", {"body": '{"status": "ok"}'}, id="a refresh answered with JSON of a proxy"),
    ],
)
def test_an_odd_answer_costs_no_valid_token(world: World, operation: str, answer: dict[str, Any]) -> None:
    app = world.app()
    name = "ci" if operation == "mint" else "alice"
    if operation == "mint":
        world.installation_token(name)
    else:
        world.user_token(name, seed=world.sign_in(app))
    world.wait_ready(name)
    before = world.data(name)
    world.github.fail(operation, times=None, app=app, **answer)
    world.annotate(name, refresh_requested_at="now")
    ready = world.wait_failing(name)
    assert (ready.status, ready.reason) == ("True", "Fresh")
    assert ready.message.startswith("token valid until ")
    world.settle(1)
    assert world.data(name) == before
    assert len(world.events(name, reason="GitHubUnavailable")) == 1
    assert world.status(name)["failedAttempts"] >= 1
    world.github.clear_faults()
    world.wait_ready(name, revision=2)
    assert "failedAttempts" not in world.status(name)
    assert world.double_spends() == 0


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param({"drop": True, "when": "after"}, id="the connection broke"),
        pytest.param({"status": 502, "when": "after"}, id="a bad gateway answered"),
        pytest.param({"truncate": 5}, id="the answer was cut off before it said anything"),
    ],
)
def test_a_lost_answer_to_a_refresh_ends_in_a_call_for_a_human_and_not_in_a_double_spend(
    world: World, loss: dict[str, Any]
) -> None:
    """Nobody has the new pair: GitHub refuses the spent token when it is tried once more."""
    app = world.app()
    world.github.fail("refresh", app=app, **loss)
    world.user_token(seed=world.sign_in(app))
    ready = world.wait_reason("alice", "ReauthorizationRequired")
    assert "ign in again" in ready.message
    world.settle()
    assert len(world.requests("refresh")) == 2
    assert len(world.events("alice", reason="ReauthorizationRequired")) == 1
    assert world.double_spends() == 0
    world.seed("alice", world.sign_in(app))
    world.wait_ready("alice")
    assert world.double_spends() == 0
