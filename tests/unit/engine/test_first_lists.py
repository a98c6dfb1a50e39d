"""No key runs before the watches have brought what was there at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from githubtoken_operator.adapters.kubernetes.api import Unavailable
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.engine.first_lists import LISTED_ANEW, LOOK, FirstLists
from githubtoken_operator.engine.watched import Ref, Watched
from tests.unit.builders import NAMESPACE, githubtoken_body, secret

TOKEN = Ref(Kind.TOKEN, NAMESPACE, "ci")
SECRET = Ref(Kind.SECRET, NAMESPACE, "ci")
BODIES = {TOKEN: githubtoken_body(), SECRET: secret("ci")}


class Scene:
    """An API server that has `present`; at each sleep the next of `then` happens."""

    def __init__(self, *present: Ref, then: Sequence[Callable[[Scene], object]] = ()) -> None:
        self.present = set(present)
        self.watched = Watched()
        self.failures = 0
        self.slept: list[float] = []
        self.waited_for: list[str | None] = []
        self._then = list(then)
        self.lists = FirstLists(
            cluster=cast("Cluster", self),
            watched=self.watched,
            kinds=[Kind.TOKEN, Kind.SECRET],
            namespaces=[],
            sleep=self._sleep,
        )

    async def list_names(self, kind: Kind, namespaces: Sequence[str]) -> set[tuple[str, str]]:
        assert namespaces == []
        if self.failures:
            self.failures -= 1
            raise Unavailable(503, "not now")
        return {(ref.namespace, ref.name) for ref in self.present if ref.kind is kind}

    def bring(self, ref: Ref) -> None:
        self.watched.deliver(ref, BODIES[ref])

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.waited_for.append(self.lists.missing)
        assert not self.lists.complete.is_set()
        if self._then:
            self._then.pop(0)(self)


async def test_an_empty_cluster_is_listed_at_once() -> None:
    scene = Scene()
    await scene.lists.wait()
    assert scene.slept == []
    assert scene.lists.missing is None
    assert scene.lists.complete.is_set()


async def test_what_is_there_is_waited_for_and_named_by_its_kind() -> None:
    scene = Scene(TOKEN, SECRET, then=[lambda scene: scene.bring(TOKEN), lambda scene: scene.bring(SECRET)])
    await scene.lists.wait()
    assert scene.waited_for == ["not listed yet: GitHubToken, Secret", "not listed yet: Secret"]
    assert scene.lists.complete.is_set()


async def test_what_is_deleted_before_a_watch_brings_it_is_waited_for_no_longer() -> None:
    scene = Scene(SECRET, then=[lambda scene: scene.present.discard(SECRET)])
    await scene.lists.wait()
    assert scene.slept == [LOOK] * round(LISTED_ANEW / LOOK)


async def test_an_api_server_that_does_not_answer_is_asked_again() -> None:
    scene = Scene()
    scene.failures = 2
    await scene.lists.wait()
    assert scene.slept == [LISTED_ANEW] * 2
