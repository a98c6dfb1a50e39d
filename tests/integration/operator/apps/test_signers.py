"""ClusterGitHubApps whose key is in OpenBao, through the operator's own process: no Secret has a key."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from localcluster.operator_process import OperatorProcess
from tests.integration.adapters.signers.services.vaults import Vault, running_vault
from tests.integration.operator.clocks import HurriedClock
from tests.integration.operator.stage.belongings import pem
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.conditions import conditions_of, ready_of
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from github_simulator.control_client import App
    from github_simulator.process import SimulatorProcess
    from localcluster import ControlPlane
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.xdist_group("signers")

ALL = {"from": "All"}


@pytest.fixture(scope="module")
def vault(plane_apart: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with running_vault(plane_apart, tmp_path_factory.mktemp("vault")) as vault:
        yield vault


@pytest.fixture
def signing(
    cluster_apart: Cluster, simulator: SimulatorProcess, vault: Vault, start: Callable[..., OperatorProcess]
) -> Iterator[World]:
    """A world whose operator may ask OpenBao."""
    operator = start(None, "--signer-tokens", str(vault.tokens))
    with new_namespace(cluster_apart) as name, world_in(cluster_apart, simulator, operator, name) as world:
        world.canaries += [vault.project(), vault.bao.root]
        yield world
    assert "Traceback" not in world.log(), "the log has a traceback"


@pytest.fixture
def hurried(signing: World, vault: Vault, start: Callable[..., OperatorProcess], tmp_path: Path) -> HurriedClock:
    """The clock of that operator, which is started once more with it."""
    clock = HurriedClock(tmp_path / "clock")
    assert signing.operator.stop() == 0
    signing.operator = start(None, "--signer-tokens", str(vault.tokens), environment=clock.environment)
    return clock


def signed_app(world: World, vault: Vault, *, key: str | None = None, **spec: Any) -> tuple[App, str]:  # noqa: ANN401
    """An App at the simulator, its key in OpenBao, and a ClusterGitHubApp that names it there."""
    app = world.register(own_key=True)
    world.install(app)
    name = f"acme-{world.namespace}"
    assert app.private_key is not None
    vault.bao.import_key(key or app.private_key, name)
    vault.role(keys=(name,))
    world.cluster_apps.append(name)
    world.github_app(
        app,
        name,
        kind="ClusterGitHubApp",
        **{
            "privateKeySecretRef": None,
            "clientSecretSecretRef": None,
            "signer": vault.signer(name),
            "allowedNamespaces": ALL,
            **spec,
        },
    )
    return app, name


def token_of(world: World, app: str, name: str = "ci") -> None:
    world.token(name, {"appRef": {"kind": "ClusterGitHubApp", "name": app}, "installation": {"owner": world.account}})


def accepted(world: World, app: str) -> bool:
    """Waits until GitHub has accepted the App."""
    return bool(world.wait_for(app, lambda it: ready_of(it).reason == "Accepted", kind="ClusterGitHubApp"))


def counted(world: World, code: str) -> float:
    """Calls of OpenBao that ended so."""
    start = f'githubtoken_signer_requests_total{{backend="vault",code="{code}"}} '
    return sum(
        float(line.removeprefix(start)) for line in world.operator.metrics().splitlines() if line.startswith(start)
    )


def test_a_token_comes_by_a_key_that_never_was_in_the_cluster(signing: World, vault: Vault) -> None:
    _, name = signed_app(signing, vault)
    token_of(signing, name)
    signing.wait_ready()

    assert signing.data("ci")["token"].startswith("ghs_")
    app = signing.found(name, kind="ClusterGitHubApp")
    assert app["status"]["keyFingerprint"].startswith("SHA256:")
    assert accepted(signing, name)
    assert counted(signing, "ok") >= 2


def test_what_a_renewal_needs_is_signed_before_it(signing: World, vault: Vault) -> None:
    _, name = signed_app(signing, vault)
    token_of(signing, name)
    signing.wait_ready()
    vault.bao.seal()
    try:
        signing.annotate("ci", refresh_requested_at="now")
        signing.wait_ready(revision=2)
        assert signing.ready(name, kind="ClusterGitHubApp").reason == "Accepted"
    finally:
        vault.bao.unseal()


def test_a_key_moves_into_the_service_and_back_without_a_new_token(signing: World, vault: Vault) -> None:
    app = signing.register(own_key=True)
    signing.install(app)
    name = signing.cluster_app(app, clientSecretSecretRef=None, allowedNamespaces=ALL)
    assert app.private_key is not None
    vault.bao.import_key(app.private_key, name)
    vault.role(keys=(name,))
    token_of(signing, name)
    signing.wait_ready()

    def move(revision: int, **spec: object) -> str:
        """Has the App keep its key elsewhere, and then another token obtained; the key's fingerprint."""
        signing.change(name, kind="ClusterGitHubApp", **spec)
        found = signing.wait_for(
            name,
            lambda it: (
                ready_of(it).reason == "Accepted" and it["status"]["observedGeneration"] == it["metadata"]["generation"]
            ),
            kind="ClusterGitHubApp",
        )
        signing.settle()
        assert (signing.ready().status, signing.status()["revision"]) == ("True", revision - 1)
        signing.annotate("ci", refresh_requested_at=str(revision))
        signing.wait_ready(revision=revision)
        return str(found["status"]["keyFingerprint"])

    inside = move(2, privateKeySecretRef=None, signer=vault.signer(name))
    signing.cluster.delete("Secret", signing.home, f"{name}-app")
    signing.settle()
    assert signing.ready(name, kind="ClusterGitHubApp").reason == "Accepted"
    signing.app_secret(app, f"{name}-app", namespace=signing.home)
    outside = move(3, privateKeySecretRef={"name": f"{name}-app"}, signer=None)
    assert inside == outside
    assert len(signing.requests("mint")) == 3


