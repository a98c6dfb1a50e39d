"""Where GitHubTokens with `deletionPolicy: Revoke` end: one of each kind that has its token, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.objects.origin import ORIGIN
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from tests.unit.builders import app_body, githubtoken_body, secret, user_body
from tests.unit.fakes import Process, World
from tests.unit.keys import pem

TOKEN = "githubtokens/ci"

CREDENTIAL = "secrets/ci-credential"


async def installation(policy: str = "Revoke") -> World:
    world = World()
    world.api.put(app_body())
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": "the-client-secret"}))
    world.api.put(githubtoken_body(deletionPolicy=policy))
    await world.start().settle()
    return world


async def user(policy: str = "Revoke") -> World:
    world = World()
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    world.api.put(user_body(deletionPolicy=policy))
    await world.start().settle()
    return world


BOTH = [pytest.param(installation, id="installation"), pytest.param(user, id="user")]

Begin = Callable[[], Awaitable[World]]


def living(world: World) -> set[str]:
    """What the store holds of tokens: all that must be dead in the end."""
    found = {decoded(world.secret(), "token")}
    if CREDENTIAL in world.api.objects:
        found |= {decoded(world.api.objects[CREDENTIAL], key) for key in ("token", "refresh_token")}
    return {token for token in found if token}


async def until_gone(world: World, process: Process, *, minutes: float = 10) -> None:
    """Runs it whenever it is due, the clock jumping there."""
    end = world.clock.now + timedelta(minutes=minutes)
    for _ in range(100):
        due = await process.run()
        if TOKEN not in world.api.objects or due is None or world.clock.now > end:
            return
        world.clock.now = max(world.clock.now, datetime.fromtimestamp(due.due, UTC))


def requested(world: World, time: str) -> None:
    """Somebody asks for a new token."""
    world.api.edit(TOKEN, lambda body: body["metadata"].update(annotations={REFRESH_REQUESTED_AT: time}))


def revocations(process: Process) -> dict[str, float]:
    return {
        result: process.metrics.registry.get_sample_value("githubtoken_revocations_total", {"result": result}) or 0
        for result in ("success", "failed")
    }


def moved(world: World, **urls: str) -> None:
    """The App names another GitHub."""
    new = {"apiURL": "https://api.acme.ghe.com", "webURL": "https://acme.ghe.com"} | urls
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(new))


def came_from(world: World, key: str, origin: dict[str, str] | None) -> None:
    """What the Secret says of where its token came from."""

    def change(body: dict[str, Any]) -> None:
        known = json.loads(body["metadata"]["annotations"].pop(ORIGIN))
        if origin is not None:
            body["metadata"]["annotations"][ORIGIN] = json.dumps(known | origin)

    world.api.edit(key, change)
