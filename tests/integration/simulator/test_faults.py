from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene


def offences(scene: Scene) -> tuple[int, int]:
    """Double spends and replays."""
    ledger = scene.github.ledger()
    return len(ledger.double_spends), len(ledger.replays)


def is_alive(scene: Scene, token: str | None) -> bool:
    return scene.github.token_is_alive(sha256(token or ""))


def test_a_spent_token_presented_again_is_a_double_spend(scene: Scene) -> None:
    pair = scene.sign_in()
    winner = scene.refresh(pair.refresh_token).json()
    assert scene.refresh(pair.refresh_token).json()["error"] == "bad_refresh_token"
    assert offences(scene) == (1, 0)
    assert is_alive(scene, winner["access_token"])


def test_an_answer_lost_after_the_effect_makes_a_replay(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.github.fail("refresh", drop=True, when="after", app=scene.app)
    with pytest.raises(httpx.RemoteProtocolError):
        scene.refresh(pair.refresh_token)
    assert not is_alive(scene, pair.refresh_token)
    assert scene.refresh(pair.refresh_token).json()["error"] == "bad_refresh_token"
    assert offences(scene) == (0, 1)
    assert [request.status for request in scene.github.ledger().of("refresh")] == [0, 200]


def test_a_request_lost_before_the_effect_leaves_no_trace(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.github.fail("refresh", drop=True)
    with pytest.raises(httpx.RemoteProtocolError):
        scene.refresh(pair.refresh_token)
    assert is_alive(scene, pair.refresh_token)
    assert "access_token" in scene.refresh(pair.refresh_token).json()
    assert offences(scene) == (0, 0)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 502, "when": "after"}, id="bad-gateway"),
        pytest.param({"truncate": 30}, id="cut-off"),
        pytest.param({"remove_fields": ["refresh_token"]}, id="robbed"),
        pytest.param({"body": "<html>", "when": "after"}, id="html"),
    ],
)
def test_an_answer_mangled_after_the_effect_makes_a_replay(scene: Scene, fault: dict[str, Any]) -> None:
    pair = scene.sign_in()
    scene.github.fail("refresh", **fault)
    scene.refresh(pair.refresh_token)
    assert not is_alive(scene, pair.refresh_token)
    scene.refresh(pair.refresh_token)
    assert offences(scene) == (0, 1)


@pytest.mark.parametrize("expires_in", ["28800", 0, -1])
def test_an_answer_with_an_odd_number_has_still_been_delivered(scene: Scene, expires_in: object) -> None:
    pair = scene.sign_in()
    scene.github.override("refresh", expires_in=expires_in)
    assert scene.refresh(pair.refresh_token).json()["expires_in"] == expires_in
    scene.refresh(pair.refresh_token)
    assert offences(scene) == (1, 0)


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 429}, {"body": '{"error": "surprise"}'}])
def test_a_canned_answer_without_effect_leaves_the_token_alone(scene: Scene, fault: dict[str, Any]) -> None:
    pair = scene.sign_in()
    scene.github.fail("refresh", **fault)
    assert scene.refresh(pair.refresh_token).status_code == fault.get("status", 200)
    assert is_alive(scene, pair.access_token)
    assert "access_token" in scene.refresh(pair.refresh_token).json()
    assert offences(scene) == (0, 0)


