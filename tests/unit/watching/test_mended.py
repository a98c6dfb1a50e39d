"""What is mended in the cluster is tried at once: each event wakes somebody whose run acts, and no time has to pass.

So it is by the process that saw the trouble, by one that has begun since, and by one that begins after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.one_secret import DELETED
from githubtoken_operator.domain.objects.secrets import ROLE, encoded, labels_of, trimmed
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import TOKENS, WATCHED, Ref
from githubtoken_operator.watching.intake import Intake
from tests.unit.builders import (
    NAMESPACE,
    app_body,
    cluster_app_body,
    githubtoken_body,
    namespace_body,
    personal_body,
    secret,
    user_body,
)
from tests.unit.fakes import Process, World
from tests.unit.keys import pem

SUSPENDED = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
REFUSED = Terminal(reasons.AUTHENTICATION_FAILED, "another App's key")
KEYS = {"private-key.pem": pem(), "client-secret": "the-client-secret"}
APP_SECRET = secret("acme-app", KEYS, labels={ROLE: "app"})


class Driven:
    """A process whose keys run when they are woken, and never because it is time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.process: Process = world.start(watching=False)
        self._due: dict[Ref, None] = {}
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731
        self._intake = Intake(
            watched=self.process.watched,
            notes=(self.process.users, self.process.known),
            app_runs=self.process.app_runs,
            metrics=self.process.metrics,
            scheduler=cast("Any", SimpleNamespace(wake=self._wake, expect=nothing)),
            first_lists=cast("Any", None),
            named=cast("Any", SimpleNamespace(labelled=nothing, names=nothing, gone=nothing)),
        )
        for key, body in world.api.objects.items():
            self._event(key, body, body["metadata"]["resourceVersion"])
        for kind in WATCHED:
            self.process.watched.store.complete(kind)
        world.api.watcher = self._event

    def _wake(self, key: Ref) -> None:
        self._due[key] = None

    def _event(self, key: str, body: JSON | None, version: str) -> None:
        plural, name = key.split("/")
        kind = next((kind for kind in WATCHED if kind.plural == plural), None)
        if kind is None:
            return
        ref = Ref(kind, NAMESPACE if kind.namespaced else "", name)
        unlabelled = body is not None and ROLE not in labels_of(body)
        if kind is Kind.SECRET and (unlabelled or not (body or self.process.watched.is_delivered(ref))):
            self._intake.found(ref, trimmed(dict(body)) if body is not None else None)
        elif body is None:
            meta = {"name": name, "namespace": ref.namespace, "resourceVersion": version}
            self._intake.brought(plural, DELETED, {"metadata": meta})
        else:
            self._intake.brought(plural, "MODIFIED", trimmed(dict(body)))

    async def run(self) -> None:
        """Runs whoever is woken, until nobody is."""
        for _ in range(50):
            self._due |= dict.fromkeys(key for key, _ in self.process.woken)
            self.process.woken.clear()
            self.process.turns.pump()
            if not self._due:
                return
            key = next(iter(self._due))
            del self._due[key]
            runs: Any = self.process.reconciler if key.kind in TOKENS else self.process.app_runs
            again = await runs.run(key)
            assert again is None or again.due > self.world.clock.now.timestamp(), key
        raise AssertionError("it has no end")


@dataclass
class Trouble:
    """What there is, and how a human mends it."""

    reason: str
    there: list[dict[str, Any]]
    mend: Callable[[World], object]
    refuses: dict[str, Exception] = field(default_factory=dict)


def edited(key: str, **data: str) -> Callable[[World], object]:
    return lambda world: world.api.edit(key, lambda it: it["data"].update(encoded(data)))


def respecified(key: str, **spec: Any) -> Callable[[World], object]:  # noqa: ANN401 - fields of the spec
    def change(body: dict[str, Any]) -> None:
        body["spec"] |= spec
        body["metadata"]["generation"] += 1

    return lambda world: world.api.edit(key, change)


def put(body: dict[str, Any]) -> Callable[[World], object]:
    return lambda world: world.api.put(body)


def labelled(world: World) -> None:
    world.api.edit("namespaces/team", lambda it: it["metadata"].update(labels={"ci": "true"}))


