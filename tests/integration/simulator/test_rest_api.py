from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from github_simulator.control_client import sha256

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene


def message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def test_every_answer_says_when_it_was_given_and_by_which_version(scene: Scene) -> None:
    scene.github.clock(speed=0)
    scene.github.clock(offset=-7200)
    for answer in (scene.call("GET", "/app"), scene.call("GET", "/user", token="ghu_unknown")):
        assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == int(scene.github.clock().now)
        assert re.fullmatch(r"[0-9A-F]+(:[0-9A-F]+)+", answer.headers["X-GitHub-Request-Id"])
        assert answer.headers["X-GitHub-Media-Type"] == "github.v3; format=json"
        assert answer.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"User-Agent": ""}, 403, id="no-user-agent"),
        pytest.param({"X-GitHub-Api-Version": "2026-03-10"}, 200, id="newest-version"),
        pytest.param({"X-GitHub-Api-Version": "2022-11-28"}, 200, id="oldest-version"),
        pytest.param({"X-GitHub-Api-Version": "1999-01-01"}, 400, id="unknown-version"),
        pytest.param({"X-GitHub-Api-Version": "2020-01-01"}, 410, id="retired-version"),
    ],
)
def test_user_agent_and_version_come_first(scene: Scene, headers: dict[str, str], expected: int) -> None:
    scene.github.settings(retired_api_versions=["2020-01-01"])
    assert scene.call("GET", "/app", headers=headers).status_code == expected


def test_a_jwt_has_no_rate_limit_and_a_token_has_one(scene: Scene) -> None:
    assert not [name for name in scene.mint().headers if name.startswith("x-ratelimit")]
    answer = scene.call("GET", "/installation/repositories", token=scene.token())
    assert answer.headers["X-RateLimit-Limit"] == "5000"
    assert answer.headers["X-RateLimit-Remaining"] == "4999"


def test_a_used_up_rate_limit_refuses_until_its_reset(scene: Scene) -> None:
    token = scene.token()
    scene.github.exhaust_rate_limit(scene.installation, reset_in=30)
    answer = scene.call("GET", "/installation/repositories", token=token)
    assert message(answer) == (403, f"API rate limit exceeded for installation ID {scene.installation.id}.")
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    overview = scene.call("GET", "/rate_limit", token=token)
    assert overview.json()["rate"]["remaining"] == 0
    scene.github.clock(advance=31)
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 200


def test_a_token_lives_exactly_as_long_as_it_says(scene: Scene) -> None:
    scene.github.change_app(scene.app, installation_token_life=60)
    scene.github.clock(speed=0)
    token = scene.token()
    scene.github.clock(advance=59)
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 200
    scene.github.clock(advance=1)
    assert message(scene.call("GET", "/installation/repositories", token=token)) == (401, "Bad credentials")


def test_a_mint_is_an_hour_ahead_of_the_date_header(scene: Scene) -> None:
    answer = scene.mint()
    born = parsedate_to_datetime(answer.headers["Date"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    expires = answer.json()["expires_at"]
    assert (born[:10] <= expires[:10], born[13:], len(expires)) == (True, expires[13:], 20)


@pytest.mark.parametrize(
    ("wish", "dots"),
    [("enabled", 2), ("disabled", 0), ("anything", 2)],
)
def test_the_format_of_a_token_can_be_wished_for(scene: Scene, wish: str, dots: int) -> None:
    path = f"/app/installations/{scene.installation.id}/access_tokens"
    answer = scene.call("POST", path, headers={"X-GitHub-Stateless-S2S-Token": wish})
    assert answer.json()["token"].count(".") == dots


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"{", (400, "Problems parsing JSON"), id="cut-off"),
        pytest.param(b"[1]", (400, "Body should be a JSON object"), id="list"),
    ],
)
def test_a_mint_needs_a_json_object(scene: Scene, content: bytes, expected: tuple[int, str]) -> None:
    path = f"/app/installations/{scene.installation.id}/access_tokens"
    assert message(scene.call("POST", path, content=content)) == expected


