"""What the simulator starts with: the demo's state, or what a JSON file says.

The file has the bodies of the control API's calls in lists, carried out in this order:
`{"users": [...], "apps": [...], "installations": [...], "sign_ins": [...]}`. `docs/simulator.md` shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from github_simulator import oauth
from github_simulator.errors import ControlError
from github_simulator.owners import create_app, find_app, find_user, install, installation_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github_simulator.simulation import Simulation

SECTIONS = ("users", "apps", "installations", "sign_ins")
DEMO: dict[str, list[dict[str, Any]]] = {
    "users": [{"login": "alice"}],
    "apps": [{"slug": "acme-bot", "owner": "acme"}],
    "installations": [{"app": "acme-bot", "account": "acme", "repositories": ["website", "api"]}],
    "sign_ins": [{"app": "acme-bot", "user": "alice", "flow": "web"}],
}


def plant(simulation: Simulation, seed: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Carry the seed out; returns the documents of what was made, App keys and token pairs included.

    Raises `ControlError`: the seed has an unknown section or a bad entry.
    """
    unknown = sorted(set(seed) - set(SECTIONS))
    if unknown:
        raise ControlError(f"the seed's sections must be {', '.join(SECTIONS)}; there is `{unknown[0]}`")
    now = simulation.clock.now()
    for user in seed.get("users", []):
        find_user(simulation, user["login"]).email_verified = bool(user.get("email_verified", True))
    made: dict[str, list[dict[str, Any]]] = {"apps": [create_app(simulation, body) for body in seed.get("apps", [])]}
    made["installations"] = [
        installation_document(simulation, install(simulation, body)) for body in seed.get("installations", [])
    ]
    made["sign_ins"] = [
        oauth.sign_in(
            simulation.state,
            find_app(simulation, body["app"]),
            find_user(simulation, body["user"]),
            flow="device" if body.get("flow") == "device" else "web",
            scopes=tuple(body.get("scopes", ())),
            now=now,
        ).document()
        for body in seed.get("sign_ins", [])
    ]
    return made
