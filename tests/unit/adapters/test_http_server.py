from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager

import pytest
from prometheus_client import CollectorRegistry, Gauge, Info
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from githubtoken_operator.adapters import http_server
from githubtoken_operator.adapters.http_server import HEARTBEAT_LIMIT, CannotListen, Ports, serving
from githubtoken_operator.settings import Address

pytestmark = pytest.mark.every_python

LOOPBACK = Address("127.0.0.1", 0)
HEALTH = Address("localhost", 0)


class Operator:
    """What the server asks: for how long the loop has not moved, whether the operator is ready, and the metrics."""

    def __init__(self) -> None:
        self.silence = 0.0
        self.waits_for: str | None = None
        self.registry = CollectorRegistry()
        Gauge("visitors", "Visitors.", registry=self.registry).set(2)

    def serve(
        self, metrics_address: Address = LOOPBACK, health_address: Address = HEALTH
    ) -> AbstractContextManager[Ports]:
        return serving(
            metrics_address=metrics_address,
            health_address=health_address,
            registry=self.registry,
            silence=lambda: self.silence,
            not_ready=lambda: self.waits_for,
            runs=lambda: {"running": ["GitHubToken team/ci"]},
        )


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def server(operator: Operator) -> Iterator[Ports]:
    with operator.serve() as running:
        yield running


@contextmanager
def answer(
    port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None, host: str = "127.0.0.1"
) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(host, port, timeout=20)) as connection:
        connection.request(method, path, headers=headers or {})
        yield connection.getresponse()


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    with answer(port, path, method) as response:
        return response.status, response.read().decode()


