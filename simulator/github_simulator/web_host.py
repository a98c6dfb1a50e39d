"""The OAuth endpoints of GitHub's web host: device codes and access tokens.

Inputs are taken from the query, a form or a JSON body; the answer is a form unless `Accept` asks for JSON or XML;
errors come inside a 200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from github_simulator import oauth
from github_simulator.errors import OAuthError
from github_simulator.exchange import Answer, Call, Route, encode_json

if TYPE_CHECKING:
    from collections.abc import Callable


def routes() -> list[Route]:
    """The web host's endpoints."""
    return [
        Route("POST", "/login/device/code", lambda _: "device_code", _answering(_device_code), encode_negotiated),
        Route("POST", "/login/oauth/access_token", token_operation, _answering(_access_token), encode_negotiated),
    ]


def token_operation(call: Call) -> str:
    """Which of the uses of `POST /login/oauth/access_token` this is."""
    match call.fields.get("grant_type"):
        case "refresh_token":
            return "refresh"
        case oauth.DEVICE_GRANT:
            return "device_poll"
        case None | "authorization_code" if "code" in call.fields:
            return "code_exchange"
        case _:
            return "access_token"


def encode_negotiated(call: Call, document: Any) -> tuple[bytes, str]:  # noqa: ANN401 - any JSON object
    """The document as JSON, XML or a form, whichever `Accept` asks for."""
    accept = call.headers.get("Accept", "")
    if "json" in accept:
        return encode_json(call, document)
    if "xml" in accept:
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in document.items())
        return f"<OAuth>{inner}</OAuth>".encode(), "application/xml; charset=utf-8"
    return urlencode(document).encode(), "application/x-www-form-urlencoded; charset=utf-8"


def _answering(endpoint: Callable[[Call], dict[str, Any]]) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        try:
            return Answer(200, endpoint(call))
        except OAuthError as error:
            return Answer(error.status, error.document(), error=error.error)

    return answer


def _device_code(call: Call) -> dict[str, Any]:
    simulation = call.simulation
    web_url = simulation.documents.web_url
    return oauth.start_device_flow(simulation.state, call.fields, web_url=web_url, now=call.now)


def _access_token(call: Call) -> dict[str, Any]:
    grants = {
        "refresh": oauth.refresh,
        "device_poll": oauth.poll_device_flow,
        "code_exchange": oauth.exchange_code,
    }
    grant = grants.get(token_operation(call))
    if grant is None:
        raise oauth.unsupported_grant_type()
    return grant(call.simulation.state, call.fields, now=call.now).document()
