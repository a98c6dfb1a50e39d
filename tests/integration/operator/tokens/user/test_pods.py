"""The pod of a process that died in a rotation: waited for while it is there, and not once it is gone.

Without a journal's folder each process is another holder, as a new pod with an empty volume is.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, OperatorProcess
from tests.integration.operator.pods import delete_pod, make_pod, set_status
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

    Replica = Callable[[str], OperatorProcess]

INTENT = "githubtoken.dev/refresh-intent"
LEASE = ("--leader-elect", "--lease-duration", "6s", "--operator-namespace", NAMESPACE)


@pytest.fixture
def replica(plane_apart: ControlPlane, start: Callable[..., OperatorProcess]) -> Replica:
    """Starts a replica that knows its pod, of that name."""

    def start_in(name: str) -> OperatorProcess:
        return start(None, *LEASE, "--pod-name", name, "--pod-uid", make_pod(plane_apart, name))

    return start_in


@pytest.fixture
def apart(cluster_apart: Cluster, simulator: SimulatorProcess, replica: Replica) -> Iterator[World]:
    """A world whose operator is a replica, with a token that is ready."""
    with new_namespace(cluster_apart) as name:
        with world_in(cluster_apart, simulator, replica(f"first-{name}"), name) as world:
            world.user_token(seed=world.sign_in(world.app()))
            world.wait_ready("alice")
            yield world
        assert "Traceback" not in world.log(), "the log has a traceback"


def intent(world: World) -> dict[str, Any]:
    """The rotation that is announced, if one is."""
    notes = (world.get("Secret", "alice-credential") or {"metadata": {}})["metadata"].get("annotations", {})
    found: dict[str, Any] = json.loads(notes.get(INTENT, "{}"))
    return found


def die_in_a_rotation(world: World, **fault: Any) -> str:  # noqa: ANN401 - the simulator's
    """The leader is killed after its request for a new pair, of which `fault` says what becomes; returns its pod."""
    number = world.github.fail("refresh", times=None, **fault)
    before = len(world.requests("refresh"))
    world.annotate("alice", refresh_requested_at="now")
    world.wait_until(lambda: len(world.requests("refresh")) > before, "the request")
    world.operator.kill()
    world.github.clear_faults(number)
    pod = intent(world)["pod"]
    assert pod["namespace"] == NAMESPACE
    return str(pod["name"])


def succeed(world: World, replica: Replica) -> None:
    """Another replica takes the Lease of the dead one."""
    world.operator = replica(f"second-{world.namespace}")
    world.wait_until(lambda: world.operator.leads, "the successor to lead")


def is_handled(token: dict[str, Any]) -> bool:
    return bool(token["status"].get("lastHandledRefreshAt") == "now")


def deleted(plane: ControlPlane, pod: str) -> None:
    delete_pod(plane, pod)


def evicted(plane: ControlPlane, pod: str) -> None:
    set_status(plane, pod, "Failed", {"terminated": {"exitCode": 137}})


@pytest.mark.parametrize("end", [deleted, evicted])
def test_a_rotation_is_waited_for_until_its_pod_is_gone(
    apart: World, replica: Replica, plane_apart: ControlPlane, end: Callable[[ControlPlane, str], None]
) -> None:
    pod = die_in_a_rotation(apart, drop=True)
    announced, sent = intent(apart), len(apart.requests("refresh"))
    succeed(apart, replica)
    apart.settle(3)
    assert (intent(apart), len(apart.requests("refresh"))) == (announced, sent)
    assert apart.ready("alice").status == "True"
    end(plane_apart, pod)
    apart.wait_for("alice", is_handled)
    apart.wait_ready("alice", revision=2)
    assert f"pod {NAMESPACE}/{pod} is gone" in apart.log()
    assert intent(apart) == {}
    assert (apart.double_spends(), len(apart.requests("refresh"))) == (0, sent + 1)


def test_a_pair_that_died_with_its_pod_is_reported_without_a_wait(
    apart: World, replica: Replica, plane_apart: ControlPlane
) -> None:
    # GitHub has spent the token, and its answer is on the way.
    pod = die_in_a_rotation(apart, body_delay=30)
    delete_pod(plane_apart, pod)
    succeed(apart, replica)
    apart.wait_reason("alice", "ReauthorizationRequired")
    assert f"pod {NAMESPACE}/{pod} is gone" in apart.log()
    assert len(apart.requests("refresh")) == 3


def test_without_the_right_it_is_waited_for_and_said_which_right_is_missing(
    apart: World, replica: Replica, plane_apart: ControlPlane
) -> None:
    binding = ("rolebinding", "githubtoken-operator-replicas", f"--namespace={NAMESPACE}")
    whole = json.loads(plane_apart.kubectl("get", *binding, "--output=json"))
    delete_pod(plane_apart, die_in_a_rotation(apart, drop=True))
    sent = len(apart.requests("refresh"))
    plane_apart.kubectl("delete", *binding)
    try:
        succeed(apart, replica)
        apart.wait_until(lambda: "it is not known whether pod" in apart.log(), "the warning")
        assert "give the ServiceAccount the right to get pods" in apart.log()
        apart.settle(1)
        assert len(apart.requests("refresh")) == sent
    finally:
        kept = {key: whole["metadata"][key] for key in ("name", "namespace", "labels")}
        plane_apart.apply({**whole, "metadata": kept})
    apart.wait_ready("alice", revision=2)
    assert apart.double_spends() == 0


def test_the_api_server_refuses_a_process_whose_pod_is_gone(plane_apart: ControlPlane, apart: World) -> None:
    """What the operator relies on: such a process can save nothing any more, once the API server has forgotten it."""
    name = f"bound-{apart.namespace}"
    bound = {"kind": "Pod", "name": name, "uid": make_pod(plane_apart, name)}
    flags = [f"--bound-object-{key}={value}" for key, value in bound.items()]
    token = plane_apart.kubectl("create", "token", SERVICE_ACCOUNT, f"--namespace={NAMESPACE}", *flags).strip()
    context = ssl.create_default_context(cafile=str(plane_apart.ca_file))
    with httpx.Client(base_url=plane_apart.server, verify=context, headers={"Authorization": f"Bearer {token}"}) as it:

        def status() -> int:
            return it.get(f"/api/v1/namespaces/{apart.namespace}/secrets/alice-credential").status_code

        assert status() == httpx.codes.OK
        delete_pod(plane_apart, name)
        apart.wait_until(lambda: status() == httpx.codes.UNAUTHORIZED, "the refusal")
