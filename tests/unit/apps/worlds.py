"""Worlds in which the tests of Apps play."""

from __future__ import annotations

from typing import Any

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import NAMESPACE, app_body, secret
from tests.unit.fakes import World, token_ref
from tests.unit.keys import pem

ACME = Ref(Kind.APP, NAMESPACE, "acme")
CI, OTHER = token_ref("ci"), token_ref("other")
KEY_SECRET = Ref(Kind.SECRET, NAMESPACE, "acme-app")


def world_with(**spec: Any) -> World:  # noqa: ANN401 - fields of the spec
    world = World()
    world.api.put(app_body(**spec))
    world.api.put(secret("acme-app", {"private-key.pem": pem(), "client-secret": " the-client-secret\n"}))
    return world


def app_status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.api.objects["githubapps/acme"]["status"]
    return found


def looks(world: World) -> int:
    return world.faults.calls.count("get_app")
