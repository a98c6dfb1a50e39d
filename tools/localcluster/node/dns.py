"""A DNS server that knows the addresses of Services, and nothing else.

It answers questions for the address of `SERVICE.NAMESPACE.svc.cluster.local`; every other name of the cluster does not
exist. Each question is answered by a look at the API server, so nothing is ever out of date; that takes some 10 ms.
Neither headless Services nor pods have names here.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from typing import Final, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

_LIFE_SECONDS: Final = 5

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

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answer(message: bytes, domain: str, lookup: Lookup) -> bytes | None:
    """What is said to a message; None where it is no question."""
    try:
        asked = dns.message.from_wire(message, continue_on_error=True)
    except dns.exception.DNSException:
        return None
    if asked.flags & dns.flags.QR:
        return None
    reply = dns.message.make_response(asked)
    reply.flags |= dns.flags.AA
    if asked.errors or len(asked.question) != 1:
        reply.set_rcode(dns.rcode.FORMERR)
        return reply.to_wire()
    question = asked.question[0]
    try:
        address = _address(question.name, domain, lookup)
    except OSError:
        reply.set_rcode(dns.rcode.SERVFAIL)
        return reply.to_wire()
    if address is None:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    elif question.rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(question.name, _LIFE_SECONDS, "IN", "A", address))
    return reply.to_wire()


def _address(name: dns.name.Name, domain: str, lookup: Lookup) -> str | None:
    """The address of the Service of that name; None where there is none."""
    services = dns.name.from_text(f"svc.{domain}")
    if not name.is_subdomain(services):
        return None
    labels = name.relativize(services).to_text().lower().split(".")
    return lookup(labels[0], labels[1]) if len(labels) == 2 else None  # noqa: PLR2004 - a name and a namespace
