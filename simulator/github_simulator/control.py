"""The control API: what a test, a demo or a benchmark does behind GitHub's back. `docs/simulator.md` lists it.

JSON in, JSON out, on a listener of its own; no authentication, loopback only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from aiohttp import web

from github_simulator import oauth, tokens
from github_simulator.clock import iso8601
from github_simulator.errors import ControlError
from github_simulator.model import WEB_CODE_LIFE, WebCode
from github_simulator.owners import (
    add_key,
    app_document,
    change_app,
    change_installation,
    change_repository,
    create_app,
    find_app,
    find_installation,
    find_user,
    install,
    installation_document,
    reinstall,
    rename_account,
)
from github_simulator.simulation import Settings
from github_simulator.state import revoke

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github_simulator.faults import Fault
    from github_simulator.simulation import Simulation
    from github_simulator.spends import Presentation

Document = dict[str, Any]


class Control:
    """The control API's handlers for one simulation; `addresses` is what `GET /addresses` tells."""

    def __init__(self, simulation: Simulation, addresses: Mapping[str, Any]) -> None:
        self._simulation = simulation
        self._addresses = addresses

    def application(self) -> web.Application:
        """The aiohttp application of the control listener."""
        application = web.Application(client_max_size=16 * 1024**2)
        routes: list[tuple[str, str, Callable[[Document, Mapping[str, str]], Any]]] = [
            ("GET", "/addresses", lambda _body, _parameters: dict(self._addresses)),
            ("GET", "/clock", self._clock),
            ("PUT", "/clock", self._set_clock),
            ("GET", "/settings", self._settings),
            ("PATCH", "/settings", self._change_settings),
            ("GET", "/apps", self._apps),
            ("POST", "/apps", self._create_app),
            ("PATCH", "/apps/{app}", self._change_app),
            ("POST", "/apps/{app}/keys", self._add_key),
            ("DELETE", "/apps/{app}/keys/{key}", self._delete_key),
            ("DELETE", "/apps/{app}/keys", self._delete_all_keys),
            ("POST", "/apps/{app}/client-secrets", self._rotate_client_secret),
            ("POST", "/installations", self._install),
            ("PATCH", "/installations/{installation}", self._change_installation),
            ("DELETE", "/installations/{installation}", self._uninstall),
            ("POST", "/installations/{installation}/reinstall", self._reinstall),
            ("PATCH", "/repositories/{owner}/{name}", self._change_repository),
            ("PATCH", "/accounts/{login}", self._rename_account),
            ("POST", "/users", self._create_user),
            ("POST", "/sign-ins", self._sign_in),
            ("POST", "/web-codes", self._web_code),
            ("POST", "/personal-tokens", self._create_personal_token),
            ("DELETE", "/personal-tokens/{sha256}", self._revoke_personal_token),
            ("DELETE", "/grants", self._revoke_grant),
            ("GET", "/device-codes", self._device_codes),
            ("PATCH", "/device-codes/{user_code}", self._decide_device_code),
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
        for method, path, endpoint in routes:
            application.router.add_route(method, path, _handler(endpoint))
        return application

    def _clock(self, _body: Document, _parameters: Mapping[str, str]) -> Document:
        clock = self._simulation.clock
        now = clock.now()
        return {"now": now, "iso8601": iso8601(now), "offset": clock.offset(), "speed": clock.speed}

    def _set_clock(self, body: Document, parameters: Mapping[str, str]) -> Document:
        clock = self._simulation.clock
        changes = {"set": clock.set, "offset": clock.set_offset, "advance": clock.advance, "speed": clock.run_at}
        _refuse_unknown(body, changes)
        for name, change in changes.items():
            if name in body:
                change(float(body[name]))
        return self._clock(body, parameters)

    def _settings(self, _body: Document, _parameters: Mapping[str, str]) -> Document:
        return asdict(self._simulation.settings)

    def _change_settings(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        _refuse_unknown(body, {field.name for field in fields(Settings)})
        self._simulation.apply(Settings(**{**asdict(self._simulation.settings), **body}))
        return asdict(self._simulation.settings)

    def _apps(self, _body: Document, _parameters: Mapping[str, str]) -> list[Document]:
        return [app_document(app) for app in self._simulation.state.apps.values()]

    def _create_app(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return create_app(self._simulation, body)

    def _change_app(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        change_app(app, body)
        return app_document(app)

    def _add_key(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        if not body.get("keep_old", True):
            app.keys.clear()
        return add_key(app)

    def _delete_key(self, _body: Document, parameters: Mapping[str, str]) -> None:
        app = find_app(self._simulation, parameters["app"])
        if app.keys.pop(parameters["key"], None) is None:
            raise ControlError("`key` must be the id of one of the App's keys", status=404)

    def _delete_all_keys(self, _body: Document, parameters: Mapping[str, str]) -> None:
        find_app(self._simulation, parameters["app"]).keys.clear()

    def _rotate_client_secret(self, body: Document, parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, parameters["app"])
        if not body.get("keep_old", False):
            app.client_secrets.clear()
        app.client_secrets.append(tokens.client_secret())
        return {"client_secret": app.client_secrets[-1]}

    def _install(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return installation_document(self._simulation, install(self._simulation, body))

    def _change_installation(self, body: Document, parameters: Mapping[str, str]) -> Document:
        installation = find_installation(self._simulation, parameters["installation"])
        change_installation(self._simulation, installation, body)
        return installation_document(self._simulation, installation)

    def _uninstall(self, _body: Document, parameters: Mapping[str, str]) -> None:
        installation = find_installation(self._simulation, parameters["installation"])
        self._simulation.state.uninstall(installation, now=self._simulation.clock.now())

    def _reinstall(self, _body: Document, parameters: Mapping[str, str]) -> Document:
        installation = find_installation(self._simulation, parameters["installation"])
        return installation_document(self._simulation, reinstall(self._simulation, installation))

    def _change_repository(self, body: Document, parameters: Mapping[str, str]) -> Document:
        repository = change_repository(self._simulation, parameters["owner"], parameters["name"], body)
        return {"id": repository.id, "full_name": repository.full_name}

    def _rename_account(self, body: Document, parameters: Mapping[str, str]) -> None:
        rename_account(self._simulation, parameters["login"], _text(body, "login"))

    def _create_user(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        user = find_user(self._simulation, _text(body, "login"))
        user.email_verified = bool(body.get("email_verified", True))
        return {"id": user.id, "login": user.login}

    def _sign_in(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        issued = oauth.sign_in(
            self._simulation.state,
            find_app(self._simulation, body.get("app")),
            find_user(self._simulation, _text(body, "user")),
            flow="device" if body.get("flow", "web") == "device" else "web",
            scopes=tuple(body.get("scopes", ())),
            now=self._simulation.clock.now(),
        )
        return issued.document()

    def _web_code(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        code = WebCode(
            code=tokens.web_code(),
            app=find_app(self._simulation, body.get("app")),
            user=find_user(self._simulation, _text(body, "user")),
            scopes=tuple(body.get("scopes", ())),
            expires_at=self._simulation.clock.now() + WEB_CODE_LIFE,
            redirect_uri=body.get("redirect_uri"),
            code_challenge=body.get("code_challenge"),
        )
        self._simulation.state.web_codes[code.code] = code
        return {"code": code.code}

    def _create_personal_token(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        _refuse_unknown(body, {"user", "kind", "life", "scopes", "utc_offset"})
        kind = body.get("kind", "classic")
        if kind not in {"classic", "fine-grained", "legacy"}:
            raise ControlError("`kind` must be classic, fine-grained or legacy")
        value = self._simulation.state.create_personal_token(
            find_user(self._simulation, _text(body, "user")),
            kind=kind,
            now=self._simulation.clock.now(),
            life=None if body.get("life") is None else float(body["life"]),
            scopes=tuple(body.get("scopes", ())),
            utc_offset=int(body.get("utc_offset", 0)),
        )
        return {"token": value}

    def _revoke_personal_token(self, _body: Document, parameters: Mapping[str, str]) -> None:
        token = self._simulation.state.personal_tokens.get(tokens.normalized_sha256(parameters["sha256"]))
        if token is None:
            raise ControlError("`sha256` must be that of a personal token", status=404)
        revoke(token, self._simulation.clock.now())

    def _revoke_grant(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        app = find_app(self._simulation, body.get("app"))
        user = find_user(self._simulation, _text(body, "user"))
        return {"sign_ins": self._simulation.state.revoke_grant(app, user, now=self._simulation.clock.now())}

    def _device_codes(self, _body: Document, _parameters: Mapping[str, str]) -> list[Document]:
        now = self._simulation.clock.now()
        return [
            {
                "user_code": code.user_code,
                "app": code.app.id,
                "interval": code.interval,
                "scopes": list(code.scopes),
                "expired": now >= code.expires_at,
                "approved": code.approved_by is not None,
                "denied": code.denied,
                "consumed": code.consumed,
            }
            for code in self._simulation.state.device_codes.values()
        ]

    def _decide_device_code(self, body: Document, parameters: Mapping[str, str]) -> None:
        for code in self._simulation.state.device_codes.values():
            if code.user_code == parameters["user_code"].upper():
                if body.get("approve", True):
                    code.approved_by = find_user(self._simulation, _text(body, "user"))
                    code.stale_polls = code.app.stale_device_polls
                else:
                    code.denied = True
                return
        raise ControlError("`user_code` must be that of a running device flow", status=404)

    def _faults(self, _body: Document, _parameters: Mapping[str, str]) -> list[Document]:
        return [_fault_document(fault) for fault in self._simulation.faults.active]

    def _add_fault(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        options = {name: value for name, value in body.items() if name not in {"operation", "app"}}
        if body.get("app") is not None:
            options["app_id"] = find_app(self._simulation, body["app"]).id
        try:
            return _fault_document(self._simulation.faults.add(_text(body, "operation"), options))
        except (TypeError, ValueError) as error:
            raise ControlError(f"the fault must have known fields: {error}") from error

    def _clear_faults(self, _body: Document, _parameters: Mapping[str, str]) -> None:
        self._simulation.faults.clear()

    def _clear_fault(self, _body: Document, parameters: Mapping[str, str]) -> None:
        self._simulation.faults.clear(int(parameters["fault"]))

    def _exhaust(self, body: Document, _parameters: Mapping[str, str]) -> None:
        reset_in = float(body.get("reset_in", 60))
        self._simulation.rate_limits.exhaust(
            _text(body, "principal"), now=self._simulation.clock.now(), reset_in=reset_in
        )

    def _token(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return _token_document(self._simulation, _sha256(body))

    def _lose_answer(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        return {"lost": self._simulation.spends.lose(_sha256(body))}

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


def _handler(endpoint: Callable[[Document, Mapping[str, str]], Any]) -> Callable[[web.Request], Any]:
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


def _sha256(body: Document) -> str:
    try:
        return tokens.normalized_sha256(_text(body, "sha256"))
    except ValueError as error:
        raise ControlError(str(error)) from error


def _object(raw: bytes) -> Document:
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise ControlError("the body must be a JSON object")
    return body


def _fault_document(fault: Fault) -> Document:
    return asdict(fault)


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


def _text(body: Document, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ControlError(f"`{name}` must be a non-empty string")
    return value


def _refuse_unknown(body: Document, known: Mapping[str, Any] | set[str]) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ControlError(f"`{unknown[0]}` must be one of {', '.join(sorted(known))}")