def test_the_metrics_are_served_as_text(server: Ports) -> None:
    with answer(server.metrics, "/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        [family] = text_string_to_metric_families(response.read().decode())
        assert [(sample.name, sample.value) for sample in family.samples] == [("visitors", 2.0)]


def test_the_metrics_are_served_as_openmetrics_to_who_accepts_them(server: Ports) -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    with answer(server.metrics, "/metrics", headers=accept) as response:
        assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        [family] = parse_openmetrics(response.read().decode())  # type: ignore[no-untyped-call]
        assert (family.name, family.type) == ("visitors", "gauge")


def test_the_metrics_are_compressed_for_who_accepts_it(server: Ports) -> None:
    with answer(server.metrics, "/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"visitors 2.0" in gzip.decompress(response.read())


def test_head_gives_the_headers_of_get_and_no_body(server: Ports) -> None:
    with answer(server.metrics, "/metrics") as response:
        length = response.headers["Content-Length"]
    with answer(server.metrics, "/metrics", "HEAD") as response:
        assert (response.status, response.headers["Content-Length"], response.read()) == (200, length, b"")


@pytest.mark.parametrize(
    ("silence", "status", "body"),
    [
        pytest.param(0.0, 200, "ok\n", id="just now"),
        pytest.param(HEARTBEAT_LIMIT, 200, "ok\n", id="at the limit"),
        pytest.param(HEARTBEAT_LIMIT + 1, 503, "the event loop has not moved for 31 s\n", id="too long ago"),
    ],
)
def test_healthz_is_about_the_last_beat_of_the_loop(
    operator: Operator, server: Ports, silence: float, status: int, body: str
) -> None:
    operator.silence = silence
    assert asked(server.health, "/healthz") == (status, body)


def test_a_loop_that_moves_again_is_healthy_again(operator: Operator, server: Ports) -> None:
    operator.silence = 100.0
    assert asked(server.health, "/healthz")[0] == 503
    operator.silence = 0.0
    assert asked(server.health, "/healthz")[0] == 200


def test_readyz_says_in_one_line_what_it_waits_for(operator: Operator, server: Ports) -> None:
    operator.waits_for = "the list of GitHubTokens\nhas not been read"
    assert asked(server.health, "/readyz") == (503, "the list of GitHubTokens has not been read\n")
    operator.waits_for = None
    assert asked(server.health, "/readyz") == (200, "ok\n")


def test_a_query_does_not_hide_the_path(server: Ports) -> None:
    assert asked(server.health, "/readyz?verbose=1") == (200, "ok\n")


@pytest.mark.parametrize("path", ["/", "/metric", "/metrics/", "/healthz", "/favicon.ico"])
def test_other_paths_are_not_found(server: Ports, path: str) -> None:
    assert asked(server.metrics, path) == (404, "not found; there is /metrics\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get_and_head_are_served(server: Ports, method: str) -> None:
    with answer(server.metrics, "/metrics", method) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_the_addresses_are_kept_apart(server: Ports) -> None:
    assert server.metrics != server.health
    assert asked(server.health, "/metrics")[0] == 404


def test_one_address_for_both_is_one_server(operator: Operator) -> None:
    with operator.serve(LOOPBACK, LOOPBACK) as server:
        assert server.metrics == server.health
        assert [asked(server.health, path)[0] for path in ("/metrics", "/healthz", "/readyz")] == [200, 200, 200]


def test_an_empty_host_means_all_addresses(operator: Operator) -> None:
    with operator.serve(Address("", 0)) as server, answer(server.metrics, "/metrics") as response:
        assert response.status == 200


def test_ipv6_is_served_where_the_machine_has_it(operator: Operator) -> None:
    # A machine without IPv6 has no ::1: there the clear refusal is what can be shown.
    try:
        with operator.serve(Address("::1", 0)) as server, answer(server.metrics, "/metrics", host="::1") as response:
            assert response.status == 200
    except CannotListen as error:
        assert str(error).startswith("cannot listen on [::1]:0: ")  # noqa: PT017 - either outcome is right


def test_a_slow_client_keeps_nobody_waiting(server: Ports) -> None:
    with socket.create_connection(("127.0.0.1", server.health)) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert asked(server.health, "/healthz") == (200, "ok\n")


def test_a_connection_carries_one_request(server: Ports) -> None:
    with socket.create_connection(("127.0.0.1", server.health), timeout=20) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.startswith(b"HTTP/1.0 200 ")
    assert received.endswith(b"\r\n\r\nok\n")


def test_a_taken_port_is_a_clear_error_and_frees_the_other(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with (
            pytest.raises(CannotListen, match=rf"^cannot listen on {address}: Address already in use$"),
            operator.serve(LOOPBACK, address),
        ):
            pytest.fail("it is taken")


def test_an_address_that_is_not_this_machines_is_a_clear_error(operator: Operator) -> None:
    with (
        pytest.raises(CannotListen, match=r"^cannot listen on 192\.0\.2\.1:8080: "),
        operator.serve(Address("192.0.2.1", 8080)),
    ):
        pytest.fail("it is not this machine's")


def test_closing_frees_the_port_even_while_a_client_is_connected(operator: Operator) -> None:
    with ExitStack() as connected:
        with operator.serve() as server:
            idle = connected.enter_context(socket.create_connection(("127.0.0.1", server.metrics)))
            idle.sendall(b"GET ")
        with operator.serve(Address("127.0.0.1", server.metrics)) as successor:
            assert asked(successor.metrics, "/metrics")[0] == 200


def test_what_runs_is_told_on_the_health_port(server: Ports) -> None:
    with answer(server.health, "/debug/runs") as response:
        assert response.headers["Content-Type"] == "application/json"
        assert json.load(response) == {"running": ["GitHubToken team/ci"]}
    assert asked(server.metrics, "/debug/runs")[0] == 404


def test_a_client_that_does_not_read_is_left_without_a_word(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(http_server._Handler, "timeout", 0.05)
    # More than the kernel keeps for a client that does not read.
    Info("long", "Long.", registry=operator.registry).info({"text": "x" * 20_000_000})
    before = set(threading.enumerate())
    with operator.serve() as server, socket.create_connection(("127.0.0.1", server.metrics)) as slow:
        slow.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert slow.recv(1) == b"H"
        for thread in set(threading.enumerate()) - before:
            if "process_request_thread" in thread.name:
                thread.join(20)
                assert not thread.is_alive()
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))


class Broken(Collector):
    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("out of order")


def test_an_error_inside_is_answered_and_logged(
    operator: Operator, server: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    operator.registry.register(Broken())
    assert asked(server.metrics, "/metrics") == (500, "an error inside; the log says which\n")
    [record] = caplog.records
    assert record.exc_info is not None
    assert "out of order" in str(record.exc_info[1])


def test_requests_are_not_logged(
    server: Ports, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        asked(server.health, "/healthz")
        asked(server.health, "/nothing")
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))
