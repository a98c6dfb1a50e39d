"""What GitOps tools do to our objects and to workloads on the way, and a company's CA that comes by a ConfigMap."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cas import NO_KEY_USAGE, made
from tests.integration.operator.fronts import front
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster, Object
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]


# --- Flux ------------------------------------------------------------------------------------------------------------


def test_a_text_whose_token_a_substitution_took_away_is_told_once(world: World) -> None:
    world.app()
    data = {"empty": "", "tools.ini": "token = \n", "kept": "token = $(token)"}
    world.installation_token(secret={"data": data})
    world.wait_ready()
    world.wait_until(lambda: world.events(reason="DataWithoutToken"), "the event")
    (event,) = world.events(reason="DataWithoutToken")
    assert event["type"] == "Warning"
    assert "`$(token)`" in event["message"]
    keys = world.data("ci")
    assert keys["kept"] == f"token = {keys['token']}"
    assert keys["empty"] == ""
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    world.settle(1)
    (event,) = world.events(reason="DataWithoutToken")
    assert event.get("count", 1) == 1


def template(image: str) -> Object:
    """The manifest in git."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def test_a_restart_is_one_rollout_whatever_flux_applies_and_whoever_is_started_anew(
    apart: World, plane_apart: ControlPlane, start: Start
) -> None:
    world = apart

    def reconcile(*verb: str) -> None:
        """As kustomize-controller does; by another verb, what somebody does by hand."""
        flux = ("apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller")
        arguments = (*(verb or flux), f"--namespace={world.namespace}", "--filename=-")
        plane_apart.kubectl(*arguments, stdin=json.dumps(template("example.com/main")))

    def pods() -> Object:
        """Whose change is a rollout."""
        found: Object = world.found("web", kind="Deployment")["spec"]["template"]
        return found

    world.app()
    reconcile()
    target = {"kind": "Deployment", "name": "web"}
    world.token(
        "ci", {"appRef": {"name": "acme"}, "installation": {"owner": world.account}, "restartTargets": [target]}
    )
    world.wait_ready()
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    world.wait_until(lambda: world.events(reason="Restarted"), "the restart")
    before = pods()
    assert before["metadata"]["annotations"].keys() == {"githubtoken.dev/restarted-at"}
    reconcile()
    world.settle(1)
    assert pods() == before, "Flux leaves our annotation where it is"
    # Now the annotations go, with those by which we would know of the restart.
    reconcile("replace")
    assert "annotations" not in pods()["metadata"]
    assert world.operator.stop() == 0
    world.operator = start()
    world.annotate("ci", looked_at="now")
    world.settle(3)
    assert "annotations" not in pods()["metadata"], "the pods had the token"
    assert len(world.events(reason="Restarted")) == 1


# --- a company's CA --------------------------------------------------------------------------------------------------


def test_a_companys_ca_is_trusted_for_every_app_and_renewed_without_a_restart(
    cluster_apart: Cluster, enterprise_server: SimulatorProcess, start: Start, tmp_path: Path
) -> None:
    """As behind a proxy that opens TLS: all hosts show certificates of the company's CA, also after its renewal."""
    old, new = made(), made(NO_KEY_USAGE)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(old.ca_pem)
    operator = start(None, "--ca-file", str(ca))
    with (
        front(old.write(tmp_path / "old.pem"), enterprise_server.api_url) as before,
        front(new.write(tmp_path / "new.pem"), enterprise_server.api_url) as after,
        new_namespace(cluster_apart) as name,
        world_in(cluster_apart, enterprise_server, operator, name) as world,
    ):
        app = world.register()
        world.install(app)
        world.app_secret(app)
        world.github_app(app, apiURL=f"{before}/api/v3", webURL=before)
        world.installation_token()
        world.wait_ready()
        world.github_app(app, "moved", privateKeySecretRef={"name": "acme-app"}, apiURL=f"{after}/api/v3", webURL=after)
        world.installation_token("second", app="moved")
        assert "its certificate is refused" in world.wait_reason("second", "GitHubUnavailable").message
        # As kubelet brings a changed ConfigMap: another file under the same name.
        renewed = tmp_path / "renewed"
        renewed.write_bytes(new.ca_pem)
        renewed.replace(ca)
        world.annotate("second", refresh_requested_at="now")
        world.wait_ready("second")
        world.annotate("ci", refresh_requested_at="now")
        world.wait_ready(revision=2)
        # Beside the usual ones, and not in place of an App's own.
        elsewhere = base64.b64encode(made("another").ca_pem).decode()
        world.change("moved", kind="GitHubApp", caBundle=elsewhere)
        world.annotate("second", refresh_requested_at="again")
        assert "certificate is refused" in world.wait_failing("second").message
        assert operator.process.poll() is None
