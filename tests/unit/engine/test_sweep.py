"""What is deleted while no watch looks is noticed, and nothing else counts as deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from githubtoken_operator.adapters.kubernetes.api import Forbidden, Unavailable
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.engine import sweep as module
from githubtoken_operator.engine.sweep import Sweep
from githubtoken_operator.engine.watched import Ref, Watched
from tests.unit.builders import NAMESPACE, githubtoken_body, secret

CI = Ref(Kind.SECRET, NAMESPACE, "ci")
OTHER = Ref(Kind.SECRET, NAMESPACE, "other")
TOKEN = Ref(Kind.TOKEN, NAMESPACE, "ci")


class Scene:
    """Watches that brought two Secrets and a GitHubToken; `present` is what the API server lists."""

    def __init__(
        self,
        *,
        meanwhile: Callable[[Watched], object] | None = None,
        namespaces: Sequence[str] = (),
        elsewhere: Callable[[Ref], bool] = lambda _: False,
    ) -> None:
        self.watched = Watched()
        self.gone: list[Ref] = []
        self.lists = 0
        self.failures = 0
        self.refused: set[str] = set()
        self._namespaces = namespaces
        self.present = {CI, OTHER, TOKEN}
        self._meanwhile = meanwhile
        for ref in (CI, OTHER):
            self.watched.deliver(ref, secret(ref.name))
        self.watched.deliver(TOKEN, githubtoken_body())
        kinds = [Kind.TOKEN, Kind.SECRET]
        self.sweep = Sweep(
            cluster=cast("Cluster", self),
            watched=self.watched,
            gone=self.gone.append,
            kinds=kinds,
            namespaces=namespaces,
            elsewhere=elsewhere,
        )

    async def list_names(self, kind: Kind, namespaces: Sequence[str]) -> set[tuple[str, str]]:
        assert len(namespaces) == bool(self._namespaces)
        self.lists += 1
        if self.refused & {*namespaces}:
            raise Forbidden(403, "cannot list")
        if self.failures:
            self.failures -= 1
            raise Unavailable(503, "not now")
        if self._meanwhile is not None:
            self._meanwhile(self.watched)
        return {
            (ref.namespace, ref.name)
            for ref in self.present
            if ref.kind is kind and (not namespaces or ref.namespace in namespaces)
        }


async def test_of_what_is_watched_elsewhere_nothing_is_concluded() -> None:
    scene = Scene(elsewhere=CI.__eq__)
    scene.present = {TOKEN}
    await scene.sweep.once()
    assert scene.gone == [OTHER]


async def test_of_a_namespace_whose_rights_are_gone_nothing_is_concluded_and_the_others_are_looked_at() -> None:
    scene = Scene(namespaces=["gone", NAMESPACE])
    away = Ref(Kind.SECRET, "gone", "ci")
    scene.watched.deliver(away, secret("ci"))
    scene.refused.add("gone")
    scene.present.discard(CI)
    await scene.sweep.once()
    assert scene.gone == [CI]
    scene.refused.clear()
    await scene.sweep.once()
    assert away in scene.gone


async def test_where_all_is_refused_it_is_asked_again() -> None:
    scene = Scene(namespaces=["gone", NAMESPACE])
    scene.refused |= {"gone", NAMESPACE}
    with pytest.raises(Forbidden):
        await scene.sweep.once()
    assert scene.gone == []


@pytest.mark.parametrize("ref", [CI, TOKEN], ids=str)
async def test_what_is_not_listed_any_more_is_gone(ref: Ref) -> None:
    scene = Scene()
    scene.present.discard(ref)
    await scene.sweep.once()
    assert scene.gone == [ref]


async def test_where_all_is_there_nothing_is_gone() -> None:
    scene = Scene()
    await scene.sweep.once()
    assert scene.gone == []


async def test_what_only_a_run_has_read_is_not_missed() -> None:
    """A Secret without our label is in no list."""
    scene = Scene()
    seed = Ref(Kind.SECRET, NAMESPACE, "seed")
    scene.watched.depends(TOKEN, [seed])
    with scene.watched.run_of(TOKEN):
        scene.watched.saw(seed, secret("seed"))
    await scene.sweep.once()
    assert scene.gone == []


async def test_what_came_while_the_list_was_made_is_not_missed() -> None:
    new = Ref(Kind.TOKEN, NAMESPACE, "new")
    scene = Scene(meanwhile=lambda watched: watched.deliver(new, githubtoken_body("new")))
    await scene.sweep.once()
    assert scene.gone == []


async def test_a_deletion_that_was_told_meanwhile_is_not_told_twice() -> None:
    scene = Scene(meanwhile=lambda watched: watched.forget(CI))
    scene.present.discard(CI)
    await scene.sweep.once()
    assert scene.gone == []


async def test_it_sweeps_when_asked_and_again_where_the_api_server_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.0)
    scene = Scene()
    scene.present.discard(CI)
    scene.failures = 1
    running = asyncio.create_task(scene.sweep.run())
    await asyncio.sleep(0)
    assert scene.lists == 0
    scene.sweep.soon()
    await until(lambda: scene.gone)
    running.cancel()
    assert scene.gone == [CI]
    assert scene.lists == 1 + 2


async def test_it_sweeps_unasked_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.0)
    monkeypatch.setattr(module, "PERIOD", 0.0)
    scene = Scene()
    scene.present.discard(TOKEN)
    running = asyncio.create_task(scene.sweep.run())
    await until(lambda: TOKEN in scene.gone)
    running.cancel()


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop turn until the condition holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")
