"""Answers that may hold a pair in a form that is not known: kept, told, never asked for again, and taken up later.

The simulator gives tokens in such forms, and takes them. The later version is the operator with a parser that knows
them (`later_version`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import App, sha256
from tests.integration.operator.tokens.user.test_sign_in import allow, device_app, wait_code

if TYPE_CHECKING:
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

pytestmark = pytest.mark.both_kinds

REASON = "AnswerNotUnderstood"
LATER = (str(Path(__file__).with_name("later_version.py")),)
FORMS = [
    pytest.param({"user_token_prefix": "ghx"}, id="a new prefix"),
    pytest.param({"user_token_tail": "~k"}, id="a new alphabet"),
]


def kept_answer(world: World) -> dict[str, Any]:
    """What the credential Secret keeps of GitHub's answer; its tokens are canaries from now on."""
    entry = json.loads(world.data("alice-credential")["kept_answer"])
    answer: dict[str, Any] = json.loads(base64.b64decode(entry["body"]))
    world.canaries += [answer["access_token"], answer["refresh_token"]]
    return answer


def stalled(world: World) -> bool:
    conditions = world.status("alice")["conditions"]
    return {item["type"]: item["reason"] for item in conditions}.get("Stalled") == REASON


def renewed_in_another_form(world: World, app: App, form: dict[str, Any]) -> dict[str, Any]:
    """Alice's token was renewed, and GitHub answered in a form that is not known."""
    world.user_token(seed=world.sign_in(app))
    world.wait_ready("alice")
    world.github.change_app(app, **form)
    world.annotate("alice", refresh_requested_at="now")
    ready = world.wait_reason("alice", REASON)
    assert "update the operator" in ready.message
    assert "Secret `alice-credential" in ready.message
    return kept_answer(world)


@pytest.mark.parametrize("journalled", [True, False], ids=["with the journal", "without a journal"])
@pytest.mark.parametrize("form", FORMS)
def test_a_later_version_takes_up_at_its_start_what_was_kept(
    apart: World, start: Start, tmp_path: Path, form: dict[str, Any], *, journalled: bool
) -> None:
    journal = ("--journal-dir", str(tmp_path / "journal"))
    assert apart.operator.stop() == 0
    apart.operator = start(None, *journal)
    app = apart.app()
    answer = renewed_in_another_form(apart, app, form)
    assert stalled(apart)
    assert len(list((tmp_path / "journal").glob("*.json"))) == 1
    apart.wait_until(lambda: f'reason="{REASON}"' in apart.operator.metrics(), "a series that an alert sees")
    assert "githubtoken_journal_entries 0.0" in apart.operator.metrics()
    # Nobody asks any more: what is published then is what was kept, and not its successor.
    apart.annotate("alice", refresh_requested_at=None)

    apart.operator.kill()
    apart.operator = start(None, *(journal if journalled else ()))
    apart.settle()
    assert apart.ready("alice").reason == REASON
    assert kept_answer(apart) == answer

    apart.operator.kill()
    apart.operator = start(None, *(journal if journalled else ()), program=LATER)
    apart.wait_ready("alice", revision=2)
    assert apart.data("alice")["token"] == answer["access_token"]
    credential = apart.data("alice-credential")
    assert credential["refresh_token"] == answer["refresh_token"]
    assert "kept_answer" not in credential
    assert apart.github.token_is_alive(sha256(answer["access_token"]))
    apart.annotate("alice", refresh_requested_at="once more")
    apart.wait_ready("alice", revision=3)
    ledger = apart.ledger()
    assert (len(apart.requests("refresh")), apart.double_spends(), len(ledger.replays)) == (3, 0, 0)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_sent_again_and_a_newer_sign_in_wins(world: World, form: dict[str, Any]) -> None:
    app = world.app()
    renewed_in_another_form(world, app, form)
    assert stalled(world)
    for request in ("twice", "three times"):
        world.annotate("alice", refresh_requested_at=request)
        world.settle(1)
    assert len(world.requests("refresh")) == 2
    assert len(world.events("alice", reason=REASON)) == 1
    world.github.change_app(app, user_token_prefix="", user_token_tail="")
    world.seed("alice", world.sign_in(app))
    world.wait_ready("alice", revision=2)
    assert "kept_answer" not in world.data("alice-credential")
    assert world.double_spends() == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"expires_in": "28800", "refresh_token_expires_in": "15897600"}, id="numbers as text"),
        pytest.param({"id_token": "x", "interval": [1], "more": {"deep": {}}}, id="further fields"),
        pytest.param({"remove": ["refresh_token_expires_in"]}, id="no refresh_token_expires_in"),
    ],
)
def test_what_leaves_no_doubt_is_understood_at_once(world: World, changes: dict[str, Any]) -> None:
    app = world.app()
    world.github.override("refresh", app=app, times=None, **changes)
    world.user_token(seed=world.sign_in(app))
    world.wait_ready("alice")
    world.annotate("alice", refresh_requested_at="now")
    status = world.wait_ready("alice", revision=2)["status"]
    assert ("refreshTokenExpirationTime" in status) is ("remove" not in changes)
    assert world.github.token_is_alive(sha256(world.data("alice")["token"]))
    assert world.double_spends() == 0


