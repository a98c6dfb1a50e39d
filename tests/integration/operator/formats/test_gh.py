"""Real gh: `hosts.yml` and environment variables, on a GitHub Enterprise Server with a private CA."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.integration.operator.conftest import World
    from tests.integration.operator.formats.conftest import Pod

CONFIG = 'version: "1"\n'
"""With this `config.yml` beside it, gh 2.40 and later find nothing to migrate, which they could not write."""


@pytest.fixture
def published(enterprise: World, pod: Pod, needs: Callable[..., None]) -> dict[str, str]:
    """The keys of a Secret with everything for gh, mounted to the pod."""
    needs("gh")
    world = enterprise
    app = world.register()
    world.install(app)
    world.app_secret(app)
    ca = (world.simulator.ca or "").encode()
    world.github_app(app, caBundle=b64encode(ca).decode())
    world.installation_token(secret={"formats": ["GHHosts", "Env"], "data": {"config.yml": CONFIG}})
    world.wait_ready()
    (pod.home / "ca.pem").write_bytes(ca)
    return pod.mount(world, "ci")


def test_gh_calls_the_api_with_hosts_yml_alone(enterprise: World, published: dict[str, str], pod: Pod) -> None:
    before = {path.name: path.read_text() for path in pod.home.iterdir()}
    env = {"GH_CONFIG_DIR": pod.home, "SSL_CERT_FILE": pod.home / "ca.pem"}
    answer = json.loads(pod.output("gh", "api", "installation/repositories", env=env))
    assert {item["name"] for item in answer["repositories"]} == {"website", "api"}
    (host,) = yaml.safe_load(published["hosts.yml"])
    assert host == enterprise.simulator.web_url.removeprefix("https://")
    assert pod.output("gh", "auth", "token", "--hostname", host, env=env).strip() == published["token"]
    asked = f"protocol=https\nhost={host}\n\n"
    filled = pod.output("gh", "auth", "git-credential", "get", stdin=asked, env=env)
    assert set(filled.splitlines()) >= {"username=x-access-token", f"password={published['token']}"}
    assert {path.name: path.read_text() for path in pod.home.iterdir() if path.is_file()} == before


def test_gh_calls_the_api_with_environment_variables_alone(published: dict[str, str], pod: Pod) -> None:
    variables = {key: published[key] for key in ("GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GH_HOST")}
    env: dict[str, str | Path] = {"GH_CONFIG_DIR": pod.home / "empty", "SSL_CERT_FILE": pod.home / "ca.pem"}
    answer = json.loads(pod.output("gh", "api", "installation/repositories", env=env | variables))
    assert answer["total_count"] == 2
    assert pod.run("gh", "api", "installation/repositories", env=env).returncode != 0
