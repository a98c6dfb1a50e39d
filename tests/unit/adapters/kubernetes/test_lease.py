"""At most one candidate holds the Lease, and somebody does in the end.

The tests run on an event loop whose time is virtual: when nothing else is to be done, it jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import re
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.adapters.clock import boottime
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden, NotFound, Unavailable
from githubtoken_operator.adapters.kubernetes.lease import Lease, Uncontested

DURATION = 15.0
DEADLINE = 10.0
INTERVAL = DEADLINE / 3
COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/here/leases"
OBJECT = f"{COLLECTION}/githubtoken-operator"


class VirtualTime(selectors.DefaultSelector):
    """Where the loop would wait, time jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.jumped: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for something that never comes"
        self.now += max(timeout, 0)
        self.jumped()
        return super().select(0)


def simulate(test: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    selector = VirtualTime()

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.now  # type: ignore[method-assign]
        return loop

    async def bounded() -> None:
        async with asyncio.timeout(100_000):
            await test(World(selector))

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(bounded())


class Server:
    """The Lease as an API server keeps it: each write needs the present resourceVersion."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.version = 0

    @property
    def spec(self) -> dict[str, Any]:
        assert self.stored is not None
        spec: dict[str, Any] = self.stored["spec"]
        return spec

    def handle(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        if method == "POST" and self.stored is not None:
            raise Conflict(409, "it exists")
        if method != "POST" and self.stored is None:
            raise NotFound(404, "it does not exist")
        if method == "PUT" and body is not None and body["metadata"].get("resourceVersion") != str(self.version):
            raise Conflict(409, "it was modified")
        assert path == (COLLECTION if method == "POST" else OBJECT)
        if body is not None:
            self.store(body)
        return copy.deepcopy(self.stored or {})

    def store(self, body: Mapping[str, Any]) -> None:
        self.version += 1
        self.stored = copy.deepcopy(dict(body))
        self.stored["metadata"] = {**self.stored["metadata"], "resourceVersion": str(self.version)}

    def edit(self, **spec: Any) -> None:  # noqa: ANN401 - fields of a spec.
        assert self.stored is not None
        self.store({**self.stored, "spec": {**self.spec, **spec}})


class Network(Api):
    """One candidate's way to the server: `fault` runs before each request, `loss` after it was handled."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.fault: Callable[[str], Awaitable[None]] = nothing
        self.loss: Callable[[str], Awaitable[None]] = nothing
        self.requests: list[str] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        **_options: object,
    ) -> dict[str, Any]:
        self.requests.append(method)
        travel = asyncio.create_task(self._travel(method, path, body))
        travel.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Whoever gives up waiting does not call the request back.
        return await asyncio.shield(travel)

    async def _travel(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        await self.fault(method)
        answer = self._server.handle(method, path, body)
        await self.loss(method)
        return answer


async def nothing(_method: str) -> None:
    await asyncio.sleep(0.01)


async def refuse(_method: str) -> None:
    raise Unavailable(0, "the API server cannot be reached")


async def linger(_method: str) -> None:
    await asyncio.sleep(5)


async def hang(_method: str) -> None:
    await asyncio.sleep(1e6)


def on(method: str, fault: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
    async def only(asked: str) -> None:
        await (fault if asked == method else nothing)(asked)

    return only


class Candidate:
    """A Lease with its network and a machine that can be suspended."""

    def __init__(self, world: World, duration: float, jitter: float) -> None:
        self.network = Network(world.server)
        self.suspended = 0.0
        self.lease = Lease(
            self.network,
            "here",
            duration=duration,
            boottime=lambda: world.time.now + self.suspended,
            now=lambda: datetime.fromtimestamp(world.time.now, UTC),
            jitter=lambda: jitter,
            tell=lambda succeeded, seconds: self.told.append((succeeded, seconds)),
        )
        self.told: list[tuple[bool, float]] = []
        self.task: asyncio.Task[None] | None = None

    def start(self) -> Candidate:
        async def lead() -> None:
            await self.lease.acquire()
            await self.lease.renew_until_lost()

        self.task = asyncio.create_task(lead())
        return self

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])


class World:
    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.server = Server()

    def candidate(self, *, duration: float = DURATION, jitter: float = 0.5) -> Candidate:
        return Candidate(self, duration, jitter)

    async def leader(self) -> Candidate:
        """A candidate that holds the Lease and renews it."""
        candidate = self.candidate().start()
        await self.until(candidate.lease.held)
        return candidate

    async def until(self, holds: Callable[[], bool], *, within: float = 100) -> float:
        """Waits and returns how long it took."""
        start = self.time.now
        while not holds():
            assert self.time.now < start + within
            await asyncio.sleep(0.05)
        return self.time.now - start


