from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene

TOKEN_PATH = "/login/oauth/access_token"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def test_errors_come_inside_a_200(scene: Scene) -> None:
    answer = scene.refresh("ghr_unknown")
    assert answer.status_code == 200
    assert answer.json() == {
        "error": "bad_refresh_token",
        "error_description": "The refresh token passed is incorrect or expired.",
        "error_uri": answer.json()["error_uri"],
    }
    assert answer.json()["error_uri"].startswith("https://docs.github.com/")


def test_a_form_is_the_default_answer(scene: Scene) -> None:
    answer = scene.refresh(scene.sign_in().refresh_token, accept="*/*")
    assert answer.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert parse_qs(answer.text)["token_type"] == ["bearer"]


def test_xml_can_be_had(scene: Scene) -> None:
    answer = scene.refresh("ghr_unknown", accept="application/xml")
    assert answer.text.startswith("<OAuth><error>bad_refresh_token</error>")


@pytest.mark.parametrize("way", ["form", "json", "query"])
def test_fields_are_taken_from_form_json_and_query(scene: Scene, way: str) -> None:
    fields = {
        "client_id": scene.app.client_id,
        "client_secret": scene.app.client_secret,
        "grant_type": "refresh_token",
        "refresh_token": scene.sign_in().refresh_token,
    }
    sent: dict[str, Any] = {"form": {"data": fields}, "json": {"json": fields}, "query": {"params": fields}}[way]
    answer = scene.http.post(scene.simulator.web_url + TOKEN_PATH, headers={"Accept": "application/json"}, **sent)
    assert answer.json()["access_token"].startswith("ghu_")


def test_a_null_in_json_is_an_absent_field(scene: Scene) -> None:
    pair = scene.sign_in(flow="device")
    body = {
        "client_id": scene.app.client_id,
        "client_secret": None,
        "grant_type": "refresh_token",
        "refresh_token": pair.refresh_token,
    }
    url = scene.simulator.web_url + TOKEN_PATH
    answer = scene.http.post(url, json=body, headers={"Accept": "application/json"})
    assert "access_token" in answer.json()


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", ""])
def test_other_grant_types_are_not_supported(scene: Scene, grant_type: str) -> None:
    answer = scene.oauth(TOKEN_PATH, grant_type=grant_type, device_code="x")
    assert (answer.status_code, answer.json()["error"]) == (200, "unsupported_grant_type")


def test_a_device_flow_from_the_code_to_a_refresh(scene: Scene) -> None:
    started = scene.oauth("/login/device/code").json()
    poll = {"grant_type": DEVICE_GRANT, "device_code": started["device_code"]}
    assert started["verification_uri"] == f"{scene.simulator.web_url}/login/device"
    assert scene.oauth(TOKEN_PATH, **poll).json()["error"] == "authorization_pending"
    slowed = scene.oauth(TOKEN_PATH, **poll).json()
    assert (slowed["error"], slowed["interval"]) == ("slow_down", 10)
    scene.github.approve(started["user_code"], "alice")
    scene.github.clock(advance=10)
    pair = scene.oauth(TOKEN_PATH, **poll).json()
    user = scene.call("GET", "/user", token=pair["access_token"]).json()
    assert user["login"] == "alice"
    refreshed = scene.oauth(TOKEN_PATH, grant_type="refresh_token", refresh_token=pair["refresh_token"]).json()
    assert refreshed["refresh_token"] != pair["refresh_token"]


def test_a_denied_device_code_stays_denied(scene: Scene) -> None:
    started = scene.oauth("/login/device/code").json()
    scene.github.deny(started["user_code"])
    poll = {"grant_type": DEVICE_GRANT, "device_code": started["device_code"]}
    assert scene.oauth(TOKEN_PATH, **poll).json()["error"] == "access_denied"
    assert [code["denied"] for code in scene.github.device_codes() if code["app"] == scene.app.id] == [True]


def test_a_disabled_device_flow_is_a_400(scene: Scene) -> None:
    scene.github.change_app(scene.app, device_flow=False)
    answer = scene.oauth("/login/device/code")
    assert (answer.status_code, answer.json()["error"]) == (400, "device_flow_disabled")


def test_a_rotated_client_secret_replaces_the_old_one(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.github.rotate_client_secret(scene.app)
    assert scene.refresh(pair.refresh_token).json()["error"] == "incorrect_client_credentials"
    assert scene.github.token_is_alive(sha256(pair.refresh_token or ""))


def test_the_lives_of_tokens_are_those_of_the_app(scene: Scene) -> None:
    scene.github.change_app(scene.app, user_token_life=60, refresh_token_life=15811200)
    answer = scene.refresh(scene.sign_in().refresh_token).json()
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (60, 15811200)


def test_tokens_that_do_not_expire_have_no_refresh_token(scene: Scene) -> None:
    scene.github.change_app(scene.app, tokens_expire=False)
    pair = scene.sign_in()
    assert (pair.expires_in, pair.refresh_token, pair.refresh_token_expires_in) == (None, None, None)


def test_the_ledger_knows_who_asked_for_what_and_no_secrets(scene: Scene) -> None:
    pair = scene.sign_in()
    scene.refresh(pair.refresh_token)
    (request,) = scene.github.ledger().of("refresh", scene.app)
    assert request.client_id == scene.app.client_id
    assert request.body["refresh_token"] == f"sha256:{sha256(pair.refresh_token or '')}"
    assert (request.status, request.verdict, request.delivered) == (200, "first", True)
    assert (pair.refresh_token or "") not in repr(scene.github.ledger())
    assert scene.app.client_secret not in repr(scene.github.ledger())
