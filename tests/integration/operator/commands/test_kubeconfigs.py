"""Kubeconfigs as kubectl takes them: plugins that sign in, somebody else's rights, SOCKS, names, and token files.

Each is held against the real kubectl as well, with the same file.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.integration.operator.command_line import BIN, Commands, Ended
from tests.integration.operator.listeners import pump

if TYPE_CHECKING:
    from localcluster import Binaries, ControlPlane
    from tests.integration.operator.stage.world import World

GITHUBTOKEN = str(BIN / "githubtoken")
VERSION = "client.authentication.k8s.io/v1"


class Socks(ThreadingTCPServer):
    """A SOCKS 5 proxy without a password (RFC 1928), and the names that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SocksRequest)
        self.asked: list[str] = []


class SocksRequest(BaseRequestHandler):
    """CONNECT to a name, which the proxy resolves to loopback."""

    server: Socks
    request: socket.socket

    def handle(self) -> None:
        stream = self.request.makefile("rb")
        _, methods = stream.read(2)
        stream.read(methods)
        self.request.sendall(b"\x05\x00")
        *_, kind = stream.read(4)
        host = stream.read(stream.read(1)[0] if kind == 3 else 4)
        (port,) = struct.unpack("!H", stream.read(2))
        self.server.asked.append(host.decode() if kind == 3 else socket.inet_ntoa(host))
        try:
            found = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            self.request.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return
        with found as upstream:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            there = threading.Thread(target=pump, args=(self.request, upstream))
            there.start()
            pump(upstream, self.request)
            there.join()


@pytest.fixture
def socks() -> Iterator[Socks]:
    with Socks() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Shell:
    """A terminal with one kubeconfig: of the administrator, but for what `user` and `cluster` say."""

    def __init__(self, world: World, binaries: Binaries, folder: Path) -> None:
        self._world = world
        self._kubectl = str(binaries.kubectl)
        self.path = folder / "config"
        self.plane: ControlPlane = world.cluster.control_plane

    def write(self, user: dict[str, Any], **cluster: Any) -> None:  # noqa: ANN401 - any field
        found = json.loads(self.plane.kubeconfig.read_text())
        found["clusters"][0]["cluster"] |= cluster
        found["users"][0]["user"] = user
        self.path.write_text(json.dumps(found))

    def githubtoken(self, *arguments: str) -> Ended:
        return Commands(self.path, self._world.namespace).run(GITHUBTOKEN, *arguments)

    def kubectl(self) -> Ended:
        return Commands(self.path, self._world.namespace).run(self._kubectl, "get", "ght", "--output=name")

    def both_list(self) -> str:
        """Both see the token; what githubtoken says on standard error."""
        listed, seen = self.githubtoken("list"), self.kubectl()
        assert (listed.code, seen.code) == (0, 0), listed.err + seen.err
        assert (listed.out.split()[7], seen.out) == ("ci", "githubtoken.githubtoken.dev/ci\n")
        return listed.err


@pytest.fixture
def shell(world: World, binaries: Binaries, tmp_path: Path) -> Shell:
    world.ready_token()
    return Shell(world, binaries, tmp_path)


def plugin(folder: Path, *lines: str) -> dict[str, Any]:
    """A user whose plugin runs these lines, and prints what is in the file `token`."""
    program = folder / "plugin"
    status = '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "%s"}}'
    script = ["#!/bin/sh", *lines, f"printf '{status}' {VERSION} \"$(cat {folder}/token)\""]
    program.write_text("\n".join(script))
    program.chmod(0o700)
    return {"exec": {"apiVersion": VERSION, "command": "./plugin", "interactiveMode": "IfAvailable"}}


def test_a_plugin_signs_in_and_its_prompt_is_shown(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(shell.plane.token)
    shell.write(plugin(tmp_path, "echo 'open https://login.example and enter ABCD' >&2"))
    assert shell.both_list() == "open https://login.example and enter ABCD\n"


def test_a_plugin_that_fails_ends_the_command(shell: Shell, tmp_path: Path) -> None:
    shell.write(plugin(tmp_path, "echo 'the session expired: run aws sso login' >&2", "exit 255"))
    ended = shell.githubtoken("list")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        "the session expired: run aws sso login",
        f"Error: the kubeconfig's plugin `{tmp_path}/plugin` failed with exit code 255: see what it said above",
    ]
    assert shell.kubectl().code == 1


def test_a_plugins_token_that_is_refused_is_got_anew(shell: Shell, tmp_path: Path) -> None:
    """The first answer is the one of a cache, which the plugin drops when it is asked again."""
    (tmp_path / "token").write_text("old")
    (tmp_path / "new").write_text(shell.plane.token)
    shell.write(
        plugin(tmp_path, f"[ ! -e {tmp_path}/asked ] || cp {tmp_path}/new {tmp_path}/token", f"touch {tmp_path}/asked")
    )
    assert shell.githubtoken("list").code == 0


def test_requests_are_made_as_whom_the_kubeconfig_says(world: World, shell: Shell) -> None:
    may_read = {"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens"], "verbs": ["get", "list"]}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "viewers", "namespace": world.namespace}}
    shell.plane.apply({**rbac, "kind": "Role", "rules": [may_read]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewers"}
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "viewers"}
    shell.plane.apply({**rbac, "kind": "RoleBinding", "roleRef": reference, "subjects": [group]})
    shell.write({"token": shell.plane.token, "as": "alice", "as-groups": ["others", "viewers"]})
    shell.both_list()
    refused = shell.githubtoken("refresh", "ci")
    assert refused.code == 1
    assert 'User "alice" cannot patch resource "githubtokens"' in refused.err
    shell.write({"token": shell.plane.token, "as": "alice"})
    assert 'User "alice" cannot list resource "githubtokens"' in shell.githubtoken("list").err
    run = Commands(shell.path).run(GITHUBTOKEN, "run")
    assert "the kubeconfig acts as `alice`, which the operator cannot" in run.err


def test_a_socks_proxy_is_gone_through_and_resolves_the_names(shell: Shell, socks: Socks) -> None:
    port = urlsplit(shell.plane.server).port
    proxy = f"socks5://127.0.0.1:{socks.server_address[1]}"
    shell.write({"token": shell.plane.token}, server=f"https://kubernetes:{port}", **{"proxy-url": proxy})
    shell.both_list()
    assert set(socks.asked) == {"kubernetes"}


def test_a_socks_proxy_that_is_not_there_is_told(shell: Shell, socks: Socks) -> None:
    proxy = f"socks5://127.0.0.1:{socks.server_address[1]}"
    shell.write({"token": shell.plane.token}, server="https://kubernetes:1", **{"proxy-url": proxy})
    refused = shell.githubtoken("list")
    assert refused.code == 1
    assert "the API server cannot be reached at https://kubernetes:1" in refused.err
    assert len(refused.err.splitlines()) == 1
    socks.server_close()
    assert "the API server cannot be reached at https://kubernetes:1" in shell.githubtoken("list").err


def test_the_certificates_name_is_the_one_that_the_kubeconfig_says(shell: Shell) -> None:
    shell.write({"token": shell.plane.token}, **{"tls-server-name": "elsewhere.example"})
    assert "cannot be reached" in shell.githubtoken("list").err
    assert shell.kubectl().code == 1
    shell.write({"token": shell.plane.token}, **{"tls-server-name": "kubernetes"})
    shell.both_list()


def test_a_token_file_may_end_in_a_newline(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{shell.plane.token}\n")
    shell.write({"tokenFile": "token"})
    shell.both_list()