# --- Acquire ---------------------------------------------------------------------------------------------------------


def test_the_first_candidate_makes_the_lease() -> None:
    async def test(world: World) -> None:
        candidate = world.candidate()
        assert not candidate.lease.held()
        await candidate.lease.acquire()
        assert candidate.lease.held()
        assert candidate.lease.term == 0
        assert world.server.stored is not None
        assert world.server.stored["metadata"]["name"] == "githubtoken-operator"
        assert world.server.stored["metadata"]["namespace"] == "here"
        times = [world.server.spec.pop(key) for key in ("renewTime", "acquireTime")]
        assert all(re.fullmatch(r"1970-01-01T00:16:40\.\d{6}Z", time) for time in times)
        assert world.server.spec == {
            "holderIdentity": candidate.lease.identity,
            "leaseDurationSeconds": 15,
            "leaseTransitions": 0,
        }

    simulate(test)


def test_identities_differ_on_one_host() -> None:
    async def test(world: World) -> None:
        assert world.candidate().lease.identity != world.candidate().lease.identity

    simulate(test)


def test_a_held_lease_is_left_alone() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        other = world.candidate().start()
        await asyncio.sleep(20 * DURATION)
        assert leader.lease.held()
        assert not other.lease.held()
        assert set(other.network.requests) == {"GET"}

    simulate(test)


@pytest.mark.parametrize("age", [-1e6, 0, 1e6], ids=["old", "new", "from the future"])
def test_only_the_local_clock_says_when_a_holder_is_silent(age: float) -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        await leader.kill()
        world.server.edit(renewTime=datetime.fromtimestamp(world.time.now + 2e6 + age, UTC).isoformat())
        waited = await world.until(world.candidate().start().lease.held)
        assert DURATION <= waited <= DURATION + 2 * INTERVAL

    simulate(test)


def test_a_silent_holders_own_duration_counts() -> None:
    async def test(world: World) -> None:
        leader = world.candidate(duration=60).start()
        await world.until(leader.lease.held)
        await leader.kill()
        waited = await world.until(world.candidate().start().lease.held)
        assert 60 <= waited <= 60 + 2 * INTERVAL

    simulate(test)


def test_a_new_leader_is_a_new_term() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        await leader.kill()
        acquired = world.server.spec["acquireTime"]
        successor = world.candidate()
        await successor.lease.acquire()
        assert successor.lease.term == 1
        assert world.server.spec["leaseTransitions"] == 1
        assert world.server.spec["acquireTime"] > acquired

    simulate(test)


def test_a_lease_that_was_deleted_is_made_again_in_a_new_term() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        world.server.edit(leaseTransitions=7)
        await leader.kill()
        successor = world.candidate().start()
        await asyncio.sleep(1)
        world.server.stored = None
        await world.until(successor.lease.held)
        assert successor.lease.term == 8

    simulate(test)


def test_a_lease_without_a_spec_is_free() -> None:
    async def test(world: World) -> None:
        world.server.store({"metadata": {"name": "githubtoken-operator", "labels": {"kept": "yes"}}})
        await world.candidate().lease.acquire()
        assert world.server.stored is not None
        assert world.server.stored["metadata"]["labels"] == {"kept": "yes"}

    simulate(test)


def test_of_two_at_the_same_moment_one_gets_it() -> None:
    async def test(world: World) -> None:
        first, second = world.candidate().start(), world.candidate().start()
        await asyncio.sleep(DURATION)
        assert [first.lease.held(), second.lease.held()].count(True) == 1

    simulate(test)


def test_a_lease_whose_answer_was_lost_is_recognised_as_ones_own() -> None:
    async def test(world: World) -> None:
        candidate = world.candidate()
        candidate.network.loss = on("POST", refuse)
        waited = world.time.now
        await candidate.lease.acquire()
        assert candidate.lease.held()
        assert candidate.lease.term == 0
        assert world.time.now - waited < DURATION

    simulate(test)


