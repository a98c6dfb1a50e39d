"""A GitHubToken of an installation's token, whose App is all right, and what its runs are seen to have done."""

from __future__ import annotations

from typing import Any

from githubtoken_operator.adapters.kubernetes.errors import Conflict
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from tests.unit.builders import app_body, githubtoken_body, secret
from tests.unit.fakes import World
from tests.unit.keys import pem

APPLY = "PATCH secrets/ci"

DELETE = "DELETE secrets/ci"

STATUS = "PATCH githubtokens/ci/status"

CONFLICT = Conflict(409, "the resourceVersion is not the present one")

FRESH = ("True", "Fresh")


def declared(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    """A GitHubToken of an installation's token was just created; its App is all right."""
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-client-secret"}))
    world.api.put(githubtoken_body(**spec))
    return world


async def fresh(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    """Its token was obtained and published."""
    world = declared(**spec)
    await world.start().settle()
    assert ready_of(world.status()) == FRESH
    return world


def annotate(world: World, value: str) -> None:
    world.api.edit("githubtokens/ci", lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: value}))


def respec(world: World, **spec: Any) -> None:  # noqa: ANN401 - fields of the spec
    def change(body: dict[str, Any]) -> None:
        body["spec"] |= spec
        body["metadata"]["generation"] += 1

    world.api.edit("githubtokens/ci", change)


def mints(world: World) -> int:
    return world.faults.calls.count("mint")


def assert_published(world: World) -> None:
    assert decoded(world.secret(), "token") == world.github.minted[-1].reveal()
    assert ready_of(world.status()) == FRESH
    assert world.status()["tokenSHA256"] == world.github.minted[-1].sha256_base64
