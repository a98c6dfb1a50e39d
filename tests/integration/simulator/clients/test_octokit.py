"""octokit works against the simulator as it does against GitHub; skipped where node is not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import sha256
from tests.integration.simulator.clients.signing import signed_elsewhere

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Scene

SOURCES = Path(__file__).with_name("octokit")
NODE, NPM = shutil.which("node"), shutil.which("npm")
OLDEST_NODE = 20


def node_is_missing() -> str | None:
    """Why these tests cannot run here; None where they can."""
    if NODE is None or NPM is None:
        return "octokit needs node and npm, which are not on PATH"
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = int(version.removeprefix("v").partition(".")[0])
    return None if major >= OLDEST_NODE else f"octokit needs node {OLDEST_NODE} or newer, this is {version}"


MISSING = node_is_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")


@pytest.fixture(scope="session")
def octokit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with octokit, installed from the lock file."""
    folder = tmp_path_factory.mktemp("octokit")
    for name in ("package.json", "package-lock.json", ".npmrc", "cases.mjs"):
        shutil.copy(SOURCES / name, folder / name)
    installed = subprocess.run(
        [NPM or "", "ci", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    return folder


def run(octokit: Path, case: str, scene: Scene, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    told = {
        "apiUrl": scene.simulator.api_url,
        "controlUrl": scene.simulator.addresses.control_url,
        "appId": scene.app.id,
        "privateKey": scene.app.private_key,
        "clientId": scene.app.client_id,
        "clientSecret": scene.app.client_secret,
        "installationId": scene.installation.id,
        **more,
    }
    done = subprocess.run(
        [NODE or "", "cases.mjs", case],
        cwd=octokit,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


@pytest.fixture(params=["combined_scene", "ghes_scene"])
def shown(request: pytest.FixtureRequest) -> Scene:
    """octokit derives the web host from the API's address, so both must be on one port."""
    scene: Scene = request.getfixturevalue(request.param)
    return scene


def test_an_app_sees_itself(octokit: Path, shown: Scene) -> None:
    assert run(octokit, "app", shown) == {"slug": shown.app.slug}


async def test_a_jwt_that_a_service_signed_is_accepted(octokit: Path, shown: Scene) -> None:
    jwt = await signed_elsewhere(shown.app)
    seen = run(octokit, "signedElsewhere", shown, jwt=jwt, privateKey=None)
    assert seen["slug"] == shown.app.slug
    assert shown.github.token_is_alive(sha256(seen["token"]))


def test_a_clock_that_is_off_is_mended_once_from_the_date_header(octokit: Path, combined_scene: Scene) -> None:
    combined_scene.github.clock(offset=-900)
    assert run(octokit, "app", combined_scene) == {"slug": combined_scene.app.slug}
    assert [request.status for request in combined_scene.github.ledger().of("get_app")] == [401, 200]


def test_an_installation_token_is_minted_and_cached(octokit: Path, shown: Scene) -> None:
    minted = run(octokit, "installation", shown)
    assert minted["cached"]
    assert minted["permissions"] == {"contents": "read", "metadata": "read"}
    assert minted["repositoryNames"] == ["website"]
    assert shown.github.token_is_alive(sha256(minted["token"]))


def test_a_fresh_token_that_is_not_everywhere_yet_is_tried_again(octokit: Path, combined_scene: Scene) -> None:
    combined_scene.github.settings(replication_lag=1)
    assert run(octokit, "repositories", combined_scene) == {"names": ["api", "website"]}
    statuses = [request.status for request in combined_scene.github.ledger().of("installation_repositories")]
    assert (statuses[0], statuses[-1]) == (401, 200)


def test_the_device_flow_ends_with_a_pair(octokit: Path, shown: Scene) -> None:
    signed_in = run(octokit, "device", shown)
    assert signed_in["token"].startswith("ghu_")
    assert signed_in["refreshToken"].startswith("ghr_")


def test_a_refresh_token_is_spent_once(octokit: Path, shown: Scene) -> None:
    pair = shown.sign_in()
    refreshed = run(octokit, "refresh", shown, refreshToken=pair.refresh_token)
    assert refreshed["refreshToken"] != pair.refresh_token
    again = run(octokit, "refresh", shown, refreshToken=pair.refresh_token)
    assert again["status"] == 400
    assert "bad_refresh_token" in again["message"]


def test_a_code_of_the_web_flow_is_exchanged(octokit: Path, shown: Scene) -> None:
    exchanged = run(octokit, "exchange", shown, code=shown.github.web_code(shown.app, "alice"))
    assert exchanged["token"].startswith("ghu_")
    assert exchanged["expiresAt"] < exchanged["refreshTokenExpiresAt"]


def test_tokens_are_checked_reset_and_deleted(octokit: Path, shown: Scene) -> None:
    outcome = run(octokit, "tokens", shown, accessToken=shown.sign_in().access_token)
    assert outcome == {"login": "alice", "changed": True, "deleted": 204}
