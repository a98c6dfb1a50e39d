"""No key runs before the watches have brought what was there at the start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, Unavailable
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import Watched


class Scene:
    """Two kinds are listed; at each wait the next of `then` happens, and after the last nothing more."""

    def __init__(self, *then: Callable[[FirstLists], object], namespaces: Sequence[str] = ()) -> None:
        self.watched = Watched()
        self.refused: set[str] = set()
        self.failing = False
        self.asked: list[tuple[Kind, str]] = []
        self.waited_for: list[str | None] = []
        self._then = list(then)
        self.lists = FirstLists(
            cluster=cast("Cluster", self),
            watched=self.watched,
            kinds=[Kind.TOKEN, Kind.SECRET],
            namespaces=namespaces,
            patience=self._patience,
        )

    async def list_one(self, kind: Kind, namespace: str) -> None:
        self.asked.append((kind, namespace))
        if self.failing:
            raise Unavailable(503, "not now")
        if namespace in self.refused:
            raise Forbidden(403, "cannot list")

    async def _patience(self, _: asyncio.Event) -> None:
        self.waited_for.append(self.lists.missing)
        assert not self.lists.complete.is_set()
        self._then.pop(0)(self.lists)


def nothing(_: FirstLists) -> None:
    """Nothing comes in the time that is waited."""


def listed(kind: Kind, namespace: str | None = None) -> Callable[[FirstLists], object]:
    return lambda lists: lists.listed(kind, namespace)


async def test_each_kind_is_waited_for_and_named_until_its_list_is_complete() -> None:
    scene = Scene(nothing, listed(Kind.TOKEN), listed(Kind.SECRET))
    await scene.lists.wait()
    assert scene.waited_for == ["not listed yet: GitHubToken, Secret"] * 2 + ["not listed yet: Secret"]
    assert scene.lists.missing is None
    assert scene.lists.complete.is_set()


async def test_what_is_not_in_a_complete_list_is_known_not_to_be_there() -> None:
    scene = Scene(listed(Kind.TOKEN), listed(Kind.SECRET))
    assert not scene.watched.store.lacks(Kind.TOKEN, ("team", "ci"))
    await scene.lists.wait()
    assert scene.watched.store.lacks(Kind.TOKEN, ("team", "ci"))


async def test_a_kind_is_known_once_all_its_namespaces_are() -> None:
    lists = [listed(kind, namespace) for namespace in ("a", "b") for kind in (Kind.TOKEN, Kind.SECRET)]
    scene = Scene(*lists, namespaces=["a", "b"])
    await scene.lists.wait()
    assert scene.waited_for[-1] == "not listed yet: Secret"
    assert scene.asked == [
        (Kind.TOKEN, "b"),
        (Kind.SECRET, "a"),
        (Kind.SECRET, "b"),
        (Kind.TOKEN, "b"),
        (Kind.SECRET, "b"),
    ]


async def test_a_list_that_comes_again_says_nothing_new() -> None:
    scene = Scene(listed(Kind.TOKEN), listed(Kind.TOKEN), listed(Kind.SECRET))
    await scene.lists.wait()
    assert scene.lists.missing is None


async def test_a_namespace_whose_rights_are_gone_holds_up_no_other_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here = [listed(kind, "team") for kind in (Kind.TOKEN, Kind.SECRET)]
    scene = Scene(*here, nothing, namespaces=["gone", "team"])
    scene.refused.add("gone")
    await scene.lists.wait()
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1, "an API server that has just started refuses some for a moment"
    assert "gone is not waited for" in warned[0]


ALL = [listed(kind, name) for kind in (Kind.TOKEN, Kind.SECRET) for name in "ab"]


async def test_an_api_server_that_has_just_started_refuses_all_and_is_waited_for() -> None:
    scene = Scene(*[nothing] * 4, lambda _: scene.refused.clear(), *ALL, namespaces="ab")
    scene.refused |= {"a", "b"}
    await scene.lists.wait()
    assert len(scene.waited_for) == 9


async def test_an_api_server_that_does_not_answer_is_waited_for() -> None:
    scene = Scene(*[nothing] * 4, *ALL, namespaces="ab")
    scene.failing = True
    await scene.lists.wait()
    assert len(scene.waited_for) == 8