def test_two_requests_at_once_are_a_double_spend_and_one_pair_survives(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.github.settings(latency=0.3)
    answers: list[dict[str, Any]] = []
    both_ready = threading.Barrier(2)

    def refresh() -> None:
        both_ready.wait()
        answers.append(scene.refresh(pair.refresh_token).json())

    threads = [threading.Thread(target=refresh) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted("access_token" in answer for answer in answers) == [False, True]
    assert offences(scene) == (1, 0)
    winner = next(answer for answer in answers if "access_token" in answer)
    assert is_alive(scene, winner["access_token"])
    assert is_alive(scene, winner["refresh_token"])
    assert scene.github.ledger().most_in_flight == 2


def test_a_client_that_went_away_before_the_answer_makes_a_replay(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.github.fail("refresh", delay=0.3)
    fields = {
        "client_id": scene.app.client_id,
        "client_secret": scene.app.client_secret,
        "grant_type": "refresh_token",
        "refresh_token": pair.refresh_token or "",
    }
    body = urlencode(fields).encode()
    where = urlsplit(scene.simulator.web_url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        connection.sendall(
            b"POST /login/oauth/access_token HTTP/1.1\r\nHost: github\r\nAccept: application/json\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        wait_for_requests(scene, 1)
    scene.refresh(pair.refresh_token)
    assert offences(scene) == (0, 1)
    assert [request.verdict for request in scene.github.ledger().of("refresh")] == ["first", "replay"]


def wait_for_requests(scene: Scene, count: int) -> None:
    """Look until the simulator has seen so many refreshes; the test's time limit bounds it."""
    while len(scene.github.ledger().of("refresh")) < count:
        pass


def test_a_fault_can_be_for_one_app_only(scene: Scene) -> None:
    other = scene.github.create_app(f"{scene.app.slug}-other")
    scene.github.fail("mint", status=502, app=other, times=None)
    assert scene.mint().status_code == 201
    installation = scene.github.install(other, "elsewhere")
    token = scene.jwt(iss=other.client_id)
    path = f"/app/installations/{installation.id}/access_tokens"
    assert scene.call("POST", path, token=token).status_code == 502


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Retry-After": "5"}, "5"), ({"Retry-After": ""}, ""), ({}, None)],
    ids=["stated", "blank", "absent"],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_may_say_how_long(
    scene: Scene, status: int, headers: dict[str, str], expected: str | None
) -> None:
    scene.github.fail("mint", status=status, headers=headers)
    answer = scene.mint()
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == expected
    assert answer.json()["message"].startswith("You have exceeded a secondary rate limit")
    assert answer.json()["documentation_url"].endswith("secondary-rate-limits")


def test_a_primary_limit_says_until_when(scene: Scene) -> None:
    scene.github.clock(speed=0)
    scene.github.fail("mint", status=403, reset_in=30)
    headers = scene.mint().headers
    assert headers["X-RateLimit-Remaining"] == "0"
    assert 29 < int(headers["X-RateLimit-Reset"]) - scene.github.clock().now < 32


@pytest.mark.parametrize("status", [200, 502])
def test_a_proxys_html_can_be_sent(scene: Scene, status: int) -> None:
    scene.github.fail("mint", status=status, body="<html>", content_type="text/html")
    answer = scene.mint()
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (status, "<html>", "text/html")


def test_json_can_be_cut_off(scene: Scene) -> None:
    scene.github.fail("mint", truncate=20)
    answer = scene.mint()
    assert len(answer.content) == 20
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_connection_can_break_in_the_middle_of_an_answer(scene: Scene) -> None:
    scene.github.fail("mint", truncate=20, drop=True, when="after")
    with pytest.raises(httpx.RemoteProtocolError):
        scene.mint()
    assert scene.github.ledger().live(scene.app) == 1


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        pytest.param({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "2020-01-01T00:00:00Z", id="past"),
        pytest.param({"token": "ghs_line\nbreak"}, "token", "ghs_line\nbreak", id="newline"),
    ],
)
def test_fields_of_a_mint_can_be_replaced(scene: Scene, fields: dict[str, Any], name: str, value: str) -> None:
    scene.github.override("mint", **fields)
    assert scene.mint().json()[name] == value
    assert scene.mint().json()[name] != value


def test_a_field_can_be_left_out(scene: Scene) -> None:
    scene.github.override("refresh", remove=["expires_in"])
    answer = scene.refresh(scene.sign_in().refresh_token).json()
    assert "expires_in" not in answer
    assert "refresh_token_expires_in" in answer


def test_a_slow_answer_outlasts_a_short_patience(scene: Scene) -> None:
    scene.github.fail("mint", delay=5)
    with pytest.raises(httpx.ReadTimeout):
        scene.call("POST", f"/app/installations/{scene.installation.id}/access_tokens", timeout=0.2)


def test_a_slow_body_arrives_whole(scene: Scene) -> None:
    scene.github.fail("mint", body_delay=0.2)
    assert scene.mint().json()["token"].startswith("ghs_")


def test_a_fault_says_how_often_it_struck(scene: Scene) -> None:
    number = scene.github.fail("mint", status=502, times=None)
    for _ in range(3):
        scene.mint()
    assert [(fault["id"], fault["struck"]) for fault in scene.github.faults()] == [(number, 3)]
    scene.github.clear_faults(number)
    assert scene.mint().status_code == 201


def test_live_tokens_are_counted_per_app_and_installation(scene: Scene) -> None:
    second = scene.github.install(scene.app, "second-account")
    scene.token()
    scene.token()
    scene.call("POST", f"/app/installations/{second.id}/access_tokens")
    scene.sign_in()
    ledger = scene.github.ledger()
    assert ledger.live(scene.app) == 4
    assert (ledger.live(scene.app, scene.installation), ledger.live(scene.app, second)) == (2, 1)
