"""A change that one reader saw first still wakes all others, for each kind of Secret that a human may replace.

The watch lags behind: what one key reads by itself comes as an event only later.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import encoded
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.watching.intake import Intake
from tests.unit import keys
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body, personal_body, secret, user_body
from tests.unit.fakes import Process, World, token_ref

APP = Ref(Kind.APP, NAMESPACE, "acme")
A, B = token_ref("a"), token_ref("b")


class Scene:
    """A process whose watch delivers what a test says, when it says so; `woken` is who is due then."""

    def __init__(self) -> None:
        self.world = World()
        self.world.github.personal = {"ghp_old": None, "ghp_new": None}
        self.process: Process = self.world.start(watching=False)
        self.woken: set[Ref] = set()
        self._intake = Intake(
            watched=self.process.watched,
            notes=(),
            app_runs=self.process.app_runs,
            metrics=self.process.metrics,
            scheduler=cast("Any", SimpleNamespace(wake=self.woken.add)),
            first_lists=cast("Any", None),
            named=cast("Any", None),
        )

    def replace(self, name: str, **data: str) -> dict[str, Any]:
        """A human replaces values of a Secret; its event, which is still on its way."""
        self.world.api.edit(f"secrets/{name}", lambda it: it["data"].update(encoded(data)))
        return copy.deepcopy(self.world.api.objects[f"secrets/{name}"])

    def event(self, body: dict[str, Any]) -> set[Ref]:
        """The watch brings it: who is woken."""
        self.woken.clear()
        ref = Ref(Kind.SECRET, NAMESPACE, body["metadata"]["name"])
        self._intake.found(ref, body)
        return set(self.woken)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_personal_token_that_two_copy(scene: Scene) -> None:
    scene.world.api.put(secret("my-pat", {"token": "ghp_old"}, labels={"githubtoken.dev/role": "seed"}))
    for key in (A, B):
        scene.world.api.put(personal_body(key.name, uid=f"uid-{key.name}"))
        await scene.process.settle(key.name)
    scene.event(copy.deepcopy(scene.world.secret("my-pat")))
    event = scene.replace("my-pat", token="ghp_new")
    await scene.process.settle("a")
    assert scene.event(event) == {B}


async def test_a_seed_that_two_name(scene: Scene) -> None:
    scene.world.api.put(app_body())
    scene.world.api.put(secret("acme-app", {"private-key.pem": keys.pem(), "client-secret": "x"}))
    old = scene.world.github.sign_in("old").reveal()
    scene.world.api.put(secret("alice-seed", {"refresh_token": old}))
    for key in (A, B):
        scene.world.api.put(user_body(key.name, uid=f"uid-{key.name}"))
        await scene.process.settle(key.name)
    scene.event(copy.deepcopy(scene.world.secret("alice-seed")))
    event = scene.replace("alice-seed", refresh_token=scene.world.github.sign_in("new").reveal())
    await scene.process.run("a")
    assert scene.event(event) == {B}


@pytest.mark.parametrize(
    "change",
    [lambda: {"client-secret": "another"}, lambda: {"private-key.pem": keys.pem("another")}],
    ids=["the client secret", "the private key"],
)
async def test_a_secret_of_an_app_that_a_token_read_first(scene: Scene, change: Callable[[], dict[str, str]]) -> None:
    scene.world.api.put(app_body())
    scene.world.api.put(secret("acme-app", {"private-key.pem": keys.pem(), "client-secret": "x"}))
    scene.world.api.put(githubtoken_body("a", uid="uid-a"))
    await scene.process.settle("a")
    await scene.process.app_runs.run(APP)
    scene.event(copy.deepcopy(scene.world.secret("acme-app")))
    event = scene.replace("acme-app", **change())
    await scene.process.apps.changed_since(APP, await scene.process.apps.resolve(APP))
    await scene.process.run("a")
    assert APP in scene.event(event)
    scene.process.woken.clear()
    await scene.process.app_runs.run(APP)
    assert (A, 0.0) in scene.process.woken


async def test_a_secret_of_an_app_that_changes_while_it_is_read_for_the_first_time(scene: Scene) -> None:
    """Nothing was said of what the App depends on before."""
    scene.world.api.put(app_body(clientSecretSecretRef={"name": "acme-oauth", "key": "client-secret"}))
    scene.world.api.put(secret("acme-app", {"private-key.pem": keys.pem()}))
    scene.world.api.put(secret("acme-oauth", {"client-secret": "x"}))
    woken: list[set[Ref]] = []

    def change() -> None:
        woken.append(scene.event(scene.replace("acme-app", **{"private-key.pem": keys.pem("another")})))

    scene.world.faults.once("GET secrets/acme-oauth", change)
    await scene.process.app_runs.run(APP)
    assert woken == [{APP}]


async def test_what_was_read_before_a_change_serves_nobody_after_it(scene: Scene) -> None:
    """The read began before the change, and ends after its event came."""
    scene.world.api.put(app_body(clientSecretSecretRef={"name": "acme-oauth", "key": "client-secret"}))
    scene.world.api.put(secret("acme-app", {"private-key.pem": keys.pem()}))
    scene.world.api.put(secret("acme-oauth", {"client-secret": "x"}))

    def change() -> None:
        scene.event(scene.replace("acme-app", **{"private-key.pem": keys.pem("another")}))

    scene.world.faults.once("GET secrets/acme-oauth", change)
    before = await scene.process.apps.resolve(APP)
    after = await scene.process.apps.resolve(APP)
    assert before.digest != after.digest


async def test_what_the_operator_writes_comes_back_to_nobody(scene: Scene) -> None:
    scene.world.api.put(app_body(clientID=None, clientSecretSecretRef=None))
    scene.world.api.put(secret("acme-app", {"private-key.pem": keys.pem()}))
    scene.world.api.put(githubtoken_body("a", uid="uid-a"))
    await scene.process.settle("a")
    assert scene.event(copy.deepcopy(scene.world.secret("a"))) == set()
