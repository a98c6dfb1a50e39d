"""The pod of a process that died in a rotation: waited for while it is there, and not once it is gone.

Without a journal's folder each process is another holder, as a new pod with an empty volume is.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, OperatorProcess
from tests.integration.operator.pods import delete_pod, make_pod, set_status

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from tests.integration.operator.conftest import World

    Replica = Callable[[str], OperatorProcess]

pytestmark = pytest.mark.xdist_group("operator-apart")

INTENT = "githubtoken.dev/refresh-intent"
LEASE = ("--leader-elect", "--lease-duration", "6s", "--operator-namespace", NAMESPACE)


@pytest.fixture
def replica(plane_apart: ControlPlane, apart: World, start: Callable[..., OperatorProcess]) -> Replica:
    """Starts a replica in a new pod; the world's first operator has ended."""
    assert apart.operator.stop() == 0

    def start_in(name: str) -> OperatorProcess:
        return start(None, *LEASE, "--pod-name", name, "--pod-uid", make_pod(plane_apart, name))

    return start_in


def intent(world: World) -> dict[str, Any]:
    """The rotation that is announced, if one is."""
    notes = (world.get("Secret", "alice-credential") or {"metadata": {}})["metadata"].get("annotations", {})
    found: dict[str, Any] = json.loads(notes.get(INTENT, "{}"))
    return found


def leads(operator: OperatorProcess) -> bool:
    return "githubtoken_leader 1.0" in operator.metrics()


def begin(world: World, leader: OperatorProcess) -> None:
    """A token whose rotation is asked for, and whose request goes the way that a fault of GitHub's says."""
    world.operator = leader
    world.annotate("alice", refresh_requested_at="now")
    world.wait_until(lambda: len(world.requests("refresh")) > 1, "the request")


def succeed(world: World, replica: Replica, name: str) -> None:
    """Another replica takes the Lease of the dead one."""
    world.operator = replica(name)
    world.wait_until(lambda: leads(world.operator), "the successor to lead")


def is_handled(token: dict[str, Any]) -> bool:
    return bool(token["status"].get("lastHandledRefreshAt") == "now")


@pytest.mark.parametrize("end", ["deleted", "evicted"])
def test_a_rotation_is_waited_for_until_its_pod_is_gone(
    apart: World, replica: Replica, plane_apart: ControlPlane, end: str
) -> None:
    app = apart.app()
    leader = replica(f"a-{end}")
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready("alice")
    fault = apart.github.fail("refresh", app=app, drop=True, times=None)
    begin(apart, leader)
    leader.kill()
    apart.github.clear_faults(fault)
    announced, sent = intent(apart), len(apart.requests("refresh"))
    assert announced["pod"]["name"] == f"a-{end}"
    succeed(apart, replica, f"b-{end}")
    apart.settle(3)
    assert (intent(apart), len(apart.requests("refresh"))) == (announced, sent)
    assert apart.ready("alice").status == "True"
    if end == "deleted":
        delete_pod(plane_apart, f"a-{end}")
    else:
        set_status(plane_apart, f"a-{end}", "Failed", {"terminated": {"exitCode": 137}})
    apart.wait_for("alice", is_handled)
    apart.wait_ready("alice", revision=2)
    assert f"pod {NAMESPACE}/a-{end} is gone" in apart.log()
    assert intent(apart) == {}
    assert (apart.double_spends(), len(apart.requests("refresh"))) == (0, sent + 1)


def test_a_pair_that_died_with_its_pod_is_reported_without_a_wait(
    apart: World, replica: Replica, plane_apart: ControlPlane
) -> None:
    app = apart.app()
    leader = replica("a-lost")
    apart.user_token(seed=apart.sign_in(app))
    apart.wait_ready("alice")
    # GitHub has spent the token, and its answer is on the way.
    apart.github.fail("refresh", app=app, body_delay=30)
    begin(apart, leader)
    leader.kill()
    delete_pod(plane_apart, "a-lost")
    succeed(apart, replica, "b-lost")
    apart.wait_reason("alice", "ReauthorizationRequired")
    assert f"pod {NAMESPACE}/a-lost is gone" in apart.log()
    assert len(apart.requests("refresh")) == 3


def test_a_replica_without_the_right_waits_and_says_which_right(
    apart: World, replica: Replica, plane_apart: ControlPlane
) -> None:
    role = ("delete", "rolebinding", "githubtoken-operator-replicas", f"--namespace={NAMESPACE}")
    binding = json.loads(plane_apart.kubectl("get", *role[1:], "--output=json"))
    plane_apart.kubectl(*role)
    try:
        apart.operator = replica("a-blind")
        apart.wait_until(lambda: "the right to get pods" in apart.log(), "the warning")
        app = apart.app()
        apart.user_token(seed=apart.sign_in(app))
        apart.wait_ready("alice")
    finally:
        meta = {key: binding["metadata"][key] for key in ("name", "namespace", "labels")}
        plane_apart.apply({**binding, "metadata": meta})


def test_the_api_server_refuses_a_process_whose_pod_is_gone(apart: World, plane_apart: ControlPlane) -> None:
    """What the operator relies on: such a process can save nothing any more, once the API server has forgotten it."""
    uid = make_pod(plane_apart, "a-bound")
    bound = (f"--bound-object-{key}={value}" for key, value in (("kind", "Pod"), ("name", "a-bound"), ("uid", uid)))
    token = plane_apart.kubectl("create", "token", SERVICE_ACCOUNT, f"--namespace={NAMESPACE}", *bound).strip()
    context = ssl.create_default_context(cafile=str(plane_apart.ca_file))
    with httpx.Client(base_url=plane_apart.server, verify=context, headers={"Authorization": f"Bearer {token}"}) as it:

        def status() -> int:
            return it.get(f"/api/v1/namespaces/{apart.namespace}/secrets/alice-credential").status_code

        assert status() == httpx.codes.NOT_FOUND
        delete_pod(plane_apart, "a-bound")
        apart.wait_until(lambda: status() == httpx.codes.UNAUTHORIZED, "the refusal")
