"""Secrets that are named and have no label are followed one by one, and only as long as that is so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Unavailable
from githubtoken_operator.adapters.kubernetes.one_secret import Expired, OneSecret
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref, Watched
from githubtoken_operator.watching.named_secrets import BACKOFFS, LOOK_EVERY, NamedSecrets
from tests.unit.builders import NAMESPACE, secret

OWN = "operators"
APP = Ref(Kind.APP, NAMESPACE, "acme")
CLUSTER_APP = Ref(Kind.CLUSTER_APP, "", "acme")
TOKEN = Ref(Kind.TOKEN, NAMESPACE, "robot")
KEY = Ref(Kind.SECRET, NAMESPACE, "key")
SPEC = {"privateKeySecretRef": {"name": "key"}}


@dataclass
class Source:
    """Secrets; `answers` are what the next watches meet, and one that is not there brings what is put into `events`."""

    secrets: dict[str, JSON] = field(default_factory=dict)
    answers: list[ApiError | None] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    glances: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    since: list[str] = field(default_factory=list)
    events: dict[str, asyncio.Queue[tuple[JSON | None, bool, str] | None]] = field(default_factory=dict)

    async def present(self, namespace: str, name: str) -> tuple[JSON | None, str]:
        self.lists.append(f"{namespace}/{name}")
        return self.secrets.get(name), "1"

    async def glance(self, namespace: str, name: str) -> JSON | None:
        self.glances.append(f"{namespace}/{name}")
        return self.secrets.get(name)

    async def changes(self, namespace: str, name: str, since: str) -> AsyncGenerator[tuple[JSON | None, bool, str]]:
        assert namespace in {NAMESPACE, OWN}
        self.since.append(since)
        if self.answers and (error := self.answers.pop(0)) is not None:
            raise error
        self.open.add(name)
        self.opened.append(name)
        try:
            queue = self.events.setdefault(name, asyncio.Queue())
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self.open.discard(name)

    def bring(self, name: str, event: tuple[JSON | None, bool, str] | None) -> None:
        self.events.setdefault(name, asyncio.Queue()).put_nowait(event)


class Scene:
    """What follows Secrets, and a clock that a test moves; `told` and `forgotten` are what came of it."""

    def __init__(self, *, watches: int = 2) -> None:
        self.source = Source()
        self.told: list[tuple[str, JSON | None]] = []
        self.forgotten: list[Ref] = []
        self.delivered: set[Ref] = set()
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        watched = SimpleNamespace(is_delivered=self.delivered.__contains__, forget=self._forget)
        self.named = NamedSecrets(
            cast("OneSecret", self.source),
            cast("Watched", watched),
            own_namespace=OWN,
            sleep=self._sleep,
            watches=watches,
        )
        self.named.tell = self._tell

    def _tell(self, ref: Ref, body: JSON | None) -> None:
        self.told.append((ref.name, body))
        if body is not None:
            self.delivered.add(ref)
        elif ref in self.delivered:
            self.delivered.discard(ref)
            self.named.gone(ref)

    def _forget(self, ref: Ref) -> None:
        self.forgotten.append(ref)
        self.delivered.discard(ref)

    async def _sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def after(self, seconds: float) -> None:
        """What happens within so many seconds from now."""
        end = self.now + seconds
        await self.settle()
        while due := min((at for at, woken in self._sleepers if at <= end and not woken.is_set()), default=None):
            self.now = max(self.now, due)
            for at, woken in self._sleepers:
                if at <= self.now:
                    woken.set()
            await self.settle()
        self.now = end

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    def label(self, ref: Ref) -> None:
        """kopf's watch brings it."""
        self.named.labelled(ref)
        self.delivered.add(ref)

    def unlabel(self, ref: Ref) -> None:
        """kopf's watch tells that it has gone."""
        self.delivered.discard(ref)
        self.named.gone(ref)


