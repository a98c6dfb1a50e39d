"""No key runs before the watches have brought what was there at the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import pytest

from githubtoken_operator.adapters.kubernetes.api import Forbidden, Unavailable
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.engine.first_lists import LISTED_ANEW, LOOK, FirstLists
from githubtoken_operator.engine.watched import Ref, Watched
from tests.unit.builders import NAMESPACE, githubtoken_body, secret

TOKEN = Ref(Kind.TOKEN, NAMESPACE, "ci")
SECRET = Ref(Kind.SECRET, NAMESPACE, "ci")
BODIES = {TOKEN: githubtoken_body(), SECRET: secret("ci")}


class Scene:
    """An API server that has `present`; at each sleep the next of `then` happens."""

    def __init__(
        self, *present: Ref, then: Sequence[Callable[[Scene], object]] = (), namespaces: Sequence[str] = ()
    ) -> None:
        self.present = set(present)
        self.watched = Watched()
        self.failures = 0
        self.refused: set[str] = set()
        self._namespaces = namespaces
        self.slept: list[float] = []
        self.waited_for: list[str | None] = []
        self._then = list(then)
        self.lists = FirstLists(
            cluster=cast("Cluster", self),
            watched=self.watched,
            kinds=[Kind.TOKEN, Kind.SECRET],
            namespaces=namespaces,
            sleep=self._sleep,
        )

    async def list_names(self, kind: Kind, namespaces: Sequence[str]) -> set[tuple[str, str]]:
        assert len(namespaces) == bool(self._namespaces)
        if self.refused & {*namespaces}:
            raise Forbidden(403, "cannot list")
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


async def test_a_namespace_whose_rights_are_gone_holds_up_no_other_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(TOKEN, namespaces=["gone", NAMESPACE], then=[lambda scene: scene.bring(TOKEN)])
    scene.refused.add("gone")
    await scene.lists.wait()
    assert scene.slept == [LISTED_ANEW], "an API server that has just started refuses some for a moment"
    assert [record.levelname for record in caplog.records if "gone is not waited for" in record.message] == ["WARNING"]


async def test_an_api_server_that_has_just_started_refuses_all_and_is_waited_for() -> None:
    scene = Scene(namespaces=["gone", NAMESPACE], then=[lambda _: None] * 3 + [lambda scene: scene.refused.clear()])
    scene.refused |= {"gone", NAMESPACE}
    await scene.lists.wait()
    assert scene.slept == [LISTED_ANEW] * 4


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