def pair(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """An answer to a refresh without its effect; a field that is `...` is left out."""
    fields = {
        "access_token": "ghu_oddAnswer0123456789abcdefghij",
        "expires_in": 28800,
        "refresh_token": "ghr_oddAnswer0123456789abcdefghij",
        "refresh_token_expires_in": 15897600,
        "scope": "",
        "token_type": "bearer",
        **changes,
    }
    return {"body": json.dumps({key: value for key, value in fields.items() if value is not ...})}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(pair(expires_in="8 hours"), "`expires_in` is not a whole number", id="expires_in as words"),
        pytest.param(pair(expires_in=...), "`expires_in` is missing", id="no expires_in"),
        pytest.param(pair(expires_in=0), "`expires_in` is not greater than zero", id="expires_in of zero"),
        pytest.param(pair(expires_in=-1), "`expires_in` is not greater than zero", id="a negative expires_in"),
        pytest.param(pair(access_token="ghu_line\nbreak0123"), "`access_token` is not a token", id="a newline"),
        pytest.param(pair(access_token="hello"), "`access_token` is not a token", id="a token without a prefix"),
        pytest.param(pair(refresh_token=...), "`refresh_token` is missing", id="no refresh token"),
        pytest.param(pair(token_type="mac"), "`token_type` is not bearer", id="not a bearer token"),
        pytest.param({"body": pair()["body"][:60]}, "not a JSON object", id="JSON cut off within the token"),
        pytest.param({"truncate": 60}, "not a JSON object", id="a true answer that was cut off"),
    ],
)
def test_what_may_hold_a_pair_is_kept_until_a_newer_sign_in(world: World, answer: dict[str, Any], says: str) -> None:
    app = world.app()
    world.github.fail("refresh", app=app, **answer)
    world.user_token(seed=world.sign_in(app))
    ready = world.wait_reason("alice", REASON)
    assert says in ready.message
    assert stalled(world)
    assert "kept_answer" in world.data("alice-credential")
    world.settle(1)
    assert len(world.requests("refresh")) == 1
    world.seed("alice", world.sign_in(app))
    world.wait_ready("alice")
    assert "kept_answer" not in world.data("alice-credential")
    assert world.double_spends() == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_sign_in_by_device_flow_is_kept_too(apart: World, start: Start, form: dict[str, Any]) -> None:
    app = device_app(apart, **form)
    allow(apart)
    apart.github.approve(wait_code(apart), "alice")
    apart.wait_reason("alice", REASON)
    answer = kept_answer(apart)
    apart.settle()
    assert apart.ready("alice").reason == REASON
    assert len(apart.requests("device_code")) == 1
    apart.operator.kill()
    apart.operator = start(program=LATER)
    apart.wait_ready("alice")
    assert apart.data("alice")["token"] == answer["access_token"]
    assert "kept_answer" not in apart.data("alice-credential")
    assert apart.github.token_is_alive(sha256(answer["access_token"]))
    apart.annotate("alice", refresh_requested_at="now")
    apart.wait_ready("alice", revision=2)
    assert (len(apart.requests("device_code", app=app)), apart.double_spends()) == (1, 0)
