"""Users, their sign-ins and personal tokens, as the control API makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from github_simulator import oauth, tokens
from github_simulator.errors import ControlError
from github_simulator.model import WEB_CODE_LIFE, WebCode
from github_simulator.owners import find_app, find_user
from github_simulator.state import revoke

if TYPE_CHECKING:
    from github_simulator.control.asking import Asked, Document, Route


def _create_user(asked: Asked) -> Document:
    user = find_user(asked.simulation, asked.text("login"))
    user.email_verified = bool(asked.body.get("email_verified", True))
    return {"id": user.id, "login": user.login}


def _sign_in(asked: Asked) -> Document:
    issued = oauth.sign_in(
        asked.simulation.state,
        find_app(asked.simulation, asked.body.get("app")),
        find_user(asked.simulation, asked.text("user")),
        flow="device" if asked.body.get("flow", "web") == "device" else "web",
        scopes=tuple(asked.body.get("scopes", ())),
        now=asked.now,
    )
    return issued.document()


def _web_code(asked: Asked) -> Document:
    code = WebCode(
        code=tokens.web_code(),
        app=find_app(asked.simulation, asked.body.get("app")),
        user=find_user(asked.simulation, asked.text("user")),
        scopes=tuple(asked.body.get("scopes", ())),
        expires_at=asked.now + WEB_CODE_LIFE,
        redirect_uri=asked.body.get("redirect_uri"),
        code_challenge=asked.body.get("code_challenge"),
    )
    asked.simulation.state.web_codes[code.code] = code
    return {"code": code.code}


def _create_personal_token(asked: Asked) -> Document:
    asked.refuse_unknown({"user", "kind", "life", "scopes", "utc_offset"})
    kind = asked.body.get("kind", "classic")
    if kind not in {"classic", "fine-grained", "legacy"}:
        raise ControlError("`kind` must be classic, fine-grained or legacy")
    value = asked.simulation.state.create_personal_token(
        find_user(asked.simulation, asked.text("user")),
        kind=kind,
        now=asked.now,
        life=None if asked.body.get("life") is None else float(asked.body["life"]),
        scopes=tuple(asked.body.get("scopes", ())),
        utc_offset=int(asked.body.get("utc_offset", 0)),
    )
    return {"token": value}


def _revoke_personal_token(asked: Asked) -> None:
    token = asked.simulation.state.personal_tokens.get(tokens.normalized_sha256(asked.path["sha256"]))
    if token is None:
        raise ControlError("`sha256` must be that of a personal token", status=404)
    revoke(token, asked.now)


def _revoke_grant(asked: Asked) -> Document:
    app = find_app(asked.simulation, asked.body.get("app"))
    user = find_user(asked.simulation, asked.text("user"))
    return {"sign_ins": asked.simulation.state.revoke_grant(app, user, now=asked.now)}


def _device_codes(asked: Asked) -> list[Document]:
    now = asked.now
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
        for code in asked.simulation.state.device_codes.values()
    ]


def _decide_device_code(asked: Asked) -> None:
    for code in asked.simulation.state.device_codes.values():
        if code.user_code == asked.path["user_code"].upper():
            if asked.body.get("approve", True):
                code.approved_by = find_user(asked.simulation, asked.text("user"))
                code.stale_polls = code.app.stale_device_polls
            else:
                code.denied = True
            return
    raise ControlError("`user_code` must be that of a running device flow", status=404)


ROUTES: list[Route] = [
    ("POST", "/users", _create_user),
    ("POST", "/sign-ins", _sign_in),
    ("POST", "/web-codes", _web_code),
    ("POST", "/personal-tokens", _create_personal_token),
    ("DELETE", "/personal-tokens/{sha256}", _revoke_personal_token),
    ("DELETE", "/grants", _revoke_grant),
    ("GET", "/device-codes", _device_codes),
    ("PATCH", "/device-codes/{user_code}", _decide_device_code),
]
"""What it answers."""
