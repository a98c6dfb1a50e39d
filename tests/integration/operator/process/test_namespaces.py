"""An operator with `--namespaces` and the Roles that the chart gives it, while a namespace of its goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from github_simulator.control_client import sha256
from localcluster.helm import locate_helm
from localcluster.kubeconfig import write_kubeconfig
from localcluster.operator_process import SERVICE_ACCOUNT
from tests.integration.chart.conftest import render
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in
from tests.integration.operator.tokens.user.test_unsaveable_pairs import is_announced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture
def two(cluster_apart: Cluster) -> Iterator[tuple[str, str]]:
    """Two namespaces that are served."""
    with new_namespace(cluster_apart) as goes, new_namespace(cluster_apart) as stays:
        yield goes, stays


@pytest.fixture
def start_in(
    plane_apart: ControlPlane, start: Callable[..., OperatorProcess], tmp_path: Path
) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts the operator of a release in a namespace, which serves others with the rights that the chart gives."""

    def start_one(
        own: str, namespaces: tuple[str, str], *values: str, flags: tuple[str, ...] = (), rights: bool = True
    ) -> OperatorProcess:
        if rights:
            scope = f"--set=scope.namespaces={{{','.join(namespaces)}}}"
            rendered = render(locate_helm(), scope, "--set=crds.enabled=false", *values, namespace=own)
            given = yaml.safe_dump_all(rendered.of_kind(*RIGHTS))
            plane_apart.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=given)
        account = (SERVICE_ACCOUNT, f"--namespace={own}", "--duration=24h")
        token = plane_apart.kubectl("create", "token", *account).strip()
        path, server, ca_file = tmp_path / "kubeconfig", plane_apart.server, plane_apart.ca_file
        write_kubeconfig(path, server=server, ca_file=ca_file, user=SERVICE_ACCOUNT, token=token, namespace=own)
        return start(path, "--namespaces", ",".join(namespaces), "--operator-namespace", own, *flags)

    yield start_one
    everywhere = ("clusterrole,clusterrolebinding", "githubtoken-operator-revocation")
    plane_apart.kubectl("delete", *everywhere, "--ignore-not-found")


def revocable(world: World) -> None:
    world.app()
    source = {"installation": {"owner": world.account}, "deletionPolicy": "Revoke"}
    world.token("ci", {"appRef": {"name": "acme"}, **source})


@pytest.mark.parametrize("allowed", [False, True], ids=["without the right", "with the right"])
def test_a_namespace_that_goes_with_its_role_hangs_on_nothing_and_the_other_one_is_served(
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start_in: Callable[..., OperatorProcess],
    two: tuple[str, str],
    allowed: bool,  # noqa: FBT001
) -> None:
    goes, stays = two
    with new_namespace(cluster_apart) as own:
        operator = start_in(own, two, f"--set=rbac.revocation.enabled={str(allowed).lower()}")
        with (
            world_in(cluster_apart, simulator, operator, stays) as served,
            world_in(cluster_apart, simulator, operator, goes) as world,
        ):
            served.ready_token()
            revocable(world)
            token = ""
            if allowed:
                world.wait_ready()
                token = world.data("ci")["token"]
            else:
                assert "`rbac.revocation.enabled`" in world.wait_reason("ci", "MissingPermission").message
                assert "finalizers" not in (world.get("GitHubToken", "ci") or {})["metadata"]
                assert world.requests("mint", app=None)[1:] == []
            cluster_apart.delete("Namespace", "", goes)
            world.wait_until(lambda: cluster_apart.get("Namespace", "", goes) is None, "the end of it", within=120)
            assert token == "" or not world.github.token_is_alive(sha256(token))
            served.annotate("ci", refresh_requested_at="now")
            served.wait_ready(revision=2)
            served.delete("Secret", "ci")
            served.wait_until(lambda: served.get("Secret", "ci"), "the restored Secret")
            assert "Traceback" not in served.log()


def test_a_secret_without_a_label_is_noticed_with_the_rights_of_a_namespace_alone(
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start_in: Callable[..., OperatorProcess],
    two: tuple[str, str],
) -> None:
    with new_namespace(cluster_apart) as own, world_in(cluster_apart, simulator, start_in(own, two), two[1]) as served:
        served.personal_token(served.made_by_hand(), role=None)
        served.wait_ready("robot")
        served.secret_key("robot-pat", "token", served.made_by_hand("bob"))
        assert served.wait_ready("robot", revision=2)["status"]["account"] == "bob"
        assert "may not be watched" not in served.log()


def test_a_late_pair_of_a_namespace_that_goes_with_its_role_is_given_up_and_holds_up_nothing(
    cluster_apart: Cluster,
    simulator: SimulatorProcess,
    start_in: Callable[..., OperatorProcess],
    two: tuple[str, str],
    tmp_path: Path,
) -> None:
    goes, stays = two
    journal = tmp_path / "journal"
    with new_namespace(cluster_apart) as own:
        operator = start_in(own, two, flags=("--journal-dir", str(journal)))
        with (
            world_in(cluster_apart, simulator, operator, stays) as served,
            world_in(cluster_apart, simulator, operator, goes) as world,
        ):
            served.ready_token()
            app = world.ready_user()
            world.github.fail("refresh", app=app, delay=3)
            world.annotate("alice", refresh_requested_at="now")
            world.wait_for("alice-credential", is_announced, kind="Secret")
            # GitHub is being asked. The rights go, and then all the rest, as where a namespace is deleted.
            for kind in ("rolebinding", "role"):
                cluster_apart.control_plane.kubectl("delete", kind, "--all", f"--namespace={goes}")
            world.wait_until(lambda: "githubtoken_journal_entries 1.0" in operator.metrics(), "a late pair")
            world.settle(4)
            assert "githubtoken_journal_entries 1.0" in operator.metrics()
            assert served.log().count("is not saved yet") <= 2, "once for each cause: no write, no read"
            served.annotate("ci", refresh_requested_at="now")
            served.wait_ready(revision=2)
            cluster_apart.delete("Namespace", "", goes)
            world.wait_until(lambda: cluster_apart.get("Namespace", "", goes) is None, "the end of it", within=120)
            world.wait_until(lambda: "githubtoken_journal_entries 0.0" in operator.metrics(), "an empty journal")
            assert list(journal.glob("*.json")) == []
            # A process that begins after that has no rights there either, and serves the other one.
            assert operator.stop() == 0
            served.operator = start_in(own, (stays, goes), rights=False)
            served.annotate("ci", refresh_requested_at="once more")
            served.wait_ready(revision=3)
            assert f"namespace {goes} is not waited for" in served.log()
            served.delete("Secret", "ci")
            served.wait_until(lambda: served.get("Secret", "ci"), "the restored Secret")
