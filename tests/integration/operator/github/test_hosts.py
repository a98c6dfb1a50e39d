"""Other GitHubs than github.com: which of them are talked to, by which way, and whom they must prove to be.

The operator of this module may talk to `localhost` and the names of `test` beside GitHub's own hosts, and reaches what
is not loopback through a proxy with a password, except what `NO_PROXY` spares. No name is resolved but by that proxy.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.process import SimulatorProcess
from localcluster.operator_process import OperatorProcess, running_operator
from tests.integration.operator.listeners import Listener, Proxy, Stranger, listening
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.world import World, world_in

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("hosts")

PASSWORD = "open-sesame-0123456789"
NO_PROXY = "127.0.0.1, direct.test,.below.test,*.starred.test:8443,192.0.2.0/24,[2001:db8::7]:8443"

InWorld = Callable[[SimulatorProcess], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Listener]:
    with listening(Proxy) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def operator_apart(
    rights: Path, proxy: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    flags = ("--allowed-hosts", "localhost,*.test,198.51.100.7,2001:db8::7", "--log-level", "debug")
    environment = {"HTTPS_PROXY": proxy.url.replace("://", f"://robot:{PASSWORD}@"), "NO_PROXY": NO_PROXY}
    log = tmp_path_factory.mktemp("hosts") / "log"
    with running_operator(rights, log, *flags, environment=environment) as operator:
        yield operator


@pytest.fixture
def world_at(cluster_apart: Cluster, operator_apart: OperatorProcess) -> InWorld:
    """A world whose Apps are at some simulator."""

    @contextmanager
    def at(simulator: SimulatorProcess) -> Iterator[World]:
        with (
            new_namespace(cluster_apart) as name,
            world_in(cluster_apart, simulator, operator_apart, name) as world,
        ):
            yield world
        assert "Traceback" not in world.log(), "the log has a traceback"

    return at


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorProcess]:
    """A GitHub Enterprise Server with a certificate of a private CA."""
    with SimulatorProcess("--ghes", "--tls") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def behind_the_proxy() -> Iterator[SimulatorProcess]:
    """A subdomain of ghe.com, which only the proxy can find."""
    with SimulatorProcess("--tls", "--host-name", "api.acme.ghe.com") as simulator:
        yield simulator


def by_name(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


def bundle(simulator: SimulatorProcess) -> str:
    assert simulator.ca is not None
    return base64.b64encode(simulator.ca.encode()).decode()


def port_of(url: str) -> int:
    return int(url.split("/")[2].rpartition(":")[2])


def serve(world: World, **spec: Any) -> None:  # noqa: ANN401 - fields of the spec
    """An App on `localhost`, or where the spec says, and an installation token of it."""
    app = world.register()
    world.install(app)
    world.app_secret(app)
    here = {"apiURL": by_name(world.simulator.api_url), "webURL": by_name(world.simulator.web_url)}
    world.github_app(app, **{**here, **spec})
    world.installation_token()


# --- Enterprise Servers ----------------------------------------------------------------------------------------------


def test_an_enterprise_server_with_a_private_ca_is_served(world_at: InWorld, server: SimulatorProcess) -> None:
    assert server.api_url.endswith("/api/v3")
    with world_at(server) as world:
        serve(world, caBundle=bundle(server))
        world.wait_ready()
        assert re.fullmatch(r"ghs_[A-Za-z0-9]{36}", world.data("ci")["token"])
        app = world.register()
        world.app_secret(app, "second-app")
        world.github_app(
            app,
            "second",
            apiURL=by_name(server.api_url),
            webURL=by_name(server.web_url),
            # As Windows saves it, with a word about it.
            caBundle=base64.b64encode(f"\ufeff# Z\u00fcrich > Bern?\n{server.ca}".encode()).decode(),
        )
        world.user_token(app="second", seed=world.sign_in(app))
        world.wait_ready("alice")
        world.annotate("alice", refresh_requested_at="now")
        world.wait_ready("alice", revision=2)
        assert world.double_spends() == 0


def test_a_private_ca_that_is_not_given_is_not_trusted(world_at: InWorld, server: SimulatorProcess) -> None:
    with world_at(server) as world:
        serve(world)
        assert "check `caBundle`" in world.wait_reason("ci", "GitHubUnavailable").message
        assert world.requests() == []
        world.change("acme", kind="GitHubApp", caBundle=bundle(server))
        world.wait_ready()


def test_a_personal_token_of_an_enterprise_server_is_checked_by_the_ca_in_its_own_spec(
    world_at: InWorld, server: SimulatorProcess
) -> None:
    with world_at(server) as world:
        token = world.made_by_hand()
        world.secret("robot-pat", {"token": token}, role="seed")
        here = {"apiURL": by_name(server.api_url), "webURL": by_name(server.web_url)}
        source = {"secretRef": {"name": "robot-pat"}, **here}
        world.token("robot", {"personal": source, "secret": {"formats": ["Env", "DockerConfigJSON"]}})
        assert "check `caBundle`" in world.wait_reason("robot", "GitHubUnavailable").message
        world.change("robot", personal={"caBundle": bundle(server)})
        status = world.wait_ready("robot")["status"]
        assert (status["account"], status["kind"]) == ("alice", "Personal")
        assert not status.keys() & {"failedAttempts", "lastFailureTime", "nextAttemptTime"}
        data, host = world.data("robot"), by_name(server.web_url).removeprefix("https://")
        assert (data["GH_ENTERPRISE_TOKEN"], data["GH_HOST"]) == (token, host)
        assert list(json.loads(data[".dockerconfigjson"])["auths"]) == [f"containers.{host}"]


def test_a_bundle_without_certificates_is_told_of_the_app(world_at: InWorld, server: SimulatorProcess) -> None:
    with world_at(server) as world:
        serve(world, caBundle=base64.b64encode(b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----").decode())
        assert "`spec.caBundle` has a certificate" in world.wait_reason("acme", "InvalidSpec", kind="GitHubApp").message
        assert "GitHubApp `acme`" in world.wait_reason("ci", "AppNotReady").message


# --- Proxies ---------------------------------------------------------------------------------------------------------


def test_a_subdomain_of_ghe_com_is_reached_through_the_proxy(
    world_at: InWorld, behind_the_proxy: SimulatorProcess, proxy: Listener
) -> None:
    proxy.asked.clear()
    proxy.authorizations.clear()
    credentials = base64.b64encode(f"robot:{PASSWORD}".encode()).decode()
    proxy.routes["api.acme.ghe.com:443"] = port_of(behind_the_proxy.api_url)
    with world_at(behind_the_proxy) as world:
        serve(
            world,
            apiURL="https://api.acme.ghe.com",
            webURL="https://acme.ghe.com",
            caBundle=bundle(behind_the_proxy),
        )
        world.canaries += [PASSWORD, credentials]
        world.wait_ready()
    assert set(proxy.asked) == {"api.acme.ghe.com:443"}
    assert proxy.authorizations == {f"Basic {credentials}"}


def test_a_proxy_that_refuses_is_named(world_at: InWorld, simulator: SimulatorProcess, proxy: Listener) -> None:
    proxy.asked.clear()
    with world_at(simulator) as world:
        serve(world, apiURL="https://github.test/api/v3", webURL="https://github.test")
        assert "the proxy refuses" in world.wait_reason("ci", "GitHubUnavailable").message
    assert set(proxy.asked) == {"github.test:443"}


@pytest.mark.parametrize(
    ("host", "spared"),
    [
        ("direct.test", True),
        ("api.direct.test", True),
        ("below.test", False),
        ("api.below.test", True),
        ("api.starred.test:8443", True),
        ("api.starred.test", False),
        ("198.51.100.7", False),
        ("[2001:db8::7]", False),
    ],
)
def test_what_no_proxy_spares_is_not_asked_of_the_proxy(
    world_at: InWorld, simulator: SimulatorProcess, proxy: Listener, host: str, *, spared: bool
) -> None:
    proxy.asked.clear()
    with world_at(simulator) as world:
        serve(world, apiURL=f"https://{host}/api/v3", webURL=f"https://{host}")
        message = world.wait_reason("ci", "GitHubUnavailable").message
    assert ("the proxy refuses" in message) is not spared
    assert (proxy.asked == []) is spared


# --- Allowed hosts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["apiURL", "webURL"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://evil.example", id="a name"),
        pytest.param("https://localhost.evil.example", id="a name that begins like one"),
        pytest.param("https://ghe.com", id="the domain itself"),
        pytest.param("https://140.82.112.3", id="an IP address"),
        pytest.param("https://[::1]:8443", id="an IPv6 address"),
        pytest.param("http://127.0.0.1:1", id="the address of a host that is allowed by name"),
    ],
)
def test_a_host_that_is_not_on_the_list_is_sent_nothing(
    world_at: InWorld, simulator: SimulatorProcess, proxy: Listener, field: str, url: str
) -> None:
    proxy.asked.clear()
    with world_at(simulator) as world:
        serve(world, **{field: url})
        for name, kind in (("acme", "GitHubApp"), ("ci", "GitHubToken")):
            message = world.wait_reason(name, "HostNotAllowed", kind=kind).message
            assert f"`spec.{field}`" in message
            assert "`--allowed-hosts`" in message
        assert world.requests() == []
    assert proxy.asked == []


# --- Answers ---------------------------------------------------------------------------------------------------------


def test_a_redirect_to_another_host_is_not_followed(world_at: InWorld, simulator: SimulatorProcess) -> None:
    with listening(Stranger) as stranger, world_at(simulator) as world:
        for operation in ("find_installation", "get_app"):
            world.github.fail(operation, times=None, status=302, headers={"location": f"{stranger.url}/stolen"})
        serve(world)
        assert "redirect" in world.wait_reason("ci", "GitHubUnavailable").message
        world.settle(0.5)
        world.github.clear_faults()
        world.annotate("ci", refresh_requested_at="the address is right again")
        world.wait_ready()
        assert stranger.asked == []


def test_an_answer_of_more_than_a_mebibyte_is_not_read(world_at: InWorld, simulator: SimulatorProcess) -> None:
    with world_at(simulator) as world:
        world.github.fail("mint", times=None, status=201, body='{"token": "' + "x" * (1 << 20) + '"}')
        serve(world)
        assert "larger than 1 MiB" in world.wait_reason("ci", "GitHubUnavailable").message
        assert world.get("Secret", "ci") is None


def test_a_server_that_knows_no_client_ids_is_asked_by_the_app_id(world: World) -> None:
    world.github.settings(client_id_issuers=False)
    try:
        app = world.app(token_life=8)
        world.installation_token()
        world.wait_ready(revision=2)
        refused = [
            request for request in world.requests("get_app", "find_installation", "mint") if request.status == 401
        ]
        assert len(refused) <= 1
        world.github_app(app, "by-client-id", appID=None, privateKeySecretRef={"name": "acme-app"})
        assert "3.14" in world.wait_reason("by-client-id", "AuthenticationFailed", kind="GitHubApp").message
    finally:
        world.github.settings(client_id_issuers=True)
