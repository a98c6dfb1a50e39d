"""Real git: `.git-credentials`, `.netrc`, and a user name with a password, each enough for a clone over smart HTTP."""

from __future__ import annotations

import os
import subprocess
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

if TYPE_CHECKING:
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds


class GitServer(ThreadingHTTPServer):
    """Serves repositories as GitHub does: to whoever shows a token that the simulator accepts."""

    def __init__(self, root: Path, accepts: Callable[[str], bool]) -> None:
        super().__init__(("127.0.0.1", 0), GitRequest)
        self.root = root
        self.accepts = accepts
        self.users: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class GitRequest(BaseHTTPRequestHandler):
    """One request, answered by git's own CGI program behind Basic authentication."""

    server: GitServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        credentials = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        user, _, password = credentials.partition(":")
        if not password or not self.server.accepts(password):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.users.add(user)
        parts = urlsplit(self.path)
        cgi = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": user,
        }
        output = subprocess.run(["git", "http-backend"], input=body, env=cgi, capture_output=True, check=True).stdout
        head, _, payload = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


@pytest.fixture
def git(world: World, pod: Pod, needs: Callable[..., None], tmp_path: Path) -> Iterator[GitServer]:
    """A server with the repository `<account>/website`, whose one file says "hello"."""
    needs("git")
    source, bare = tmp_path / "source", tmp_path / "root" / world.account / "website"
    pod.output("git", "init", "--quiet", source)
    (source / "README").write_text("hello")
    author = ("-c", "user.name=octocat", "-c", "user.email=octocat@example.com")
    pod.output("git", "-C", source, "add", "README")
    pod.output("git", "-C", source, *author, "commit", "--quiet", "--message=first")
    pod.output("git", "clone", "--quiet", "--bare", source, bare)

    def accepts(token: str) -> bool:
        shown = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{world.simulator.api_url}/installation/repositories", headers=shown).is_success

    with GitServer(tmp_path / "root", accepts) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def publish(world: World, server: GitServer, **secret: object) -> None:
    """A token of an App whose web host is the git server."""
    app = world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, webURL=server.url)
    world.token(
        "ci",
        {"appRef": {"name": "acme"}, "installation": {"repository": f"{world.account}/website"}, "secret": secret},
    )
    world.wait_ready()


STORE = ("-c", "credential.helper=store")
"""git's own store reads `.git-credentials` in HOME."""


def test_git_fills_its_credentials_from_the_store(world: World, git: GitServer, pod: Pod) -> None:
    publish(world, git, formats=["GitCredentials"])
    data = pod.mount(world, "ci")
    protocol, _, host = git.url.partition("://")
    asked = f"protocol={protocol}\nhost={host}\n\n"
    filled = pod.output("git", *STORE, "credential", "fill", stdin=asked)
    assert set(filled.splitlines()) >= {"username=x-access-token", f"password={data['token']}"}
    elsewhere = pod.run("git", *STORE, "credential", "fill", stdin="protocol=https\nhost=example.com\n\n")
    assert elsewhere.returncode != 0, "the token is for its host alone"


@pytest.mark.parametrize(
    ("name", "options"),
    [pytest.param("GitCredentials", STORE, id="GitCredentials"), pytest.param("Netrc", (), id="Netrc")],
)
def test_git_clones_with_the_file_in_its_home(
    world: World, git: GitServer, pod: Pod, name: str, options: tuple[str, ...]
) -> None:
    publish(world, git, formats=[name])
    clone = ("git", *options, "clone", "--quiet", f"{git.url}/{world.account}/website", "website")
    assert pod.run(*clone).returncode != 0, "without the file nothing is served"
    pod.mount(world, "ci")
    pod.output(*clone)
    assert (pod.home / "website" / "README").read_text() == "hello"
    assert git.users == {"x-access-token"}


GET_ONLY = '!f() { test "$1" = get && exec git credential-store --file=FOLDER/.git-credentials get; }; f'
"""The helper of docs/formats.md: git's store, which is never asked to write."""


@pytest.mark.parametrize(
    ("helper", "complains"),
    [
        pytest.param("store --file=FOLDER/.git-credentials", True, id="the store says that it cannot write"),
        pytest.param(GET_ONLY, False, id="a helper that only gets says nothing"),
    ],
)
def test_git_clones_with_a_mounted_file(
    world: World, git: GitServer, pod: Pod, helper: str, *, complains: bool
) -> None:
    publish(world, git, formats=["GitCredentials"])
    folder = pod.mount_read_only(world, "ci")
    before = (folder / ".git-credentials").read_text()
    option = f"credential.helper={helper.replace('FOLDER', str(folder))}"
    url = f"{git.url}/{world.account}/website"
    done = pod.run_mounted(folder, "git", "-c", option, "clone", "--quiet", url, "website")
    assert done.returncode == 0, done.stderr
    assert ("unable to get credential storage lock" in done.stderr) == complains, done.stderr
    assert (pod.home / "website" / "README").read_text() == "hello"
    assert (folder / ".git-credentials").read_text() == before


def test_git_finds_no_token_for_another_user_in_the_url(world: World, git: GitServer, pod: Pod) -> None:
    publish(world, git, formats=["GitCredentials"])
    pod.mount(world, "ci")
    url = f"{git.url}/{world.account}/website".replace("://", "://git@")
    refused = pod.run("git", *STORE, "ls-remote", url)
    assert refused.returncode != 0
    assert "could not read Password" in refused.stderr


@pytest.mark.parametrize("formats", [["BasicAuth"], ["ArgoCDRepository"]], ids=["BasicAuth", "ArgoCDRepository"])
def test_git_takes_user_name_and_password(world: World, git: GitServer, pod: Pod, formats: list[str]) -> None:
    """As Flux, Tekton and Argo CD pass them on."""
    publish(world, git, formats=formats)
    data = pod.mount(world, "ci")
    helper = '!f() { echo "username=$(cat "$HOME/username")"; echo "password=$(cat "$HOME/password")"; }; f'
    url = data.get("url", f"{git.url}/{world.account}/website")
    assert url == f"{git.url}/{world.account}/website"
    listed = pod.output("git", "-c", f"credential.helper={helper}", "ls-remote", url, "HEAD")
    assert listed.split()[1] == "HEAD"
    assert git.users == {"x-access-token"}


def test_argo_cd_gets_what_its_documentation_asks_for(world: World, git: GitServer) -> None:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories"""
    publish(world, git, formats=["ArgoCDRepository"], labels={"team": "web"})
    secret = world.get("Secret", "ci") or {}
    data = world.data("ci")
    assert secret["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repository"
    assert {key: data[key] for key in ("type", "url", "username", "password")} == {
        "type": "git",
        "url": f"{git.url}/{world.account}/website",
        "username": "x-access-token",
        "password": data["token"],
    }
