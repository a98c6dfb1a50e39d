"""The application of the control API, and what it does to the simulation as a whole: clock, settings, faults, books.

JSON in, JSON out, on a listener of its own; no authentication, loopback only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from github_simulator.clock import iso8601
from github_simulator.control.bodies import refuse_unknown, sha256, text
from github_simulator.control.owners import Owners
from github_simulator.control.people import People
from github_simulator.errors import ControlError
from github_simulator.owners import find_app
from github_simulator.simulation import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github_simulator.control.bodies import Document, Endpoint, Route
    from github_simulator.simulation import Simulation
    from github_simulator.spends import Presentation


class Control:
    """The control API's handlers for one simulation; `addresses` is what `GET /addresses` tells."""

    def __init__(self, simulation: Simulation, addresses: Mapping[str, Any]) -> None:
        self._simulation = simulation
        self._addresses = addresses

    def application(self) -> web.Application:
        """The aiohttp application of the control listener."""
        application = web.Application(client_max_size=16 * 1024**2)
        others = (*Owners(self._simulation).routes(), *People(self._simulation).routes())
        for method, path, endpoint in (*self._routes(), *others):
            application.router.add_route(method, path, _handler(endpoint))
        return application

    def _routes(self) -> list[Route]:
        return [
            ("GET", "/addresses", lambda _body, _parameters: dict(self._addresses)),
            ("GET", "/clock", self._clock),
            ("PUT", "/clock", self._set_clock),
            ("GET", "/settings", self._settings),
            ("PATCH", "/settings", self._change_settings),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("DELETE", "/faults/{fault}", self._clear_fault),
            ("POST", "/rate-limits/exhaust", self._exhaust),
            ("POST", "/tokens/lookup", self._token),
            ("POST", "/answers/lose", self._lose_answer),
            ("GET", "/ledger", self._ledger),
            ("DELETE", "/ledger", self._reset_ledger),
        ]

    def _clock(self, _body: Document, _parameters: Mapping[str, str]) -> Document:
        clock = self._simulation.clock
        now = clock.now()
        return {"now": now, "iso8601": iso8601(now), "offset": clock.offset(), "speed": clock.speed}

    def _set_clock(self, body: Document, parameters: Mapping[str, str]) -> Document:
        clock = self._simulation.clock
        changes = {"set": clock.set, "offset": clock.set_offset, "advance": clock.advance, "speed": clock.run_at}
        refuse_unknown(body, changes)
        for name, change in changes.items():
            if name in body:
                change(float(body[name]))
        return self._clock(body, parameters)

    def _settings(self, _body: Document, _parameters: Mapping[str, str]) -> Document:
        return asdict(self._simulation.settings)

    def _change_settings(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        refuse_unknown(body, {field.name for field in fields(Settings)})
        self._simulation.apply(Settings(**{**asdict(self._simulation.settings), **body}))
        return asdict(self._simulation.settings)

    def _faults(self, _body: Document, _parameters: Mapping[str, str]) -> list[Document]:
        return [asdict(fault) for fault in self._simulation.faults.active]

    def _add_fault(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        options = {name: value for name, value in body.items() if name not in {"operation", "app"}}
        if body.get("app") is not None:
            options["app_id"] = find_app(self._simulation, body["app"]).id
        try:
            return asdict(self._simulation.faults.add(text(body, "operation"), options))
        except (TypeError, ValueError) as error:
            raise ControlError(f"the fault must have known fields: {error}") from error

    def _clear_faults(self, _body: Document, _parameters: Mapping[str, str]) -> None:
        self._simulation.faults.clear()

    def _clear_fault(self, _body: Document, parameters: Mapping[str, str]) -> None:
        self._simulation.faults.clear(int(parameters["fault"]))

    def _exhaust(self, body: Document, _parameters: Mapping[str, str]) -> None:
        reset_in = float(body.get("reset_in", 60))
        self._simulation.rate_limits.exhaust(
            text(body, "principal"), now=self._simulation.clock.now(), reset_in=reset_in
        )

    def _token(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return _token_document(self._simulation, sha256(body))

    def _lose_answer(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return {"lost": self._simulation.spends.lose(sha256(body))}

    def _ledger(self, _body: Document, _parameters: Mapping[str, str]) -> Document:
        simulation = self._simulation
        now = simulation.clock.now()
        live = [token for token in simulation.state.access_tokens.values() if token.is_live(now)]
        return {
            "requests": [asdict(request) for request in simulation.ledger.requests],
            "counts": dict(simulation.ledger.counts),
            "most_in_flight": simulation.ledger.most_in_flight,
            "double_spends": [_spend_document(spend) for spend in simulation.spends.double_spends],
            "replays": [_spend_document(spend) for spend in simulation.spends.replays],
            "guard_trips": simulation.guard.trips,
            "live_tokens": [
                {
                    "sha256": token.sha256,
                    "prefix": token.prefix,
                    "app_id": token.app.id,
                    "installation_id": token.installation.id if token.installation else None,
                    "user": token.sign_in.user.login if token.sign_in else None,
                }
                for token in live
            ],
        }

    def _reset_ledger(self, _body: Document, _parameters: Mapping[str, str]) -> None:
        self._simulation.ledger.reset()
        self._simulation.spends.reset()
        self._simulation.guard.reset()


def _handler(endpoint: Endpoint) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            document = endpoint(_object(raw), request.match_info)
        except ControlError as error:
            return web.json_response(error.document(), status=error.status)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.Response(status=204) if document is None else web.json_response(document)

    return handle


def _object(raw: bytes) -> Document:
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _spend_document(spend: Presentation) -> Document:
    return {"sha256": spend.sha256, "at": spend.at, "app_id": spend.app_id, "verdict": spend.verdict}


def _token_document(simulation: Simulation, sha256: str) -> Document:
    now = simulation.clock.now()
    access = simulation.state.access_tokens.get(sha256)
    if access is not None:
        suspended = access.installation is not None and access.installation.suspended_at is not None
        return {
            "known": True,
            "alive": access.is_live(now) and not suspended,
            "prefix": access.prefix,
            "app_id": access.app.id,
            "installation_id": access.installation.id if access.installation else None,
            "user": access.sign_in.user.login if access.sign_in else None,
            "created_at": access.created_at,
            "expires_at": access.expires_at,
            "revoked_at": access.revoked_at,
            "permissions": access.permissions,
            "repository_ids": None if access.repository_ids is None else sorted(access.repository_ids),
        }
    personal = simulation.state.personal_tokens.get(sha256)
    if personal is not None:
        return {
            "known": True,
            "alive": personal.is_live(now),
            "prefix": {"classic": "ghp", "fine-grained": "github_pat", "legacy": None}[personal.kind],
            "user": personal.user.login,
            "created_at": personal.created_at,
            "expires_at": personal.expires_at,
            "revoked_at": personal.revoked_at,
        }
    refresh = simulation.state.refresh_tokens.get(sha256)
    if refresh is not None:
        return {
            "known": True,
            "alive": refresh.is_live(now),
            "prefix": "ghr",
            "app_id": refresh.sign_in.app.id,
            "user": refresh.sign_in.user.login,
            "created_at": refresh.created_at,
            "expires_at": refresh.expires_at,
            "revoked_at": refresh.revoked_at,
            "spent_at": refresh.spent_at,
        }
    return {"known": False, "alive": False}
