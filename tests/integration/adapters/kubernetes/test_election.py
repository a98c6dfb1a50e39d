"""The election against the real API server, whose rules about Leases and resourceVersions are its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client, config

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import Conflict
from githubtoken_operator.adapters.kubernetes.lease import LEASE_NAME, Lease
from localcluster import Binaries, ControlPlane

# Long enough that a busy machine does not cost the leader its Lease.
DURATION = 5.0
PATIENCE = 60.0
RIGHTS = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}

Candidates = Callable[[], Awaitable["Candidate"]]


class Candidate:
    """A Lease with a connection of its own, as another pod has, led by a task that can be killed."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self.lease = Lease(api, namespace, duration=DURATION)
        self.ended = asyncio.Event()
        self._task = asyncio.create_task(self._lead())

    async def _lead(self) -> None:
        await self.lease.acquire()
        await self.lease.renew_until_lost()
        self.ended.set()

    async def kill(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - time passing is what changes it; there is no event to wait for.
            await asyncio.sleep(0.02)


async def read(candidate: Candidate) -> dict[str, Any]:
    """The Lease, through the candidate's own connection."""
    return await candidate.api.request("GET", f"{candidate.collection}/{LEASE_NAME}")


async def until_renewed(leader: Candidate) -> None:
    before = (await read(leader))["spec"]["renewTime"]
    async with asyncio.timeout(PATIENCE):
        while (await read(leader))["spec"]["renewTime"] == before:  # noqa: ASYNC110 - the same.
            await asyncio.sleep(0.1)


async def connect(kubeconfig: Path) -> Api:
    configuration = client.Configuration()
    await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    return Api(configuration)


async def candidates_in(stack: AsyncExitStack, kubeconfig: Path, namespace: str) -> Candidates:
    async def make() -> Candidate:
        candidate = Candidate(await stack.enter_async_context(await connect(kubeconfig)), namespace)
        stack.push_async_callback(candidate.kill)
        return candidate

    return make


@pytest.fixture
async def candidate(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Candidates]:
    """Makes candidates that have the rights of the operator's Role and no others."""
    kubeconfig = control_plane.service_account_kubeconfig("operator", namespace=namespace, rules=[RIGHTS])
    async with AsyncExitStack() as stack:
        yield await candidates_in(stack, kubeconfig, namespace)


async def test_the_api_server_takes_what_is_written(candidate: Candidates) -> None:
    leader = await candidate()
    await until(leader.lease.held)
    spec = (await read(leader))["spec"]
    assert spec["holderIdentity"] == leader.lease.identity
    assert spec["leaseDurationSeconds"] == 5
    assert spec["leaseTransitions"] == leader.lease.term == 0
    assert spec["acquireTime"] <= spec["renewTime"]
    await until_renewed(leader)
    assert leader.lease.held()
    assert leader.lease.term == 0


async def test_exactly_one_of_two_holds_it_through_every_change(candidate: Candidates) -> None:
    everybody: list[Candidate] = [await candidate(), await candidate()]
    together: set[int] = set()
    terms: dict[int, str] = {}

    async def watch() -> None:
        while True:
            held = [each.lease for each in everybody if each.lease.held()]
            together.add(len(held))
            for lease in held:
                assert terms.setdefault(lease.term, lease.identity) == lease.identity
            await asyncio.sleep(0.002)

    watching = asyncio.create_task(watch())
    for release in (True, False, True):
        await until(lambda: any(each.lease.held() for each in everybody))
        leader = next(each for each in everybody if each.lease.held())
        await asyncio.sleep(0.5)
        await leader.kill()
        if release:
            await leader.lease.release()
        other = next(each for each in everybody if each is not leader)
        await until(other.lease.held)
        # The one that was killed stays in the list until here: it must not hold it beside its successor.
        everybody[everybody.index(leader)] = await candidate()
    await asyncio.sleep(DURATION)
    assert not watching.done()
    watching.cancel()
    assert together == {0, 1}
    assert sorted(terms) == [0, 1, 2, 3]
    assert len(set(terms.values())) == 4


async def test_a_leader_that_was_killed_is_replaced(candidate: Candidates) -> None:
    leader = await candidate()
    await until(leader.lease.held)
    follower = await candidate()
    await leader.kill()
    await until(follower.lease.held)
    assert not leader.lease.held()
    assert follower.lease.term == 1


async def test_a_released_lease_has_no_holder_and_goes_to_the_next(candidate: Candidates) -> None:
    leader = await candidate()
    await until(leader.lease.held)
    await leader.kill()
    await leader.lease.release()
    assert not (await read(leader))["spec"].get("holderIdentity")
    follower = await candidate()
    await until(follower.lease.held)
    assert (await read(follower))["spec"]["holderIdentity"] == follower.lease.identity
    assert follower.lease.term == 1


async def test_a_write_that_comes_between_costs_the_leader_nothing(
    candidate: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = await candidate()
    await until(leader.lease.held)
    request = leader.api.request
    conflicts: list[Conflict] = []

    async def interfere(method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on.
        if method == "PUT" and not conflicts:
            lease = await request("GET", path)
            lease["metadata"]["annotations"] = {"touched": "yes"}
            await request("PUT", path, body=lease)
        try:
            return await request(method, path, **options)
        except Conflict as error:
            conflicts.append(error)
            raise

    monkeypatch.setattr(leader.api, "request", interfere)
    await until(lambda: bool(conflicts))
    await until_renewed(leader)
    assert leader.lease.held()
    assert leader.lease.term == 0
    assert (await read(leader))["metadata"]["annotations"] == {"touched": "yes"}


class TestWithoutAnApiServer:
    @pytest.fixture
    def own(self, binaries: Binaries) -> Iterator[ControlPlane]:
        with ControlPlane(binaries) as cluster:
            yield cluster

    async def test_the_leader_stops_by_itself_and_one_leads_when_it_is_back(self, own: ControlPlane) -> None:
        async with AsyncExitStack() as stack:
            candidate = await candidates_in(stack, own.kubeconfig, "default")
            leader = await candidate()
            await until(leader.lease.held)
            follower = await candidate()
            await asyncio.to_thread(own.stop_api_server)
            await asyncio.wait_for(leader.ended.wait(), PATIENCE)
            assert not leader.lease.held()
            assert not follower.lease.held()
            await asyncio.to_thread(own.start_api_server)
            await until(follower.lease.held)
            assert follower.lease.term == 1
            assert not leader.lease.held()