@pytest.mark.parametrize("fault", [refuse, hang], ids=["refused", "no answer"])
def test_a_candidate_waits_for_the_api_server(
    fault: Callable[[str], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def test(world: World) -> None:
        candidate = world.candidate()
        candidate.network.fault = fault
        candidate.start()
        await asyncio.sleep(100)
        assert not candidate.lease.held()
        candidate.network.fault = nothing
        await world.until(candidate.lease.held, within=3 * INTERVAL)

    simulate(test)
    assert caplog.text.count("cannot be acquired yet") == 1


def test_a_missing_right_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def forbid(_method: str) -> None:
        raise Forbidden(403, "leases is forbidden")

    async def test(world: World) -> None:
        candidate = world.candidate()
        candidate.network.fault = forbid
        candidate.start()
        await asyncio.sleep(100)

    simulate(test)
    assert [record.getMessage() for record in caplog.records] == [
        "the Lease cannot be acquired yet: leases is forbidden"
    ]


# --- Hold ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_a_leader_has_time_to_send_at_every_moment(jitter: float) -> None:
    async def test(world: World) -> None:
        leader = world.candidate(jitter=jitter).start()
        await world.until(leader.lease.held)
        end = world.time.now + 100
        while world.time.now < end:
            assert leader.lease.held(margin=5)
            assert not leader.lease.held(margin=DEADLINE)
            await asyncio.sleep(0.05)
        assert leader.lease.term == 0

    simulate(test)


@pytest.mark.parametrize("fault", [refuse, hang], ids=["refused", "no answer"])
def test_a_leader_that_is_cut_off_stops_by_itself_before_another_begins(
    fault: Callable[[str], Awaitable[None]],
) -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        follower = world.candidate().start()
        await asyncio.sleep(30)
        leader.network.fault = fault
        await world.until(lambda: not leader.lease.held(), within=DEADLINE)
        assert not follower.lease.held()
        assert leader.task is not None
        await leader.task
        await world.until(follower.lease.held, within=DURATION)
        assert follower.lease.term == 1

    simulate(test)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_short_disturbance_costs_nothing(method: str) -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        for fault in (refuse, hang):
            leader.network.fault = on(method, fault)
            await asyncio.sleep(DEADLINE / 2)
            leader.network.fault = nothing
            await asyncio.sleep(DEADLINE)
            assert leader.lease.held()

    simulate(test)


def test_the_time_counts_from_before_the_renewal_was_sent() -> None:
    async def slow(_method: str) -> None:
        await asyncio.sleep(1)

    async def test(world: World) -> None:
        candidate = world.candidate()
        candidate.network.loss = on("POST", slow)
        await candidate.lease.acquire()
        assert candidate.lease.held(margin=DEADLINE - 1.1)
        assert not candidate.lease.held(margin=DEADLINE - 0.9)

    simulate(test)


def test_each_renewal_is_told_and_what_is_left_of_the_lease() -> None:
    async def slow(_method: str) -> None:
        await asyncio.sleep(0.5)

    async def test(world: World) -> None:
        candidate = world.candidate()
        assert candidate.lease.seconds_left is None
        candidate.start()
        await world.until(candidate.lease.held)
        assert candidate.lease.seconds_left == pytest.approx(DEADLINE, abs=0.1)
        candidate.network.loss = on("PUT", slow)
        await world.until(lambda: len(candidate.told) == 1)
        [(succeeded, seconds)] = candidate.told
        assert succeeded
        assert seconds == pytest.approx(0.5, abs=0.1)
        candidate.network.fault = refuse
        await world.until(lambda: len(candidate.told) == 2)
        assert [succeeded for succeeded, _ in candidate.told] == [True, False]
        assert candidate.task is not None
        await candidate.task
        assert candidate.lease.seconds_left is None

    simulate(test)


def test_a_machine_that_was_suspended_knows_that_time_passed() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        leader.suspended += DURATION
        assert not leader.lease.held()
        assert leader.task is not None
        await leader.task
        assert not leader.lease.held()
        assert leader.lease.why_lost == "it was not renewed in time"

    simulate(test)


def test_a_conflict_is_tried_again() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()

        async def interfere(method: str) -> None:
            if method == "PUT":
                world.server.edit()
                leader.network.fault = nothing

        leader.network.fault = interfere
        await asyncio.sleep(2 * DURATION)
        assert leader.lease.held()
        assert leader.network.fault is nothing

    simulate(test)


@pytest.mark.parametrize(("holder", "why"), [("somebody", "somebody holds it"), ("", "somebody took it away")])
def test_a_leader_that_finds_it_is_not_the_holder_stops_at_once(holder: str, why: str) -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        world.server.edit(holderIdentity=holder)
        assert leader.task is not None
        await leader.task
        assert not leader.lease.held()
        assert leader.lease.why_lost == why
        assert world.server.spec["holderIdentity"] == holder

    simulate(test)


def test_a_leader_whose_lease_was_deleted_stops_and_does_not_make_it_again() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        world.server.stored = None
        assert leader.task is not None
        await leader.task
        assert not leader.lease.held()
        assert world.server.stored is None

    simulate(test)


# --- Release ---------------------------------------------------------------------------------------------------------


def test_after_a_release_the_next_one_goes_on_without_waiting() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        follower = world.candidate().start()
        await asyncio.sleep(DURATION)
        await leader.kill()
        await leader.lease.release()
        assert not leader.lease.held()
        assert world.server.spec["holderIdentity"] == ""
        waited = await world.until(follower.lease.held)
        assert waited <= INTERVAL + 0.1
        assert follower.lease.term == 1

    simulate(test)


def test_a_renewal_that_arrives_during_the_release_does_not_undo_it() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        await leader.kill()

        async def late_renewal(method: str) -> None:
            if method == "PUT":
                world.server.edit(renewTime="late")
                leader.network.fault = nothing

        leader.network.fault = late_renewal
        await leader.lease.release()
        assert world.server.spec["holderIdentity"] == ""

    simulate(test)


@pytest.mark.parametrize("fault", [refuse, hang], ids=["refused", "no answer"])
def test_a_release_that_fails_ends_and_is_said(
    fault: Callable[[str], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        await leader.kill()
        leader.network.fault = fault
        await leader.lease.release()
        assert not leader.lease.held()

    simulate(test)
    assert "the Lease was not released" in caplog.text


def test_somebody_elses_lease_is_not_released() -> None:
    async def test(world: World) -> None:
        leader = await world.leader()
        await world.candidate().lease.release()
        assert world.server.spec["holderIdentity"] == leader.lease.identity

    simulate(test)


def test_a_release_before_there_is_a_lease_makes_none() -> None:
    async def test(world: World) -> None:
        await world.candidate().lease.release()
        assert world.server.stored is None

    simulate(test)


# --- Always ----------------------------------------------------------------------------------------------------------

FAULTS = st.sampled_from([nothing, refuse, linger, hang, on("GET", hang), on("PUT", refuse), on("PUT", linger)])
ACTS = st.one_of(
    st.tuples(st.just("before"), st.integers(0, 2), FAULTS),
    st.tuples(st.just("after"), st.integers(0, 2), FAULTS),
    st.tuples(st.just("replace"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("edit"), st.just(0), st.none()),
)


@settings(max_examples=200, deadline=None)
@given(
    acts=st.lists(st.tuples(st.floats(0, 20), ACTS), max_size=12),
    durations=st.tuples(*[st.sampled_from([5.0, 15.0, 20.0])] * 3),
    jitters=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_never_two_hold_it_and_a_term_has_one_holder(
    acts: list[tuple[float, tuple[str, int, Any]]],
    durations: tuple[float, float, float],
    jitters: tuple[float, float, float],
) -> None:
    together: list[int] = []
    holders: dict[int, set[str]] = {}

    async def test(world: World) -> None:
        def begin(index: int) -> Candidate:
            return world.candidate(duration=durations[index], jitter=jitters[index]).start()

        def look() -> None:
            held = [each.lease for each in everybody if each.lease.held()]
            together.append(len(held))
            for lease in held:
                holders.setdefault(lease.term, set()).add(lease.identity)

        everybody = [begin(index) for index in range(3)]
        world.time.jumped = look
        for seconds, (act, index, what) in acts:
            chosen = everybody[index]
            if act == "before":
                chosen.network.fault = what
            elif act == "after":
                chosen.network.loss = what
            elif act == "edit" and world.server.stored is not None:
                world.server.edit()
            elif act == "replace":
                await chosen.kill()
                if what:
                    await chosen.lease.release()
                everybody[index] = begin(index)
            await asyncio.sleep(seconds)

        for index, each in enumerate(everybody):
            each.network.fault = each.network.loss = nothing
            if each.task is not None and each.task.done():
                everybody[index] = begin(index)
        await world.until(lambda: any(each.lease.held() for each in everybody), within=3 * max(durations))

    logging.disable(logging.CRITICAL)
    try:
        simulate(test)
    finally:
        logging.disable(logging.NOTSET)
    assert max(together) <= 1
    assert all(len(each) == 1 for each in holders.values())


def test_without_an_election_the_only_replica_always_leads() -> None:
    async def test(_world: World) -> None:
        alone = Uncontested()
        await alone.acquire()
        assert alone.held(margin=1e9)
        renewal = asyncio.create_task(alone.renew_until_lost())
        await asyncio.sleep(10_000)
        assert not renewal.done()
        renewal.cancel()
        await alone.release()
        assert alone.held()

    simulate(test)


def test_the_clock_only_goes_forward() -> None:
    assert boottime() <= boottime()
