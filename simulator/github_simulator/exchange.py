"""What every request to the API and the web host goes through, from its arrival to the last byte of its answer.

Arrival is recorded (and a refresh token's presentation judged), latency passes, a fault may strike, the endpoint
answers, the answer may be edited, lost or mangled, and it is written. Endpoints are plain functions that neither wait
nor write, so each has its effect in one step.

An answer counts as *delivered* when the connection was still open just before the first byte (the transport had not
closed, and the kernel had not seen the client's end: on Linux `TCP_INFO` says so), every byte was taken by the
kernel, and the transport stayed open meanwhile. An answer that a fault replaced, cut short or robbed of its token is
not the true answer and counts as never delivered. What a client does with bytes that its kernel has acknowledged
cannot be known here.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import web

from github_simulator import tokens
from github_simulator.authentication import Credentials, parse_authorization, seeming_app
from github_simulator.clock import http_date
from github_simulator.ledger import Request, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github_simulator.faults import Fault
    from github_simulator.model import App
    from github_simulator.simulation import Simulation

_TCP_ESTABLISHED = 1
_DRAIN_PAUSE = 0.001
_SLOW_BODY_STEPS = 10
_TOKEN_FIELDS = ("access_token", "refresh_token", "token")


@dataclass(slots=True)
class Call:
    """One request, read and parsed.

    Attributes:
        now: Virtual seconds since the epoch; the moment of the effect, not of the arrival.
        fields: Query and form or JSON body together, as strings, for OAuth; empty values and nulls left out.
        document: The JSON body where it is one; None where there is no body or it is not JSON.
        invalid_json: Whether there is a body that is not JSON.
    """

    simulation: Simulation
    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    remote: str
    credentials: Credentials
    fields: dict[str, str]
    document: object = None
    invalid_json: bool = False
    now: float = 0.0


@dataclass(slots=True)
class Answer:
    """What an endpoint answers; `document` None is no body."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One of GitHub's endpoints.

    Attributes:
        operation: Names the call, for the ledger and for faults.
        answer: Has the effect and says what is answered; refusals included.
        encode: Renders the document; returns body and content type.
    """

    method: str
    path: str
    operation: Callable[[Call], str]
    answer: Callable[[Call], Answer]
    encode: Callable[[Call, Any], tuple[bytes, str]]


def encode_json(_call: Call, document: Any) -> tuple[bytes, str]:  # noqa: ANN401 - any JSON
    """The document as GitHub's API sends it."""
    return json.dumps(document, separators=(",", ":")).encode(), "application/json; charset=utf-8"


class Exchange:
    """Handles requests for one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def handler(self, route: Route) -> Callable[[web.Request], Any]:
        """The aiohttp handler of a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, route)

        return handle

    async def _handle(self, request: web.Request, route: Route) -> web.StreamResponse:
        simulation = self._simulation
        call = await _read(request, simulation)
        operation = route.operation(call)
        app = seeming_app(simulation.state, call.credentials) or simulation.state.app_by_client_id(
            call.fields.get("client_id", "")
        )
        entry = _entry(call, operation, app)
        simulation.ledger.begin(entry)
        refresh_token = simulation.state.refresh_tokens.get(tokens.sha256(call.fields.get("refresh_token", "")))
        presentation = None
        if operation == "refresh" and refresh_token is not None:
            presentation = simulation.spends.present(
                refresh_token.sha256,
                at=call.now,
                app_id=entry.app_id,
                client_waits=lambda: client_waits(request),
            )
            entry.verdict = presentation.verdict
        try:
            if simulation.settings.latency:
                await asyncio.sleep(simulation.settings.latency)
            fault = simulation.faults.take(operation, entry.app_id, entry.installation_id)
            entry.fault = fault.id if fault else None
            if fault and fault.delay:
                await asyncio.sleep(fault.delay)
            call.now = simulation.clock.now()
            if fault and fault.replaces_answer and fault.when == "before":
                response, body, true_answer = *_canned(fault, call), False
            else:
                unspent = refresh_token is not None and refresh_token.spent_at is None
                answer = route.answer(call)
                entry.error = answer.error
                if presentation and refresh_token and unspent and refresh_token.spent_at is not None:
                    presentation.spent = True
                response, body, true_answer = _rendered(route, call, answer, fault)
            entry.delivered = await _write(request, response, body, fault) and true_answer
            entry.status = 0 if fault and fault.drop else response.status
            return response
        finally:
            simulation.ledger.end()
            if presentation is not None:
                simulation.spends.finish(presentation, delivered=entry.delivered)


