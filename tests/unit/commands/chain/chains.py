"""A whole chain, of which each test changes one link."""

from __future__ import annotations

from typing import Any

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.commands.chain.links import links
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal.checks import Check, Look
from tests.unit.builders import NOW, app_body
from tests.unit.commands.snapshots import condition, snapshot

DENIED = Forbidden(403, "User x cannot get it")
KEY = SecretLook("Opaque", ("private-key.pem",), {}, {}, fingerprint="SHA256:abc")
OURS = SecretLook("Opaque", ("token",), {}, {"githubtoken.dev/name": "ci", "githubtoken.dev/revision": "3"})
ACCEPTED = {"conditions": [condition("Ready", "True", "Accepted", "GitHub accepts it")], "slug": "bot", "owner": "acme"}


def chain(token: Snapshot | None = None, **changes: Any) -> Chain:  # noqa: ANN401 - fields of any kind
    """All of it is as it should be, and nothing reads the Secret."""
    app = {**app_body(), "status": ACCEPTED}
    whole: dict[str, Any] = {
        "token": token or snapshot(status={"account": "acme"}),
        "app": Look(app),
        "private_key": Look(KEY),
        "client_secret": None,
        "source": None,
        "credential": None,
        "secret": Look(OURS),
        "pods": Look([]),
        "workloads": (),
        "now": NOW,
        "home": "githubtoken-system",
    }
    return Chain(**{**whole, **changes})


def walked(token: Snapshot | None = None, **changes: Any) -> dict[str, Check]:  # noqa: ANN401 - fields of any kind
    """The checks by their names."""
    return {check.name: check for check in links(chain(token, **changes))}
