"""The operator's own pod, and what is asked of others, against a cluster in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.adapters.kubernetes.pods import Pods, own_pod
from githubtoken_operator.domain.user.pod import Pod
from tests.unit.builders import NAMESPACE, pod_body
from tests.unit.fakes import API_AWAY, World, raising

POD = Pod(NAMESPACE, "operator-a", "uid-pod-a")
GET = "GET pods/operator-a"


async def test_a_pod_that_was_gone_once_is_not_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    pods = Pods(Cluster(world.api), NAMESPACE)
    assert [await pods.gone(POD) for _ in range(3)] == [True, True, True]
    assert world.faults.calls == [GET]
    assert caplog.messages == ["pod team/operator-a is gone: a rotation that it announced is not waited for"]


async def test_a_pod_of_another_namespace_is_not_asked_for() -> None:
    world = World()
    assert not await Pods(Cluster(world.api), "elsewhere").gone(POD)
    assert world.faults.calls == []


async def test_a_missing_right_is_said_once_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.faults.on(GET, raising(Forbidden(403, "pods is forbidden")))
    pods = Pods(Cluster(world.api), NAMESPACE)
    assert [await pods.gone(POD), await pods.gone(POD)] == [False, False]
    [message] = caplog.messages
    assert message.startswith("it is not known whether pod team/operator-a is gone: pods is forbidden; give the Serv")
    assert "the right to get pods in the operator's namespace" in message


async def test_the_own_pod_is_the_one_that_the_cluster_shows() -> None:
    world = World()
    world.api.put(pod_body())
    assert await own_pod(Cluster(world.api), POD) == POD


async def test_outside_of_a_pod_nothing_is_asked() -> None:
    world = World()
    assert await own_pod(Cluster(world.api), None) is None
    assert world.faults.calls == []


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        pytest.param(lambda _world: None, "--pod-name and --pod-uid must be those of this very pod", id="no such pod"),
        pytest.param(lambda world: world.api.put(pod_body(uid="other")), "must be those of this very pod", id="uid"),
        pytest.param(
            lambda world: world.faults.on(GET, raising(Forbidden(403, "no"))), "the right to get pods", id="no right"
        ),
        pytest.param(lambda world: world.faults.on(GET, raising(API_AWAY)), "cannot be reached", id="no API server"),
    ],
)
async def test_a_pod_that_cannot_be_seen_is_not_named(
    prepare: Callable[[World], object], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    prepare(world)
    assert await own_pod(Cluster(world.api), POD) is None
    [message] = caplog.messages
    assert says in message