async def _read(request: web.Request, simulation: Simulation) -> Call:
    raw = await request.read()
    call = Call(
        simulation=simulation,
        method=request.method,
        path=request.path,
        parameters=request.match_info,
        query=request.query,
        headers=request.headers,
        remote=request.remote or "",
        credentials=parse_authorization(request.headers.get("Authorization")),
        fields=dict(request.query),
        now=simulation.clock.now(),
    )
    if request.content_type == "application/x-www-form-urlencoded":
        call.fields |= dict(parse_qsl(raw.decode(errors="replace")))
    elif raw.strip():
        try:
            call.document = json.loads(raw)
        except ValueError:
            call.invalid_json = True
        if isinstance(call.document, dict):
            call.fields |= {
                name: str(value)
                for name, value in call.document.items()
                if isinstance(value, str | int) and value != ""
            }
    return call


def _entry(call: Call, operation: str, app: App | None) -> Request:
    body = call.document if isinstance(call.document, dict) else call.fields
    installation = call.parameters.get("installation_id", "")
    return Request(
        at=call.now,
        method=call.method,
        path=call.path,
        operation=operation,
        app_id=app.id if app else None,
        client_id=call.fields.get("client_id") or call.parameters.get("client_id"),
        installation_id=int(installation) if installation.isdigit() else None,
        authorization=call.credentials.kind,
        authorization_sha256=call.credentials.sha256,
        user_agent=call.headers.get("User-Agent"),
        api_version=call.headers.get("X-GitHub-Api-Version"),
        body=redacted(body),
    )


def _canned(fault: Fault, call: Call) -> tuple[web.StreamResponse, bytes]:
    headers = {
        "Content-Type": fault.content_type,
        **_common_headers(call),
        **fault.extra_headers(now=call.now),
    }
    return web.StreamResponse(status=fault.canned_status(), headers=headers), fault.canned_body()


def _rendered(route: Route, call: Call, answer: Answer, fault: Fault | None) -> tuple[web.StreamResponse, bytes, bool]:
    """The answer on the wire, and whether it is still the true one."""
    if fault and fault.replaces_answer and not fault.truncate:
        return *_canned(fault, call), False
    document, body, headers = answer.document, b"", {**_common_headers(call), **answer.headers}
    true_answer = True
    if fault and isinstance(document, dict):
        document = fault.edited(document)
        true_answer = all(document.get(name) == answer.document.get(name) for name in _TOKEN_FIELDS)
    if document is not None:
        body, headers["Content-Type"] = route.encode(call, document)
    if fault:
        headers |= fault.extra_headers(now=call.now)
        true_answer = true_answer and fault.truncate is None
    return web.StreamResponse(status=answer.status, headers=headers), body, true_answer


def _common_headers(call: Call) -> dict[str, str]:
    request_id = secrets.token_hex(14).upper()
    return {
        "Date": http_date(call.now),
        "Server": "github.com",
        "X-GitHub-Request-Id": ":".join((request_id[:4], request_id[4:9], request_id[9:16], request_id[16:])),
    }


async def _write(request: web.Request, response: web.StreamResponse, body: bytes, fault: Fault | None) -> bool:
    """Write the answer; whether it was delivered."""
    if not client_waits(request):
        return False
    cut = len(body) if fault is None or fault.truncate is None else min(fault.truncate, len(body))
    if fault and fault.drop and not (fault.truncate and fault.when == "after"):
        _abort(request)
        return False
    if response.status not in {204, 304}:
        response.content_length = len(body) if fault and fault.drop else cut
    try:
        await response.prepare(request)
        if fault and fault.body_delay:
            await _write_slowly(response, body[:cut], fault.body_delay)
        elif cut:
            await response.write(body[:cut])
        if fault and fault.drop:
            await _drained(request)
            _abort(request)
            return False
        await response.write_eof()
    except ConnectionError:
        return False
    return await _drained(request)


async def _write_slowly(response: web.StreamResponse, body: bytes, seconds: float) -> None:
    size = max(1, len(body) // _SLOW_BODY_STEPS)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    for piece in pieces:
        await asyncio.sleep(seconds / len(pieces))
        await response.write(piece)


async def _drained(request: web.Request) -> bool:
    """Wait until the kernel has all bytes; False where the connection closed before that."""
    while (transport := request.transport) is not None and not transport.is_closing():
        if not isinstance(transport, asyncio.WriteTransport) or transport.get_write_buffer_size() == 0:
            return True
        await asyncio.sleep(_DRAIN_PAUSE)
    return False


def _abort(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.abort()


def client_waits(request: web.Request) -> bool:
    """Whether the client's end of the connection is still open, as far as the kernel knows."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return False
    connection = transport.get_extra_info("socket")
    if connection is None or not sys.platform.startswith("linux"):
        return True
    # The first byte of `struct tcp_info` is the connection's state.
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return bool(state[0] == _TCP_ESTABLISHED)