def test_a_sealed_vault_is_waited_for(signing: World, vault: Vault) -> None:
    vault.bao.stop()
    vault.bao.start(unseal=False)
    try:
        app = signing.register(own_key=True)
        signing.install(app)
        name = f"acme-{signing.namespace}"
        signing.cluster_apps.append(name)
        fields = {"privateKeySecretRef": None, "clientSecretSecretRef": None, "allowedNamespaces": ALL}
        signing.github_app(app, name, kind="ClusterGitHubApp", signer=vault.signer(name), **fields)
        token_of(signing, name)
        assert "sealed" in signing.wait_reason("ci", "SignerUnavailable").message.lower()
        assert "sealed" in signing.wait_reason(name, "SignerUnavailable", kind="ClusterGitHubApp").message.lower()
        assert conditions_of(signing.found()) == {}
        assert counted(signing, "unavailable") >= 1
    finally:
        vault.bao.unseal()
    assert app.private_key is not None
    vault.bao.import_key(app.private_key, name)
    vault.role(keys=(name,))
    signing.wait_ready(within=120)
    assert accepted(signing, name)


def test_a_policy_that_lacks_a_right_is_for_a_human_and_its_cure_is_found(
    signing: World, vault: Vault, hurried: HurriedClock
) -> None:
    _, name = signed_app(signing, vault)
    vault.role(keys=())
    token_of(signing, name)
    message = signing.wait_reason("ci", "SignerDenied").message
    assert f"transit/keys/{name}" in message or f"transit/sign/{name}" in message
    assert conditions_of(signing.found()) == dict.fromkeys(("NeedsHuman", "Stalled"), "SignerDenied")
    signing.wait_reason(name, "SignerDenied", kind="ClusterGitHubApp")
    vault.role(keys=(name,))
    # What a human must mend is looked at again after a minute.
    hurried.pass_by(60)
    signing.wait_ready(within=120)
    assert conditions_of(signing.found()) == {}


def test_a_key_that_the_service_made_is_unknown_to_github_and_the_message_says_so(signing: World, vault: Vault) -> None:
    _, name = signed_app(signing, vault, key=pem())
    token_of(signing, name)

    message = signing.wait_reason("ci", "AuthenticationFailed").message

    assert f"transit/{name} v1" in message
    assert "unknown to GitHub" in message
    assert "privateKeySecretRef" not in message


def test_a_version_that_is_added_is_taken_up_without_a_restart(
    signing: World, vault: Vault, hurried: HurriedClock
) -> None:
    app, name = signed_app(signing, vault, key=pem())
    token_of(signing, name)
    signing.wait_reason("ci", "AuthenticationFailed")
    signing.wait_reason(name, "AuthenticationFailed", kind="ClusterGitHubApp")
    assert app.private_key is not None
    vault.bao.import_key(app.private_key, name, version=True)
    # GitHub's refusal makes it look once a minute at most whether another key signs by now.
    hurried.pass_by(60)
    signing.annotate("ci", refresh_requested_at="now")
    signing.wait_ready()
    assert accepted(signing, name)


def test_a_restart_mints_nothing_and_signs_ahead_again(
    signing: World, vault: Vault, start: Callable[..., OperatorProcess]
) -> None:
    _, name = signed_app(signing, vault)
    token_of(signing, name)
    signing.wait_ready()
    mints = len(signing.requests("mint"))
    signing.operator.stop()
    signing.operator = start(None, "--signer-tokens", str(vault.tokens))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and counted(signing, "ok") < 3:
        time.sleep(0.2)
    vault.bao.seal()
    try:
        assert len(signing.requests("mint")) == mints
        signing.annotate("ci", refresh_requested_at="now")
        signing.wait_ready(revision=2)
    finally:
        vault.bao.unseal()


def test_a_host_that_is_not_allowed_is_never_asked(signing: World, vault: Vault) -> None:
    signer = {"vault": {**vault.signer("x")["vault"], "address": "https://vault.example"}}
    _, name = signed_app(signing, vault, signer=signer)
    token_of(signing, name)

    assert "`spec.signer.vault.address`" in signing.wait_reason("ci", "HostNotAllowed").message


def test_another_app_is_served_while_one_apps_vault_hangs(signing: World, vault: Vault) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        stuck = signing.register(own_key=True)
        hanging = f"stuck-{signing.namespace}"
        signing.cluster_apps.append(hanging)
        fields = {"privateKeySecretRef": None, "clientSecretSecretRef": None, "allowedNamespaces": ALL}
        signer = {"vault": {**vault.signer("x")["vault"], "address": address}}
        signing.github_app(stuck, hanging, kind="ClusterGitHubApp", signer=signer, **fields)
        for number in range(40):
            token_of(signing, hanging, f"stuck-{number}")
        _, name = signed_app(signing, vault)
        token_of(signing, name)
        signing.wait_ready()
        assert signing.ready("stuck-0").status != "True"
