"""The scheduler: earliest deadline first, one run of a key at a time, a bounded number at once, and a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import pytest

from githubtoken_operator.engine.scheduling import scheduler as scheduler_module
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.engine.scheduling.scheduler import RETRY_AFTER_CRASH, Ran, Scheduler


async def rounds(number: int = 20) -> None:
    """Lets everything run that can."""
    for _ in range(number):
        await asyncio.sleep(0)


class Workshop:
    """Runs that begin, and end when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.began: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self.returns: dict[str, Next] = {}
        self.crashes: set[str] = set()
        self._gates: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))
        self.must_finish: set[str] = set()
        self.told: list[Ran[str]] = []
        self.scheduler: Scheduler[str] = Scheduler(
            self.run,
            concurrency=2,
            now=lambda: self.now,
            must_finish=lambda task: task.get_name().removeprefix("run ") in self.must_finish,
            tell=self.told.append,
        )

    @property
    def running(self) -> int:
        return len(self.began) - len(self.ended)

    async def run(self, key: str) -> Next | None:
        self.began.append(key)
        self.most = max(self.most, self.running)
        await self._gates[key].acquire()
        self.ended.append(key)
        if key in self.crashes:
            raise ZeroDivisionError
        return self.returns.pop(key, None)

    async def finish(self, *keys: str) -> None:
        for key in keys:
            self._gates[key].release()
        await rounds()


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop()
    running = asyncio.create_task(made.scheduler.run())
    yield made
    for key in "abcdef":
        for _ in range(10):
            made._gates[key].release()
    await made.scheduler.drain()
    await running


async def test_a_key_that_is_woken_runs(workshop: Workshop) -> None:
    workshop.scheduler.wake("a")
    await rounds()
    assert workshop.began == ["a"]


async def test_only_so_many_run_at_once_and_the_rest_waits_in_order_of_deadline(workshop: Workshop) -> None:
    workshop.scheduler.add("a", Next(0, 1))
    workshop.scheduler.add("b", Next(0, 2))
    await rounds()
    for key, deadline in (("c", 30), ("d", 10), ("e", 20)):
        workshop.scheduler.add(key, Next(0, deadline))
    await rounds()
    assert workshop.began == ["a", "b"]
    assert workshop.scheduler.pending == 3
    await workshop.finish("a")
    assert workshop.began == ["a", "b", "d"]
    await workshop.finish("b", "d", "c", "e")
    assert workshop.began == ["a", "b", "d", "e", "c"]
    assert workshop.most == 2


