"""Real gh, in the versions that people run: its files and its environment variables.

gh 2.40 to 2.100 migrate what they find, others do not. Debian's is of before, those of PyPI are pinned in `tools/gh`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from github_simulator.process import SimulatorProcess
from localcluster.build import cache_root
from tests.conftest import REPOSITORY
from tests.integration.operator.listeners import Listener, Proxy, listening
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

LOCKS: Final = REPOSITORY / "tools" / "gh"


def provide_gh(lock: Path) -> Path | None:
    """The program that the lock file pins, from the cache or else from PyPI; None where it cannot be had."""
    folder = cache_root(os.environ) / f"gh-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    program = folder / "bin" / "gh"
    if not program.exists():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        install += ["--require-hashes", "--requirement", str(lock), "--target", str(unfinished)]
        if subprocess.run(install, capture_output=True, check=False).returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            return None
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return program


@pytest.fixture(params=["of PATH", *sorted(lock.stem for lock in LOCKS.glob("*.lock"))])
def gh(request: pytest.FixtureRequest) -> Path:
    """One version of gh."""
    version = str(request.param)
    found = shutil.which("gh") if version == "of PATH" else provide_gh(LOCKS / f"{version}.lock")
    if found is None:
        pytest.skip(f"gh {version} is missing: run `make programs` as root on Debian, or let pip reach PyPI")
    return Path(found)


@pytest.fixture(scope="module")
def github_com() -> Iterator[tuple[SimulatorProcess, Listener]]:
    """A simulator in github.com's place, for whoever goes through the proxy beside it and trusts its CA."""
    with SimulatorProcess("--tls", "--host-name", "api.github.com") as simulator, listening(Proxy) as proxy:
        proxy.routes["api.github.com:443"] = urlsplit(simulator.api_url).port or 0
        yield simulator, proxy


@dataclass(frozen=True, slots=True)
class Published:
    """A Secret with everything for gh, mounted, and what a pod would tell gh about its network."""

    keys: Mapping[str, str]
    folder: Path
    network: Mapping[str, str | Path]


@pytest.fixture
def published(
    cluster: Cluster,
    github_com: tuple[SimulatorProcess, Listener],
    operator: OperatorProcess,
    namespace: str,
    pod: Pod,
) -> Iterator[Published]:
    simulator, proxy = github_com
    ca = (simulator.ca or "").encode()
    with world_in(cluster, simulator, operator, namespace) as world:
        app = world.register()
        world.install(app)
        world.app_secret(app)
        loopback = f"https://127.0.0.1:{urlsplit(simulator.api_url).port}"
        world.github_app(app, apiURL=loopback, webURL="https://github.com", caBundle=b64encode(ca).decode())
        world.installation_token(secret={"formats": ["GHHosts", "Env"]})
        world.wait_ready()
        (pod.home / "ca.pem").write_bytes(ca)
        network: dict[str, str | Path] = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": pod.home / "ca.pem"}
        yield Published(world.data("ci"), pod.mount_read_only(world, "ci"), network)


def test_gh_calls_the_api_with_its_files_alone(published: Published, pod: Pod, gh: Path) -> None:
    env = {"GH_CONFIG_DIR": published.folder, **published.network}

    def call(*arguments: str) -> str:
        done = pod.run_mounted(published.folder, gh, *arguments, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    answer = json.loads(call("api", "installation/repositories"))
    assert {item["name"] for item in answer["repositories"]} == {"website", "api"}
    assert call("auth", "token").strip() == published.keys["token"]
    assert call("config", "get", "git_protocol", "--host", "github.com").strip() == "https"


def test_gh_gives_git_the_token(published: Published, pod: Pod, gh: Path) -> None:
    asked = "protocol=https\nhost=github.com\n\n"
    filled = pod.output(gh, "auth", "git-credential", "get", stdin=asked, env={"GH_CONFIG_DIR": published.folder})
    assert set(filled.splitlines()) >= {"username=x-access-token", f"password={published.keys['token']}"}


def test_gh_calls_the_api_with_environment_variables_alone(published: Published, pod: Pod, gh: Path) -> None:
    env: dict[str, str | Path] = {"GH_CONFIG_DIR": pod.home / "empty", **published.network}
    variables = {key: published.keys[key] for key in ("GITHUB_TOKEN", "GH_TOKEN")}
    answer = json.loads(pod.output(gh, "api", "installation/repositories", env=env | variables))
    assert answer["total_count"] == 2
    assert pod.run(gh, "api", "installation/repositories", env=env).returncode != 0


def test_gh_calls_an_enterprise_server_with_environment_variables_alone(enterprise: World, pod: Pod, gh: Path) -> None:
    """Of a server with a port gh reads no file since 2.100, but the variables; earlier ones read both."""
    world = enterprise
    app = world.register()
    world.install(app)
    world.app_secret(app)
    ca = (world.simulator.ca or "").encode()
    world.github_app(app, caBundle=b64encode(ca).decode())
    world.installation_token(secret={"formats": ["Env"]})
    world.wait_ready()
    (pod.home / "ca.pem").write_bytes(ca)
    keys = world.data("ci")
    variables = {key: keys[key] for key in ("GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GH_HOST")}
    env: dict[str, str | Path] = {"GH_CONFIG_DIR": pod.home / "empty", "SSL_CERT_FILE": pod.home / "ca.pem"}
    answer = json.loads(pod.output(gh, "api", "installation/repositories", env=env | variables))
    assert answer["total_count"] == 2