def test_a_mint_without_body_has_everything(scene: Scene) -> None:
    path = f"/app/installations/{scene.installation.id}/access_tokens"
    answer = scene.call("POST", path)
    assert answer.status_code == 201
    assert "repositories" not in answer.json()


def test_a_narrowed_token_sees_no_more_than_it_was_narrowed_to(scene: Scene) -> None:
    token, account = scene.token(repositories=["website"]), scene.installation.account
    listed = scene.call("GET", "/installation/repositories", token=token).json()
    assert [repository["name"] for repository in listed["repositories"]] == ["website"]
    assert scene.call("GET", f"/repos/{account}/website", token=token).status_code == 200
    assert scene.call("GET", f"/repos/{account}/api", token=token).status_code == 404


def test_a_revoked_installation_token_is_dead(scene: Scene) -> None:
    token = scene.token()
    assert scene.call("DELETE", "/installation/token", token=token).status_code == 204
    assert message(scene.call("DELETE", "/installation/token", token=token)) == (401, "Bad credentials")


def test_suspension_stops_minting_and_using_until_it_is_taken_back(scene: Scene) -> None:
    token = scene.token()
    scene.github.suspend(scene.installation)
    assert message(scene.mint()) == (403, "This installation has been suspended")
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 403
    assert not scene.github.token_is_alive(sha256(token))
    scene.github.unsuspend(scene.installation)
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 200


def test_an_uninstalled_app_finds_nothing(scene: Scene) -> None:
    token = scene.token()
    scene.github.uninstall(scene.installation)
    assert message(scene.mint()) == (404, "Not Found")
    assert scene.call("GET", f"/orgs/{scene.installation.account}/installation").status_code == 404
    assert message(scene.call("GET", "/user", token=token)) == (401, "Bad credentials")


def test_a_permission_granted_later_can_be_had_then(scene: Scene) -> None:
    assert scene.mint(permissions={"actions": "read"}).status_code == 422
    scene.github.change_installation(scene.installation, permissions={"actions": "read"})
    assert scene.mint(permissions={"actions": "read"}).status_code == 201


def test_a_fresh_token_replicates_for_a_while(scene: Scene) -> None:
    scene.github.settings(replication_lag=5)
    token = scene.token()
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 401
    scene.github.clock(advance=5)
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 200


@pytest.mark.parametrize("offset", [-900, 900])
def test_a_clock_that_is_off_is_answered_with_githubs_claim_messages(scene: Scene, offset: int) -> None:
    token = scene.jwt()
    scene.github.clock(offset=offset)
    status, text = message(scene.call("GET", "/app", token=token))
    assert status == 401
    expected = "'Expiration time' claim ('exp') " + (
        "is too far in the future" if offset < 0 else "must be a numeric value"
    )
    assert text.startswith(expected)


def test_keys_overlap_rotate_and_disappear(scene: Scene) -> None:
    old = scene.jwt()
    scene.github.add_key(scene.app)
    assert scene.call("GET", "/app", token=old).status_code == 200
    scene.github.add_key(scene.app, keep_old=False)
    assert message(scene.call("GET", "/app", token=old)) == (401, "A JSON web token could not be decoded")
    scene.github.delete_key(scene.app)
    assert message(scene.call("GET", "/app", token=old)) == (401, "Integration must generate a public key")


def test_an_installation_token_is_no_jwt(scene: Scene) -> None:
    assert message(scene.call("GET", "/app", token=scene.token())) == (401, "A JSON web token could not be decoded")


def test_bad_logins_close_the_door_and_are_counted(scene: Scene) -> None:
    token = scene.token()
    scene.call("DELETE", "/installation/token", token=token)
    answers = [scene.call("GET", "/user", token=token).status_code for _ in range(11)]
    assert answers == [401] * 10 + [403]
    assert scene.github.ledger().guard_trips == 1