OF_CLUSTER_APP = githubtoken_body(appRef={"kind": "ClusterGitHubApp", "name": "acme"})
BY_LABEL = {"from": "Selector", "selector": {"matchLabels": {"ci": "true"}}}
SEED = secret("alice-seed", {"refresh_token": "ghr_alice"})
TROUBLES = [
    pytest.param(Trouble(reasons.APP_NOT_FOUND, [githubtoken_body(), APP_SECRET], put(app_body())), id="no App"),
    pytest.param(
        Trouble(
            reasons.APP_NOT_READY,
            [app_body(caBundle="bm90IFBFTQ=="), githubtoken_body(), APP_SECRET],
            respecified("githubapps/acme", caBundle=None),
        ),
        id="an App that cannot be served",
    ),
    pytest.param(
        Trouble(reasons.PRIVATE_KEY_MISSING, [app_body(), githubtoken_body()], put(APP_SECRET)), id="no Secret"
    ),
    pytest.param(
        Trouble(reasons.PRIVATE_KEY_MISSING, [app_body(), githubtoken_body()], put(secret("acme-app", KEYS))),
        id="no Secret, and then one without a label",
    ),
    pytest.param(
        Trouble(
            reasons.PRIVATE_KEY_INVALID,
            [app_body(), githubtoken_body(), secret("acme-app", {"private-key.pem": "none"})],
            edited("secrets/acme-app", **KEYS),
        ),
        id="a wrong key",
    ),
    pytest.param(
        Trouble(
            reasons.HOST_NOT_ALLOWED,
            [app_body(apiURL="https://evil.example"), githubtoken_body(), APP_SECRET],
            respecified("githubapps/acme", apiURL="https://api.github.com"),
        ),
        id="a wrong host",
    ),
    pytest.param(
        Trouble(
            reasons.POLICY_DENIED,
            [
                app_body(maxPermissions={"contents": "read"}),
                githubtoken_body(installation={"id": 678, "permissions": {"contents": "write"}}),
                APP_SECRET,
            ],
            respecified("githubapps/acme", maxPermissions={"contents": "write"}),
        ),
        id="a limit of the App's",
    ),
    pytest.param(
        Trouble(
            reasons.APP_NOT_ALLOWED,
            [cluster_app_body(allowedNamespaces=BY_LABEL), OF_CLUSTER_APP, APP_SECRET, namespace_body()],
            labelled,
        ),
        id="a namespace without the label",
    ),
    pytest.param(
        Trouble(
            reasons.APP_NOT_ALLOWED,
            [cluster_app_body(allowedNamespaces=BY_LABEL), OF_CLUSTER_APP, APP_SECRET, namespace_body()],
            respecified("clustergithubapps/acme", allowedNamespaces={"from": "All"}),
        ),
        id="an App that admits none",
    ),
    pytest.param(
        Trouble(
            reasons.CLIENT_SECRET_MISSING,
            [app_body(), user_body(), secret("acme-app", {"private-key.pem": pem()}), SEED],
            edited("secrets/acme-app", **KEYS),
        ),
        id="no client secret",
    ),
    pytest.param(Trouble(reasons.CREDENTIAL_MISSING, [app_body(), user_body(), APP_SECRET], put(SEED)), id="no seed"),
    pytest.param(
        Trouble(
            reasons.CREDENTIAL_MISSING,
            [app_body(), user_body(), APP_SECRET, secret("alice-seed", {"refresh_token": "none"})],
            edited("secrets/alice-seed", refresh_token="ghr_alice"),
        ),
        id="a wrong seed",
    ),
    pytest.param(
        Trouble(
            reasons.REAUTHORIZATION_REQUIRED,
            [app_body(), user_body(), APP_SECRET, secret("alice-seed", {"refresh_token": "ghr_spent"})],
            edited("secrets/alice-seed", refresh_token="ghr_alice"),
        ),
        id="a spent seed",
    ),
    pytest.param(
        Trouble(reasons.CREDENTIAL_MISSING, [personal_body()], put(secret("my-pat", {"token": "ghp_good"}))),
        id="no personal token",
    ),
    pytest.param(
        Trouble(
            reasons.AUTHENTICATION_FAILED,
            [personal_body(), secret("my-pat", {"token": "ghp_bad"})],
            edited("secrets/my-pat", token="ghp_good"),
        ),
        id="a personal token that GitHub refuses",
    ),
    pytest.param(
        Trouble(
            reasons.AUTHENTICATION_FAILED,
            [app_body(), githubtoken_body(), APP_SECRET],
            edited("secrets/acme-app", **{"private-key.pem": pem("another")}),
            {"get_app": REFUSED},
        ),
        id="a key that GitHub refuses",
    ),
    pytest.param(
        Trouble(
            reasons.AUTHENTICATION_FAILED,
            [app_body(), user_body(), APP_SECRET, SEED],
            edited("secrets/acme-app", **{"client-secret": "another"}),
            {"refresh": REFUSED},
        ),
        id="a client secret that GitHub refuses",
    ),
    pytest.param(
        Trouble(
            reasons.INSTALLATION_SUSPENDED,
            [app_body(), githubtoken_body(), APP_SECRET],
            respecified("githubtokens/ci", installation={"id": 9}),
            {"mint": SUSPENDED},
        ),
        id="another spec",
    ),
]


@pytest.mark.parametrize("by", ["the same process", "the next process", "a process that begins after it"])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_is_mended_in_the_cluster_is_tried_at_once(trouble: Trouble, by: str) -> None:
    world = World()
    world.github.live.add("ghr_alice")
    world.github.personal = {"ghp_good": None}
    world.github.refuses |= trouble.refuses
    for body in trouble.there:
        world.api.put(body)
    driven = Driven(world)
    await driven.run()
    assert ready_of(world.status()) == ("False", trouble.reason)
    if by == "the next process":
        driven = Driven(world)
        await driven.run()
        assert ready_of(world.status()) == ("False", trouble.reason)
    world.github.refuses.clear()
    trouble.mend(world)
    await (Driven(world) if by == "a process that begins after it" else driven).run()
    assert ready_of(world.status()) == ("True", reasons.FRESH)