@asynccontextmanager
async def running(scene: Scene) -> AsyncIterator[None]:
    ready = asyncio.Event()
    ready.set()
    tasks = [asyncio.create_task(work) for work in (scene.named.run(ready), scene.named.look_around(ready))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    assert not scene.source.open


async def test_a_named_secret_is_told_as_it_is_and_each_change_of_it() -> None:
    scene = Scene()
    first, second = secret("key", {"a": "1"}), secret("key", {"a": "2"})
    scene.source.secrets["key"] = first
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(2)
        scene.source.bring("key", (second, True, "5"))
        scene.source.bring("key", ({"metadata": {}}, False, "6"))
        scene.source.bring("key", (None, True, "7"))
        await scene.settle()
        assert scene.told == [("key", first), ("key", second), ("key", None)]
        assert (scene.named.watched, scene.named.looked_at) == (1, 0)


async def test_of_a_cluster_scoped_object_it_is_in_the_operators_namespace() -> None:
    scene = Scene()
    scene.named.names(CLUSTER_APP, SPEC)
    async with running(scene):
        await scene.after(2)
        assert scene.source.lists == [f"{OWN}/key"]


async def test_one_with_the_label_is_left_to_the_watch_by_label() -> None:
    scene = Scene()
    scene.named.names(APP, SPEC)
    scene.label(KEY)
    async with running(scene):
        await scene.after(2 * LOOK_EVERY)
        assert (scene.source.lists, scene.source.glances) == ([], [])
        scene.unlabel(KEY)
        await scene.after(2)
        assert scene.source.open == {"key"}
        scene.label(KEY)
        await scene.after(2)
        assert not scene.source.open
        assert scene.forgotten == []


async def test_a_secret_that_nothing_names_any_more_is_followed_no_longer() -> None:
    scene = Scene()
    scene.source.secrets["key"] = secret("key")
    scene.named.names(APP, SPEC)
    scene.named.names(TOKEN, {"personal": {"secretRef": {"name": "key"}}})
    async with running(scene):
        await scene.after(2)
        scene.named.gone(APP)
        await scene.after(2)
        assert scene.source.open == {"key"}
        scene.named.names(TOKEN, {"installation": {"owner": "acme"}})
        await scene.after(2)
        assert not scene.source.open
        assert scene.forgotten == [KEY]
        assert scene.source.opened == ["key"]
        assert (scene.named.watched, scene.named.looked_at) == (0, 0)


async def test_nothing_is_asked_once_the_process_ends() -> None:
    scene = Scene(watches=1)
    for name in ("watched", "looked-at"):
        scene.named.names(Ref(Kind.TOKEN, NAMESPACE, name), {"personal": {"secretRef": {"name": name}}})
    async with running(scene):
        await scene.after(2)
        asked = len(scene.source.lists), len(scene.source.glances)
        await scene.named.end()
        await scene.after(2 * LOOK_EVERY)
        assert (len(scene.source.lists), len(scene.source.glances)) == asked


async def test_what_has_no_place_is_looked_at_each_minute_until_a_place_is_free() -> None:
    scene = Scene(watches=2)
    for number in range(4):
        ref = Ref(Kind.TOKEN, NAMESPACE, f"robot-{number}")
        scene.named.names(ref, {"personal": {"secretRef": {"name": f"pat-{number}"}}})
    async with running(scene):
        await scene.after(2)
        assert scene.source.open == {"pat-0", "pat-1"}
        assert (scene.named.watched, scene.named.looked_at) == (2, 2)
        scene.source.secrets["pat-2"] = secret("pat-2")
        await scene.after(3 * LOOK_EVERY)
        assert scene.source.glances.count(f"{NAMESPACE}/pat-2") == 3
        assert scene.source.glances.count(f"{NAMESPACE}/pat-0") == 0
        assert ("pat-2", scene.source.secrets["pat-2"]) in scene.told
        scene.named.gone(Ref(Kind.TOKEN, NAMESPACE, "robot-0"))
        await scene.after(2)
        assert scene.source.open == {"pat-1", "pat-2"}


async def test_a_watch_goes_on_where_it_ended() -> None:
    scene = Scene()
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(2)
        scene.source.bring("key", ({}, False, "9"))
        scene.source.bring("key", None)
        await scene.after(2)
        assert scene.source.since == ["1", "9"]
        assert len(scene.source.lists) == 1


async def test_what_the_api_server_does_not_remember_is_read_anew() -> None:
    scene = Scene()
    scene.source.answers = [Expired(410, "too old")]
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(3)
        assert len(scene.source.lists) == 2
        assert scene.source.open == {"key"}


async def test_an_api_server_that_is_away_is_tried_less_and_less_often() -> None:
    scene = Scene()
    scene.source.answers = [Unavailable(0, "away")] * 1000
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(300)
        assert 300 / BACKOFFS[-1] <= len(scene.source.since) <= 40
        scene.source.answers.clear()
        await scene.after(BACKOFFS[-1])
        assert scene.source.open == {"key"}


async def test_one_that_may_not_be_watched_is_looked_at_each_minute_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.source.answers = [Forbidden(403, "cannot watch secrets")] * 3
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(2 * LOOK_EVERY + 5)
        assert len(scene.source.glances) == 3
        assert (scene.named.watched, scene.named.looked_at) == (0, 1)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        await scene.after(LOOK_EVERY)
        assert scene.source.open == {"key"}
        scene.source.bring("key", ({}, False, "9"))
        await scene.settle()
        assert (scene.named.watched, scene.named.looked_at) == (1, 0)


async def test_nothing_begins_after_the_end() -> None:
    scene = Scene()
    scene.named.names(APP, SPEC)
    async with running(scene):
        await scene.after(2)
        await scene.named.end()
        assert not scene.source.open
        scene.named.names(TOKEN, {"personal": {"secretRef": {"name": "pat"}}})
        await scene.after(2)
        assert not scene.source.open


async def test_a_defect_ends_the_process_and_is_not_swallowed() -> None:
    scene = Scene()

    async def broken(*_: Any) -> tuple[JSON | None, str]:  # noqa: ANN401
        raise KeyError("a defect")

    scene.source.present = broken  # type: ignore[assignment]
    scene.named.names(APP, SPEC)
    ready = asyncio.Event()
    ready.set()
    task = asyncio.create_task(scene.named.run(ready))
    await scene.after(2)
    with pytest.raises(KeyError, match="a defect"):
        await task
