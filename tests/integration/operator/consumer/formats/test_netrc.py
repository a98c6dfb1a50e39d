"""Real readers of `.netrc` beside curl and git: of a server with a port, Python looks the host up, go host and port."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from github_simulator.tls import server_context

if TYPE_CHECKING:
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

MODULE = "github.test/acme/lib"


class ModuleProxy(ThreadingHTTPServer):
    """A proxy of Go modules that knows one version, over TLS, and what users it was asked by."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Versions)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.authorizations: set[str] = set()


class Versions(BaseHTTPRequestHandler):
    """Answers whoever shows a user and a password (https://go.dev/ref/mod#goproxy-protocol)."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization")
        answers = {"list": "v1.0.0\n", "v1.0.0.info": '{"Version": "v1.0.0"}', "v1.0.0.mod": f"module {MODULE}\n"}
        body = answers.get(self.path.rpartition("/")[2], "").encode()
        self.send_response(200 if shown and body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if shown and isinstance(self.server, ModuleProxy):
            self.server.authorizations.add(shown)


@contextmanager
def module_proxy(folder: Path) -> Iterator[ModuleProxy]:
    """A running proxy whose CA is in `folder`."""
    context, ca = server_context(("127.0.0.1",))
    (folder / "ca.pem").write_text(ca)
    with ModuleProxy(context) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def publish(world: World, web_url: str) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, webURL=web_url)
    world.installation_token(secret={"formats": ["Netrc"]})
    world.wait_ready()


def test_go_shows_the_token_to_a_host_with_a_port(world: World, pod: Pod, needs: Callable[..., None]) -> None:
    needs("go")
    with module_proxy(pod.home) as server:
        url = f"https://127.0.0.1:{server.server_port}"
        publish(world, url)
        data = pod.mount(world, "ci")
        env: dict[str, str | Path] = {
            "GOPROXY": url, "GONOSUMDB": "*", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOAUTH": "netrc",
            "SSL_CERT_FILE": pod.home / "ca.pem", "GOPATH": pod.home / "go", "GOCACHE": pod.home / "cache",
        }  # fmt: skip
        assert pod.output("go", "list", "-m", "-versions", MODULE, env=env) == f"{MODULE} v1.0.0\n"
    user = b64encode(f"x-access-token:{data['token']}".encode()).decode()
    assert server.authorizations == {f"Basic {user}"}


def test_python_finds_the_token_of_a_host_whatever_its_port(world: World, pod: Pod) -> None:
    publish(world, f"https://127.0.0.1:{urlsplit(world.simulator.web_url).port}")
    data = pod.mount(world, "ci")
    look = "import json, netrc; print(json.dumps(netrc.netrc('.netrc').authenticators('127.0.0.1')))"
    assert json.loads(pod.output(sys.executable, "-c", look)) == ["x-access-token", "", data["token"]]
