"""Users, their sign-ins and personal tokens, as the control API makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_simulator import oauth, tokens
from github_simulator.control.bodies import refuse_unknown, text
from github_simulator.errors import ControlError
from github_simulator.model import WEB_CODE_LIFE, WebCode
from github_simulator.owners import find_app, find_user
from github_simulator.state import revoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github_simulator.control.bodies import Document, Route
    from github_simulator.simulation import Simulation


class People:
    """What people do."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """What it answers."""
        return [
            ("POST", "/users", self._create_user),
            ("POST", "/sign-ins", self._sign_in),
            ("POST", "/web-codes", self._web_code),
            ("POST", "/personal-tokens", self._create_personal_token),
            ("DELETE", "/personal-tokens/{sha256}", self._revoke_personal_token),
            ("DELETE", "/grants", self._revoke_grant),
            ("GET", "/device-codes", self._device_codes),
            ("PATCH", "/device-codes/{user_code}", self._decide_device_code),
        ]

    def _create_user(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        user = find_user(self._simulation, text(body, "login"))
        user.email_verified = bool(body.get("email_verified", True))
        return {"id": user.id, "login": user.login}

    def _sign_in(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        issued = oauth.sign_in(
            self._simulation.state,
            find_app(self._simulation, body.get("app")),
            find_user(self._simulation, text(body, "user")),
            flow="device" if body.get("flow", "web") == "device" else "web",
            scopes=tuple(body.get("scopes", ())),
            now=self._simulation.clock.now(),
        )
        return issued.document()

    def _web_code(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        code = WebCode(
            code=tokens.web_code(),
            app=find_app(self._simulation, body.get("app")),
            user=find_user(self._simulation, text(body, "user")),
            scopes=tuple(body.get("scopes", ())),
            expires_at=self._simulation.clock.now() + WEB_CODE_LIFE,
            redirect_uri=body.get("redirect_uri"),
            code_challenge=body.get("code_challenge"),
        )
        self._simulation.state.web_codes[code.code] = code
        return {"code": code.code}

    def _create_personal_token(self, body: Document, _parameters: Mapping[str, str]) -> Document:
        refuse_unknown(body, {"user", "kind", "life", "scopes", "utc_offset"})
        kind = body.get("kind", "classic")
        if kind not in {"classic", "fine-grained", "legacy"}:
            raise ControlError("`kind` must be classic, fine-grained or legacy")
        value = self._simulation.state.create_personal_token(
            find_user(self._simulation, text(body, "user")),
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
        user = find_user(self._simulation, text(body, "user"))
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
                    code.approved_by = find_user(self._simulation, text(body, "user"))
                    code.stale_polls = code.app.stale_device_polls
                else:
                    code.denied = True
                return
        raise ControlError("`user_code` must be that of a running device flow", status=404)
