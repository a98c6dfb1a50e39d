"""The node's DNS server, asked as a resolver asks."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

import pytest

from localcluster.node.dns import DNSServer, answer

SERVICES: Final = {("github", "team"): "10.96.0.7"}
A: Final = 1
AAAA: Final = 28
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 1, 2, 3


def look_up(name: str, namespace: str) -> str | None:
    if namespace == "broken":
        raise OSError("the API server does not answer")
    return SERVICES.get((name, namespace))


def question(name: str, kind: int = A) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def told(reply: bytes | None) -> tuple[int, str | None]:
    """The code and the address of a reply."""
    assert reply is not None
    number, flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", reply)
    assert (number, flags & 0x8100) == (4711, 0x8100)
    return flags & 0xF, ".".join(str(byte) for byte in reply[-4:]) if answers else None


@pytest.fixture
def server() -> Iterator[DNSServer]:
    with DNSServer("127.0.0.1", "cluster.local", look_up, port=0) as server:
        yield server


def test_a_service_is_found_by_its_name_over_the_network(server: DNSServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        for _ in range(2):
            client.sendto(question("GitHub.team.svc.cluster.local"), ("127.0.0.1", server.port))
            assert told(client.recv(512)) == (NO_ERROR, "10.96.0.7")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("gitlab.team.svc.cluster.local", NO_SUCH_NAME, id="no such Service"),
        pytest.param("github.other.svc.cluster.local", NO_SUCH_NAME, id="another namespace's"),
        pytest.param("github.team.svc.team.svc.cluster.local", NO_SUCH_NAME, id="with a search domain too many"),
        pytest.param("team.svc.cluster.local", NO_SUCH_NAME, id="a namespace"),
        pytest.param("svc.cluster.local", NO_SUCH_NAME, id="the domain of Services"),
        pytest.param("api.github.com", NO_SUCH_NAME, id="the outside"),
        pytest.param("github.broken.svc.cluster.local", SERVER_FAILURE, id="the API server does not answer"),
    ],
)
def test_every_other_name_has_no_address(name: str, code: int) -> None:
    assert told(answer(question(name), "cluster.local", look_up)) == (code, None)


def test_a_service_has_no_other_address_than_that_of_ipv4() -> None:
    """An error instead would make resolvers give the name up."""
    reply = answer(question("github.team.svc.cluster.local", AAAA), "cluster.local", look_up)
    assert told(reply) == (NO_ERROR, None)


@pytest.mark.parametrize("length", [13, 20, 30])
def test_a_question_that_is_cut_off_is_refused(length: int) -> None:
    cut = question("github.team.svc.cluster.local")[:length]
    assert told(answer(cut, "cluster.local", look_up)) == (FORMAT_ERROR, None)


def test_what_is_no_question_gets_no_answer() -> None:
    reply = answer(question("github.team.svc.cluster.local"), "cluster.local", look_up)
    assert reply is not None
    assert answer(reply, "cluster.local", look_up) is None
    assert answer(b"hello", "cluster.local", look_up) is None