class Hanging:
    """Eight places, and runs of keys `GROUP-NUMBER` that begin and do not end until they are let go."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self._go = asyncio.Event()
        self.scheduler: Scheduler[str] = Scheduler(
            self._run, concurrency=8, now=lambda: 0.0, group=lambda key: key.partition("-")[0]
        )

    async def _run(self, key: str) -> None:
        self.began.append(key)
        await self._go.wait()

    async def wake(self, group: str, number: int) -> None:
        for each in range(number):
            self.scheduler.wake(f"{group}-{each}")
        await rounds()

    def places(self) -> dict[str, int]:
        return dict(Counter(key.partition("-")[0] for key, _ in self.scheduler.running()))

    async def let_go(self) -> None:
        self._go.set()
        await rounds(200)


@pytest.fixture
async def hanging() -> AsyncIterator[Hanging]:
    made = Hanging()
    running = asyncio.create_task(made.scheduler.run())
    yield made
    await made.let_go()
    await made.scheduler.drain()
    await running


async def test_a_group_whose_runs_hang_leaves_a_place_for_each_other(hanging: Hanging) -> None:
    await hanging.wake("a", 50)
    assert hanging.places() == {"a": 6}
    await hanging.wake("b", 50)
    assert hanging.places() == {"a": 6, "b": 1}
    await hanging.wake("c", 1)
    assert hanging.places() == {"a": 6, "b": 1, "c": 1}


async def test_everything_of_a_group_gets_its_place_in_the_end(hanging: Hanging) -> None:
    await hanging.wake("a", 50)
    await hanging.wake("b", 5)
    await hanging.let_go()
    assert len(hanging.began) == 55
    assert hanging.places() == {}
    assert hanging.scheduler.pending == 0


async def full_and_woken(workshop: Workshop) -> None:
    """Both places are taken, by `a` and `b`, and `c` waits for one."""
    workshop.scheduler.add("a", Next(0, 1))
    workshop.scheduler.add("b", Next(0, 2))
    await rounds()
    workshop.scheduler.wake("c")


async def test_what_dies_within_a_minute_goes_before_everything_that_was_woken(workshop: Workshop) -> None:
    await full_and_woken(workshop)
    workshop.scheduler.add("d", Next(0, 50))
    workshop.scheduler.add("e", Next(0, 90))
    await workshop.finish("a", "b", "d", "c", "e")
    assert workshop.began == ["a", "b", "d", "c", "e"]


async def test_a_key_that_is_woken_while_it_waits_is_as_urgent_as_before(workshop: Workshop) -> None:
    await full_and_woken(workshop)
    workshop.scheduler.add("d", Next(1, 50))
    workshop.scheduler.wake("d")
    await workshop.finish("a", "b", "d", "c")
    assert workshop.began == ["a", "b", "d", "c"]


async def test_what_a_run_says_of_a_key_that_went_meanwhile_is_not_remembered(workshop: Workshop) -> None:
    workshop.returns["c"] = Next(1000, 1)
    workshop.scheduler.wake("c")
    await rounds()
    workshop.scheduler.expect("c", None)
    await workshop.finish("c")
    await full_and_woken(workshop)
    workshop.scheduler.add("d", Next(0, 50))
    await workshop.finish("a", "b", "d", "c")
    assert workshop.began == ["c", "a", "b", "d", "c"]


async def test_a_key_that_was_made_anew_meanwhile_is_as_urgent_as_its_object_says(workshop: Workshop) -> None:
    workshop.scheduler.wake("c")
    await rounds()
    workshop.scheduler.expect("c", None)
    workshop.scheduler.expect("c", 40)
    await workshop.finish("c")
    await full_and_woken(workshop)
    workshop.scheduler.add("d", Next(0, 50))
    await workshop.finish("a", "b", "c", "d")
    assert workshop.began == ["c", "a", "b", "c", "d"]


async def test_a_key_runs_once_at_a_time_and_once_more_where_it_was_woken_meanwhile(workshop: Workshop) -> None:
    workshop.scheduler.wake("a")
    await rounds()
    for _ in range(3):
        workshop.scheduler.wake("a")
    await rounds()
    assert workshop.began == ["a"]
    await workshop.finish("a")
    assert workshop.began == ["a", "a"]
    await workshop.finish("a")
    assert workshop.began == ["a", "a"]
    assert workshop.scheduler.pending == 0


async def test_a_run_says_when_it_wants_to_run_next(workshop: Workshop) -> None:
    workshop.returns["a"] = Next(50, 60)
    workshop.scheduler.wake("a")
    await rounds()
    await workshop.finish("a")
    assert workshop.scheduler.pending == 1
    assert workshop.began == ["a"]
    workshop.now = 50
    workshop.scheduler.wake("b")
    await rounds()
    assert workshop.began == ["a", "a", "b"]


async def test_a_run_that_wants_no_other_is_not_run_again(workshop: Workshop) -> None:
    workshop.scheduler.wake("a")
    await rounds()
    await workshop.finish("a")
    assert workshop.scheduler.pending == 0


async def test_what_came_meanwhile_and_is_earlier_than_what_the_run_wants_wins(workshop: Workshop) -> None:
    workshop.returns["a"] = Next(1000, 1000)
    workshop.scheduler.wake("a")
    await rounds()
    workshop.scheduler.wake("a", delay=20)
    workshop.scheduler.wake("a", delay=40)
    await workshop.finish("a")
    workshop.now = 20
    workshop.scheduler.wake("b")
    await rounds()
    assert workshop.began.count("a") == 2


async def test_a_delay_is_waited_for(workshop: Workshop) -> None:
    workshop.scheduler.wake("a", delay=10)
    await rounds()
    assert workshop.began == []
    workshop.now = 10
    workshop.scheduler.wake("b")
    await rounds()
    assert sorted(workshop.began) == ["a", "b"]


async def test_keys_that_are_due_while_every_place_is_taken_are_overdue(workshop: Workshop) -> None:
    for key in "abcd":
        workshop.scheduler.add(key, Next(0, 50))
    workshop.scheduler.add("e", Next(30, 5))
    await rounds()
    assert workshop.scheduler.overdue == 0
    workshop.now = 6
    assert workshop.scheduler.overdue == 2


async def test_a_crash_of_one_run_is_logged_and_tried_again_and_ends_nothing_else(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.crashes.add("a")
    workshop.scheduler.wake("a")
    await rounds()
    with caplog.at_level(logging.ERROR):
        await workshop.finish("a")
    (record,) = caplog.records
    assert record.getMessage() == "the run of a failed"
    assert record.exc_info is not None
    workshop.scheduler.wake("b")
    await rounds()
    assert workshop.began == ["a", "b"]
    workshop.now = RETRY_AFTER_CRASH
    workshop.scheduler.wake("c")
    await workshop.finish("b")
    assert sorted(workshop.began) == ["a", "a", "b", "c"]


async def test_a_key_that_is_woken_while_its_run_crashes_need_not_wait_so_long(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.crashes.add("a")
    workshop.scheduler.wake("a")
    await rounds()
    workshop.scheduler.wake("a")
    await workshop.finish("a")
    assert workshop.began == ["a", "a"]
    assert len(caplog.records) == 1


async def test_each_run_that_ended_is_told(workshop: Workshop) -> None:
    workshop.returns["a"] = wanted = Next(90, 100, "renewal")
    workshop.crashes.add("b")
    for key in "abc":
        workshop.scheduler.wake(key)
    await rounds()
    workshop.now = 2
    await workshop.finish("a", "b")
    workshop.now = 3
    await workshop.finish("c")
    crashed = Next(2 + RETRY_AFTER_CRASH, cause="crash")
    assert workshop.told == [
        Ran("a", 2, wanted, crashed=False),
        Ran("b", 2, crashed, crashed=True),
        Ran("c", 1, None, crashed=False),
    ]


async def test_it_says_who_has_a_place_and_who_waits_for_what(workshop: Workshop) -> None:
    workshop.scheduler.add("later", Next(60, 60, "renewal"))
    workshop.scheduler.wake("a")
    await rounds()
    workshop.now = 2
    workshop.scheduler.wake("b")
    await rounds()
    workshop.scheduler.wake("c")
    workshop.now = 5
    assert workshop.scheduler.running() == [("a", 5), ("b", 3)]
    assert workshop.scheduler.waiting(5) == [("c", -3, "event"), ("later", 55, "renewal")]
    assert workshop.scheduler.waiting(1) == [("c", -3, "event")]
    assert workshop.scheduler.causes() == {"event": 1, "renewal": 1}


async def test_a_drain_finishes_what_must_be_finished_cuts_off_the_rest_and_starts_nothing(workshop: Workshop) -> None:
    workshop.must_finish = {"a"}
    for key in "abc":
        workshop.scheduler.wake(key)
    await rounds()
    drained = asyncio.create_task(workshop.scheduler.drain())
    await rounds()
    assert not drained.done()
    workshop.scheduler.wake("d")
    workshop.scheduler.wake("a")
    await workshop.finish("a")
    assert drained.done()
    assert workshop.began == ["a", "b"]
    assert workshop.ended == ["a"]


async def test_a_key_runs_again_also_where_telling_of_a_run_fails() -> None:
    ran: list[str] = []

    async def run(key: str) -> Next:
        ran.append(key)
        return Next(0, 0)

    def tell(_: Ran[str]) -> None:
        raise RuntimeError("no metrics")

    scheduler: Scheduler[str] = Scheduler(run, concurrency=1, now=lambda: 0.0, tell=tell)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    scheduler.wake("a")
    running = asyncio.create_task(scheduler.run())
    for _ in range(100):
        await asyncio.sleep(0)
    await scheduler.drain()
    await running
    assert len(ran) > 1


async def test_a_drain_that_has_to_wait_tells_for_what(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduler_module, "TELL_EVERY", 0.0)
    caplog.set_level("INFO")
    workshop.must_finish = {"a"}
    workshop.scheduler.wake("a")
    await rounds()
    drained = asyncio.create_task(workshop.scheduler.drain())
    await rounds()
    assert caplog.messages[0] == "ending: waiting for a"
    await workshop.finish("a")
    await drained


async def test_it_begins_no_task_but_the_runs(workshop: Workshop) -> None:
    """kopf waits five seconds at its end for each task that was begun after it."""
    before = asyncio.all_tasks()
    workshop.scheduler.wake("a")
    await rounds()
    assert {task.get_name() for task in asyncio.all_tasks() - before} == {"run a"}


async def test_all_keys_are_looked_at_again_one_after_the_other_the_most_urgent_first(workshop: Workshop) -> None:
    for number, key in enumerate("abc"):
        workshop.scheduler.add(key, Next(1000, 3000 - number))
    workshop.scheduler.look_again()
    await rounds()
    assert workshop.began == ["c"]
    for key in "cb":
        workshop.now += scheduler_module.LOOKS_APART
        await workshop.finish(key)
    assert workshop.began == ["c", "b", "a"]


async def test_a_key_that_runs_while_all_are_looked_at_runs_once_more(workshop: Workshop) -> None:
    workshop.scheduler.wake("a")
    await rounds()
    workshop.scheduler.look_again()
    await workshop.finish("a")
    assert workshop.began == ["a", "a"]


async def test_a_run_that_has_not_begun_yet_is_cut_off_too(workshop: Workshop) -> None:
    workshop.scheduler.wake("a")
    for _ in range(10):
        if workshop.scheduler._running:
            break
        await asyncio.sleep(0)
    assert (len(workshop.scheduler._running), workshop.began) == (1, [])
    async with asyncio.timeout(5):
        await workshop.scheduler.drain()
    assert workshop.began == []


async def test_a_scheduler_that_was_never_started_is_drained_at_once() -> None:
    await Workshop().scheduler.drain()


async def test_while_everything_is_held_nothing_begins_and_then_the_most_urgent_goes_first() -> None:
    held, ran = True, list[str]()

    async def run(key: str) -> None:
        ran.append(key)

    scheduler: Scheduler[str] = Scheduler(run, concurrency=1, now=lambda: 0.0, held=lambda: held)
    running = asyncio.create_task(scheduler.run())
    scheduler.add("late", Next(0, 50))
    scheduler.add("soon", Next(0, 5))
    await rounds()
    assert ran == []
    held = False
    scheduler.go_on()
    await rounds()
    assert ran == ["soon", "late"]
    await scheduler.drain()
    await running
