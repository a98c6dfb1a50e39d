from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import ControlFailedError, sha256

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene

EXPIRATION = "GitHub-Authentication-Token-Expiration"
DAY = 86400.0


def test_every_answer_to_a_personal_token_tells_its_expiry(scene: Scene) -> None:
    scene.github.clock(speed=0)
    token = scene.github.create_personal_token("alice", kind="fine-grained", life=DAY)
    expires = datetime.fromtimestamp(int(scene.github.clock().now), UTC) + timedelta(days=1)
    for path in ("/user", f"/repos/{scene.installation.account}/website", "/rate_limit"):
        answer = scene.call("GET", path, token=token)
        assert answer.status_code == 200
        assert answer.headers[EXPIRATION] == expires.strftime("%Y-%m-%d %H:%M:%S UTC")
        assert "X-OAuth-Scopes" not in answer.headers
    assert scene.call("GET", "/user", token=token).json()["login"] == "alice"


def test_some_users_are_told_the_expiry_in_their_own_zone(scene: Scene) -> None:
    told = [
        scene.call("GET", "/user", token=scene.github.create_personal_token("alice", life=DAY, utc_offset=offset))
        for offset in (0, 1, -8)
    ]
    shown = [answer.headers[EXPIRATION].rpartition(" ") for answer in told]
    assert [zone for *_, zone in shown] == ["UTC", "+0100", "-0800"]
    times = [datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for text, _, _ in shown]
    assert abs(times[1] - times[0] - timedelta(hours=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("kind", ["classic", "legacy"])
def test_a_classic_token_without_expiry_tells_its_scopes_alone(scene: Scene, kind: str) -> None:
    token = scene.github.create_personal_token("alice", kind=kind, scopes=["repo", "read:org"])
    answer = scene.call("GET", "/user", token=token)
    assert answer.headers["X-OAuth-Scopes"] == "repo, read:org"
    assert EXPIRATION not in answer.headers


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_dead_personal_token_is_a_bad_credential(scene: Scene, end: str) -> None:
    token = scene.github.create_personal_token("alice", life=DAY)
    assert scene.github.token(sha256(token)).alive
    if end == "revoked":
        scene.github.revoke_personal_token(token)
    else:
        scene.github.clock(advance=DAY)
    answer = scene.call("GET", "/user", token=token)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
    assert EXPIRATION not in answer.headers
    assert not scene.github.token(sha256(token)).alive


def test_a_personal_token_is_no_installations(scene: Scene) -> None:
    token = scene.github.create_personal_token("alice")
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 403


def test_a_personal_token_takes_from_its_users_budget(scene: Scene) -> None:
    first, second = (scene.github.create_personal_token("carol") for _ in range(2))
    scene.call("GET", "/user", token=first)
    assert scene.call("GET", "/user", token=second).headers["X-RateLimit-Remaining"] == "4998"


@pytest.mark.parametrize("body", [{"kind": "other"}, {"life": "x"}, {"color": 1}], ids=["kind", "life", "field"])
def test_a_wrong_personal_token_is_refused(scene: Scene, body: dict[str, object]) -> None:
    with pytest.raises(ControlFailedError, match="422"):
        scene.github.call("POST", "/personal-tokens", {"user": "alice", **body})
