"""Lists and watches that the API server, or something in front of it, answers otherwise than they should be.

A list whose rest is not remembered any more, a kind that is not served for a while, a watch that is told of a failure,
a page in between: none of them ends the process, and none is taken for the end of objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from localcluster import ControlPlane
from localcluster.operator_process import start_operator
from tests.chaos.faultproxy import FaultProxy, Rule
from tests.chaos.stage import behind
from tests.conftest import CRDS
from tests.integration.operator.stage.cluster import Cluster, new_namespace
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator.process import SimulatorProcess
    from localcluster import Binaries
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.xdist_group("apart-failing-lists")

PAGE = 20
"""Objects in one answer to a list."""


def refusal(code: int, reason: str) -> bytes:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return json.dumps({**said, "message": f"the {reason}"}).encode()


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries) -> Iterator[ControlPlane]:
    """One that no other module shares: a CRD is taken away."""
    with ControlPlane(binaries, crds=CRDS) as plane:
        yield plane


@pytest.fixture
def proxied(
    plane_apart: ControlPlane, cluster_apart: Cluster, simulator: SimulatorProcess, tmp_path: Path
) -> Iterator[tuple[World, FaultProxy]]:
    """A world whose operator, which the test starts, is behind a proxy."""
    kubeconfig = tmp_path / "proxied"
    with (
        FaultProxy(plane_apart.server, ca_file=plane_apart.ca_file) as proxy,
        new_namespace(cluster_apart) as name,
    ):
        behind(plane_apart.kubeconfig, proxy, kubeconfig)
        operator = start_operator(kubeconfig, tmp_path / "log", "--allowed-hosts", "127.0.0.1")
        try:
            operator.wait_ready()
            with world_in(cluster_apart, simulator, operator, name) as world:
                yield world, proxy
                proxy.clear()
            assert operator.process.poll() is None, "the operator ended"
        finally:
            operator.stop()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_list_whose_rest_is_not_remembered_any_more_begins_anew_and_ends_nothing(
    proxied: tuple[World, FaultProxy],
) -> None:
    world, proxy = proxied
    world.app()
    names = [f"ci-{number:02}" for number in range(PAGE + 5)]
    for name in names:
        world.installation_token(name)
    for name in names:
        world.wait_ready(name)
    rest = proxy.add(Rule(r"^GET .*/secrets\?.*continue=", times=2, status=410, body=refusal(410, "Expired")))
    too_old = json.dumps({"type": "ERROR", "object": json.loads(refusal(410, "Expired"))}).encode() + b"\n"
    proxy.add(Rule(r"^GET .*/secrets.*watch=", status=200, body=too_old))
    proxy.cut_watches()
    world.wait_until(rest.struck.is_set, "the rest of the list to be asked for")
    world.delete("Secret", names[-1])
    world.wait_until(lambda: world.get("Secret", names[-1]), "the Secret to be restored")
    assert "the list of secrets begins anew: 410: the Expired" in world.log()
    assert "was deleted while no watch was looking" not in world.log().replace(f"/{names[-1]} was deleted", "")
    assert len(world.requests("mint")) == len(names)


@pytest.mark.parametrize(
    ("times", "status", "body", "said"),
    [
        pytest.param(
            1,
            200,
            b'{"type": "ERROR", "object": ' + refusal(500, "InternalError") + b"}\n",
            "the watch of githubtokens begins anew",
            id="told of a failure",
        ),
        pytest.param(1, 200, b"<html>busy</html>", "the watch of githubtokens begins anew", id="a page"),
        pytest.param(1, 404, refusal(404, "NotFound"), "the watch of githubtokens begins anew", id="not found"),
        # So an API server answers that cannot look the account up, and the same credentials are right a moment later.
        pytest.param(3, 401, refusal(401, "Unauthorized"), "refuses the operator's credentials", id="not authorized"),
    ],
)
def test_a_watch_that_is_answered_otherwise_begins_anew(
    proxied: tuple[World, FaultProxy], times: int, status: int, body: bytes, said: str
) -> None:
    world, proxy = proxied
    world.ready_token()
    rule = proxy.add(Rule(r"^GET .*/githubtokens.*watch=", times=times, status=status, body=body))
    proxy.cut_watches()
    world.wait_until(rule.struck.is_set, "the watch to be begun anew")
    world.installation_token("after")
    world.wait_ready("after")
    assert said in world.log()


def test_a_kind_that_is_taken_away_and_comes_back_is_served_again(
    proxied: tuple[World, FaultProxy], plane_apart: ControlPlane
) -> None:
    world, proxy = proxied
    world.ready_token()
    plane_apart.kubectl("delete", "crd", "githubtokens.githubtoken.dev")
    world.wait_until(lambda: 'name="ci"' not in world.operator.metrics(), "the object to go")
    proxy.cut_watches()
    world.wait_until(lambda: "the list of githubtokens begins anew: 404" in world.log(), "the kind to be missed")
    plane_apart.install_crds(CRDS)
    world.installation_token("after")
    world.wait_ready("after")