def test_long_lists_come_in_pages(scene: Scene) -> None:
    for number in range(4):
        scene.github.install(scene.app, f"more-{number}")
    first = scene.call("GET", "/app/installations?per_page=2")
    assert len(first.json()) == 2
    seen, links = first.json(), first.links
    while "next" in links:
        answer = scene.call("GET", links["next"]["url"].removeprefix(scene.simulator.api_url))
        seen, links = seen + answer.json(), answer.links
    assert len({installation["id"] for installation in seen}) == 5
    assert set(links) == {"prev", "first"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, 404), (422, 422)],
)
def test_deleting_an_unknown_token_is_refused_as_wished(scene: Scene, status: int, expected: int) -> None:
    scene.github.settings(unknown_token_deletion_status=status)
    assert scene.client_call("DELETE", "token", {"access_token": "ghu_unknown"}).status_code == expected


def test_a_reset_user_token_replaces_the_old_one_at_once(scene: Scene) -> None:
    pair = scene.sign_in()
    new = scene.client_call("PATCH", "token", {"access_token": pair.access_token}).json()["token"]
    assert [scene.github.token_is_alive(sha256(token)) for token in (pair.access_token, new)] == [False, True]
    assert scene.refresh(pair.refresh_token).json()["access_token"]
    assert not scene.github.token_is_alive(sha256(new))


def test_a_deleted_grant_needs_a_new_sign_in(scene: Scene) -> None:
    pair = scene.sign_in()
    assert scene.client_call("DELETE", "grant", {"access_token": pair.access_token}).status_code == 204
    assert scene.refresh(pair.refresh_token).json()["error"] == "bad_refresh_token"


def reported(scene: Scene, body: object, **headers: str) -> httpx.Response:
    return scene.http.post(f"{scene.simulator.api_url}/credentials/revoke", json=body, headers=headers)


def test_reported_credentials_of_a_user_die_one_by_one(scene: Scene) -> None:
    first, second = scene.sign_in(), scene.sign_in()
    installation_token = scene.token()
    answer = reported(
        scene, {"credentials": [first.access_token, second.refresh_token, installation_token, "ghu_unknown"]}
    )
    assert (answer.status_code, answer.json()) == (202, {})
    alive = [
        scene.github.token_is_alive(sha256(token or ""))
        for token in (
            first.access_token,
            first.refresh_token,
            second.access_token,
            second.refresh_token,
            installation_token,
        )
    ]
    assert alive == [False, True, True, False, True]
    assert scene.refresh(second.refresh_token).json()["error"] == "bad_refresh_token"


def test_nobody_who_is_known_may_report_credentials(scene: Scene) -> None:
    pair = scene.sign_in()
    for authorization in (f"Bearer {pair.access_token}", f"Bearer {scene.jwt()}", "Basic eDp5", "nonsense"):
        answer = reported(scene, {"credentials": [pair.access_token]}, Authorization=authorization)
        assert answer.status_code == 403
    assert scene.github.token_is_alive(sha256(pair.access_token))


@pytest.mark.parametrize(
    "body",
    [{}, {"credentials": []}, {"credentials": "ghu_x"}, {"credentials": [1]}, {"credentials": ["ghu_x"] * 1001}],
    ids=["absent", "empty", "no-list", "no-strings", "too-many"],
)
def test_reports_of_another_shape_are_refused(scene: Scene, body: dict[str, object]) -> None:
    assert reported(scene, body).status_code == 422


def test_an_enterprise_server_has_its_own_paths_tokens_and_no_rate_limit(ghes_scene: Scene) -> None:
    assert ghes_scene.simulator.api_url == ghes_scene.simulator.web_url + "/api/v3"
    token = ghes_scene.token()
    assert re.fullmatch(r"ghs_[A-Za-z0-9]{36}", token)
    answer = ghes_scene.call("GET", "/installation/repositories", token=token)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
    assert ghes_scene.mint().json()["permissions"]["metadata"] == "read"
    assert ghes_scene.refresh(ghes_scene.sign_in().refresh_token).json()["token_type"] == "bearer"


def test_addresses_in_documents_lead_back_to_the_simulator(scene: Scene) -> None:
    document: dict[str, Any] = scene.call("GET", "/app/installations").json()[0]
    path = document["access_tokens_url"].removeprefix(scene.simulator.api_url)
    assert scene.call("POST", path).status_code == 201
