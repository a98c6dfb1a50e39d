"""The application of the control API, and what it does to the simulation as a whole: clock, settings, faults, books.

JSON in, JSON out, on a listener of its own; no authentication, loopback only.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from github_simulator.clock import iso8601
from github_simulator.control import owners, people
from github_simulator.control.asking import Asked
from github_simulator.errors import ControlError
from github_simulator.owners import find_app
from github_simulator.simulation import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github_simulator.control.asking import Document, Endpoint, Route
    from github_simulator.simulation import Simulation
    from github_simulator.spends import Presentation


def application(simulation: Simulation, addresses: Mapping[str, Any]) -> web.Application:
    """The aiohttp application of the control listener; `addresses` is what `GET /addresses` tells."""
    made = web.Application(client_max_size=16 * 1024**2)
    made.router.add_get("/addresses", _handler(simulation, lambda _: dict(addresses)))
    for method, path, endpoint in (*ROUTES, *owners.ROUTES, *people.ROUTES):
        made.router.add_route(method, path, _handler(simulation, endpoint))
    return made


def _handler(simulation: Simulation, endpoint: Endpoint) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            document = endpoint(Asked.of(simulation, raw, request.match_info))
        except ControlError as error:
            return web.json_response(error.document(), status=error.status)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.Response(status=204) if document is None else web.json_response(document)

    return handle


def _clock(asked: Asked) -> Document:
    clock = asked.simulation.clock
    now = clock.now()
    return {"now": now, "iso8601": iso8601(now), "offset": clock.offset(), "speed": clock.speed}


def _set_clock(asked: Asked) -> Document:
    clock = asked.simulation.clock
    changes = {"set": clock.set, "offset": clock.set_offset, "advance": clock.advance, "speed": clock.run_at}
    asked.refuse_unknown(changes)
    for name, change in changes.items():
        if name in asked.body:
            change(float(asked.body[name]))
    return _clock(asked)


def _settings(asked: Asked) -> Document:
    return asdict(asked.simulation.settings)


def _change_settings(asked: Asked) -> Document:
    asked.refuse_unknown({field.name for field in fields(Settings)})
    asked.simulation.apply(Settings(**{**asdict(asked.simulation.settings), **asked.body}))
    return asdict(asked.simulation.settings)


def _faults(asked: Asked) -> list[Document]:
    return [asdict(fault) for fault in asked.simulation.faults.active]


def _add_fault(asked: Asked) -> Document:
    options = {name: value for name, value in asked.body.items() if name not in {"operation", "app"}}
    if asked.body.get("app") is not None:
        options["app_id"] = find_app(asked.simulation, asked.body["app"]).id
    try:
        return asdict(asked.simulation.faults.add(asked.text("operation"), options))
    except (TypeError, ValueError) as error:
        raise ControlError(f"the fault must have known fields: {error}") from error


def _clear_faults(asked: Asked) -> None:
    asked.simulation.faults.clear()


def _clear_fault(asked: Asked) -> None:
    asked.simulation.faults.clear(int(asked.path["fault"]))


def _exhaust(asked: Asked) -> None:
    reset_in = float(asked.body.get("reset_in", 60))
    asked.simulation.rate_limits.exhaust(asked.text("principal"), now=asked.now, reset_in=reset_in)


def _token(asked: Asked) -> Document:
    return _token_document(asked.simulation, asked.sha256())


def _lose_answer(asked: Asked) -> Document:
    return {"lost": asked.simulation.spends.lose(asked.sha256())}


def _ledger(asked: Asked) -> Document:
    simulation = asked.simulation
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


def _reset_ledger(asked: Asked) -> None:
    asked.simulation.ledger.reset()
    asked.simulation.spends.reset()
    asked.simulation.guard.reset()


def _spend_document(spend: Presentation) -> Document:
    return {"sha256": spend.sha256, "at": spend.at, "app_id": spend.app_id, "verdict": spend.verdict}


def _token_document(simulation: Simulation, sha256: str) -> Document:
    state, now = simulation.state, simulation.clock.now()
    access, personal = state.access_tokens.get(sha256), state.personal_tokens.get(sha256)
    refresh = state.refresh_tokens.get(sha256)
    token = access or personal or refresh
    if token is None:
        return {"known": False, "alive": False}
    times = {"created_at": token.created_at, "expires_at": token.expires_at, "revoked_at": token.revoked_at}
    document: Document = {"known": True, "alive": token.is_live(now), **times}
    if access is not None:
        document |= {
            "alive": access.is_live(now) and not (access.installation and access.installation.suspended_at is not None),
            "prefix": access.prefix,
            "app_id": access.app.id,
            "installation_id": access.installation.id if access.installation else None,
            "user": access.user.login if access.user else None,
            "permissions": access.permissions,
            "repository_ids": None if access.repository_ids is None else sorted(access.repository_ids),
        }
    elif personal is not None:
        prefix = {"classic": "ghp", "fine-grained": "github_pat", "legacy": None}[personal.kind]
        document |= {"prefix": prefix, "user": personal.user.login}
    elif refresh is not None:
        app, user = refresh.sign_in.app, refresh.sign_in.user
        document |= {"prefix": "ghr", "app_id": app.id, "user": user.login, "spent_at": refresh.spent_at}
    return document


ROUTES: list[Route] = [
    ("GET", "/clock", _clock),
    ("PUT", "/clock", _set_clock),
    ("GET", "/settings", _settings),
    ("PATCH", "/settings", _change_settings),
    ("GET", "/faults", _faults),
    ("POST", "/faults", _add_fault),
    ("DELETE", "/faults", _clear_faults),
    ("DELETE", "/faults/{fault}", _clear_fault),
    ("POST", "/rate-limits/exhaust", _exhaust),
    ("POST", "/tokens/lookup", _token),
    ("POST", "/answers/lose", _lose_answer),
    ("GET", "/ledger", _ledger),
    ("DELETE", "/ledger", _reset_ledger),
]
