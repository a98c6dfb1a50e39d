"""A DNS server that knows the addresses of Services, and nothing else.

It answers questions for the address of `SERVICE.NAMESPACE.svc.cluster.local`; every other name of the cluster does not
exist. Each question is answered by a look at the API server, so nothing is ever out of date; that takes some 10 ms.
Neither headless Services nor pods have names here.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

ADDRESS_OF_HOST: Final = 1
"""The type `A` of a question (RFC 1035, 3.2.2)."""
_INTERNET: Final = 1
_LIFE_SECONDS: Final = 5
_HEADER: Final = struct.Struct("!HHHHHH")
_ANSWER: Final = 0x8400
"""An answer, by who has authority."""
_RECURSION_DESIRED: Final = 0x0100
_NO_ERROR: Final = 0
_FORMAT_ERROR: Final = 1
_SERVER_FAILURE: Final = 2
_NO_SUCH_NAME: Final = 3

# Of a Service's name and namespace, its address; None where there is no such Service. Raises OSError.
Lookup = Callable[[str, str], str | None]


class DNSServer:
    """Answers on UDP at an address; use it as a context manager."""

    def __init__(self, address: str, domain: str, lookup: Lookup, *, port: int = 53) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                question, connection = self.request
                reply = answer(question, domain, lookup)
                if reply is not None:
                    connection.sendto(reply, self.client_address)

        self._server = socketserver.ThreadingUDPServer((address, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._server.server_address[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answer(message: bytes, domain: str, lookup: Lookup) -> bytes | None:
    """What is said to a message; None where it is no question."""
    if len(message) < _HEADER.size:
        return None
    number, flags, questions, _, _, _ = _HEADER.unpack_from(message)
    if flags & 0x8000:
        return None
    asked = _question(message) if questions == 1 else None
    if asked is None:
        return _reply(number, flags, _FORMAT_ERROR, b"", b"")
    name, kind, question = asked
    try:
        code, address = _address(name, domain, lookup)
    except OSError:
        return _reply(number, flags, _SERVER_FAILURE, question, b"")
    if address is None or kind != ADDRESS_OF_HOST:
        return _reply(number, flags, code, question, b"")
    # The name is the question's, at the twelfth byte of the message.
    record = struct.pack("!HHHIH", 0xC000 | _HEADER.size, ADDRESS_OF_HOST, _INTERNET, _LIFE_SECONDS, 4)
    return _reply(number, flags, code, question, record + bytes(int(part) for part in address.split(".")))


def _address(name: str, domain: str, lookup: Lookup) -> tuple[int, str | None]:
    """The answer's code, and the address where there is one."""
    labels = name.lower().rstrip(".").removesuffix(f".svc.{domain}").split(".")
    if not name.lower().endswith(f".svc.{domain}") or len(labels) != 2:  # noqa: PLR2004 - a name and a namespace
        return _NO_SUCH_NAME, None
    found = lookup(labels[0], labels[1])
    return (_NO_SUCH_NAME if found is None else _NO_ERROR), found


def _question(message: bytes) -> tuple[str, int, bytes] | None:
    """The name, the type, and the bytes of the message's question; None where it is cut off or compressed."""
    labels: list[str] = []
    at = _HEADER.size
    try:
        while (length := message[at]) != 0:
            if length > 63:  # noqa: PLR2004 - RFC 1035, 2.3.4
                return None
            labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        kind, _ = struct.unpack_from("!HH", message, at + 1)
    except (IndexError, UnicodeDecodeError, struct.error):
        return None
    return ".".join(labels), kind, message[_HEADER.size : at + 5]


def _reply(number: int, flags: int, code: int, question: bytes, record: bytes) -> bytes:
    counts = (1 if question else 0, 1 if record else 0, 0, 0)
    return _HEADER.pack(number, _ANSWER | (flags & _RECURSION_DESIRED) | code, *counts) + question + record
