"""ClusterGitHubApps whose key is with AWS, Google Cloud, Azure or an HSM, through the operator's own process.

No Secret has a key, the pod has each cloud's identity and none that is stored, and what it shows there is shown nowhere
else: every test of this module ends with the search for it, the metrics and the log at DEBUG included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from localcluster.operator_process import OperatorProcess, running_operator
from tests.integration.adapters.signers.conftest import TOKEN, azure_environment, google_environment, make_certificates
from tests.integration.adapters.signers.services import amazon, azure_cloud, eks, google_cloud, materials, softhsm
from tests.integration.adapters.signers.services.azure_cloud import Azure
from tests.integration.adapters.signers.services.google_cloud import GoogleCloud
from tests.integration.adapters.signers.services.standin import Asked, Said, StandIn
from tests.integration.operator.stage.cluster import new_namespace
from tests.integration.operator.stage.conditions import conditions_of
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from pathlib import Path

    from github_simulator.process import SimulatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.xdist_group("apart-cloud-signers")

POD_TOKEN: Final = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJwb2RzLmVrcyJ9.Y2FuYXJ5LXBvZC10b2tlbg"
NAMES: Final = ("awsKMS", "gcpKMS", "azureKeyVault", "pkcs11")


class Denying(StandIn):
    """A KMS of AWS that denies, with the words of AWS."""

    WHO: Final = "arn:aws:sts::111122223333:assumed-role/githubtoken/1"

    def answer(self, asked: Asked) -> Said:
        del asked
        message = f"User: {self.WHO} is not authorized to perform: kms:Sign on resource: {amazon.ARN}/{amazon.ACME}"
        return Said(400, amazon.error("AccessDeniedException", message))


@dataclass(frozen=True)
class Clouds:
    """All services, each with the App's key. `secrets` are what the operator shows them, and the key."""

    google: GoogleCloud
    azure: Azure
    agent: eks.Agent
    denying: Denying
    aws_url: str
    flags: tuple[str, ...]
    environment: dict[str, str]

    def signer(self, name: str, **changes: str) -> dict[str, Any]:
        """`spec.signer` for one of `NAMES`."""
        fields = {
            "awsKMS": {"keyID": "alias/acme", "region": amazon.REGION, "endpointURL": self.aws_url},
            "gcpKMS": {"keyVersion": google_cloud.VERSION},
            "azureKeyVault": {"vaultURL": self.azure.url, "key": "acme"},
            "pkcs11": {"tokenLabel": softhsm.TOKEN, "keyLabel": "app"},
        }[name]
        return {name: fields | changes}

    @property
    def secrets(self) -> list[str]:
        shown = [*self.google.tokens, *self.azure.tokens, *self.agent.given, TOKEN, POD_TOKEN, softhsm.PIN]
        return shown + [line for line in materials.pkcs1(materials.rsa_key()).splitlines() if len(line) > 40]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    folder = tmp_path_factory.mktemp("clouds")
    (folder / "token").write_text(TOKEN)
    (folder / "eks-token").write_text(f"{POD_TOKEN}\n")
    hsm = softhsm.make(folder)
    authority, tls = make_certificates(folder)
    with ExitStack() as stack:
        google, azure = stack.enter_context(GoogleCloud()), stack.enter_context(Azure(tls))
        agent, denying = stack.enter_context(eks.Agent(POD_TOKEN)), stack.enter_context(Denying())
        aws_url = stack.enter_context(amazon.local_kms(folder))
        environment = {
            **google_environment(google),
            **azure_environment(azure, folder / "token"),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "eks-token"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "SOFTHSM2_CONF": str(hsm.configuration),
        }
        pkcs11 = ("--pkcs11-module", str(hsm.module), "--pkcs11-pin-file", str(hsm.pin_file))
        flags = ("--allowed-hosts", "127.0.0.1,localhost", "--ca-file", str(authority), "--log-level", "debug", *pkcs11)
        yield Clouds(google, azure, agent, denying, aws_url, flags, environment)


@pytest.fixture(scope="module")
def signing_operator(
    rights: Path, clouds: Clouds, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with running_operator(rights, log, *clouds.flags, environment=clouds.environment) as operator:
        yield operator


@pytest.fixture
def signing(
    cluster_apart: Cluster, simulator: SimulatorProcess, signing_operator: OperatorProcess, clouds: Clouds
) -> Iterator[World]:
    with (
        new_namespace(cluster_apart) as name,
        world_in(cluster_apart, simulator, signing_operator, name) as world,
    ):
        yield world
        world.canaries += clouds.secrets
    assert signing_operator.process.poll() is None, "the operator ended"
    assert "Traceback" not in world.log(), "the log has a traceback"


def signed_app(world: World, signer: dict[str, Any]) -> str:
    """A ClusterGitHubApp at the simulator whose key is with a service; its name."""
    app = world.register(own_key=True, private_key=materials.pkcs1(materials.rsa_key()))
    world.install(app)
    name = f"acme-{world.namespace}"
    world.cluster_apps.append(name)
    spec = {"privateKeySecretRef": None, "clientSecretSecretRef": None, "allowedNamespaces": {"from": "All"}}
    world.github_app(app, name, kind="ClusterGitHubApp", signer=signer, **spec)
    return name


def token_of(world: World, app: str) -> None:
    world.token("ci", {"appRef": {"kind": "ClusterGitHubApp", "name": app}, "installation": {"owner": world.account}})


@pytest.mark.parametrize("name", NAMES)
def test_a_token_comes_by_a_key_that_never_was_in_the_cluster(signing: World, clouds: Clouds, name: str) -> None:
    app = signed_app(signing, clouds.signer(name))
    token_of(signing, app)

    signing.wait_ready()

    assert signing.data("ci")["token"].startswith("ghs_")
    assert signing.found(app, kind="ClusterGitHubApp")["status"]["keyFingerprint"].startswith("SHA256:")
    given = {"awsKMS": clouds.agent.given, "gcpKMS": clouds.google.tokens, "azureKeyVault": clouds.azure.tokens}
    assert given.get(name, softhsm.PIN), "the search for secrets at the end would find none"
    assert f'githubtoken_signer_requests_total{{backend="{name}",code="ok"}}' in signing.operator.metrics()


CASES: Final[list[tuple[str, dict[str, str], str]]] = [
    ("awsKMS", {"keyID": f"{amazon.ARN}/{amazon.MISSING}"}, "NotFoundException"),
    ("awsKMS", {"keyID": f"{amazon.ARN}/{amazon.CURVE}"}, "it is a ECC_NIST_P256 key"),
    ("gcpKMS", {"keyVersion": google_cloud.PSS}, "it is RSA_SIGN_PSS_2048_SHA256"),
    ("gcpKMS", {"keyVersion": google_cloud.MISSING}, "not found"),
    ("azureKeyVault", {"key": "curve"}, "its kind is EC"),
    ("azureKeyVault", {"key": "disabled"}, "it is disabled"),
    ("pkcs11", {"keyLabel": "none"}, "there is no private RSA key of that label"),
    ("pkcs11", {"keyLabel": "curve"}, "it is of type EC"),
]


@pytest.mark.parametrize(("name", "changes", "found"), CASES)
def test_a_key_that_does_not_serve_calls_for_a_human_with_what_was_found(
    signing: World, clouds: Clouds, name: str, changes: dict[str, str], found: str
) -> None:
    app = signed_app(signing, clouds.signer(name, **changes))
    token_of(signing, app)

    assert found in signing.wait_reason("ci", "SignerKeyInvalid").message
    assert found in signing.wait_reason(app, "SignerKeyInvalid", kind="ClusterGitHubApp").message
    assert conditions_of(signing.found())["NeedsHuman"] == "SignerKeyInvalid"


def refuse(clouds: Clouds, stack: ExitStack, name: str) -> tuple[dict[str, Any], str]:
    """Lets a service refuse the operator; returns the signer, and who is named."""
    match name:
        case "awsKMS":
            return clouds.signer(name, endpointURL=clouds.denying.url), Denying.WHO
        case "gcpKMS":
            message = "Permission 'cloudkms.cryptoKeyVersions.useToSign' denied on resource."
            body = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
            stack.enter_context(clouds.google.failing("/v1/projects", Said(403, body)))
            return clouds.signer(name), google_cloud.EMAIL
        case _:
            stack.enter_context(clouds.azure.failing("/keys/acme", azure_cloud.denied("sign")))
            return clouds.signer(name), f"appid={azure_cloud.CLIENT}"


@pytest.mark.parametrize("name", ["awsKMS", "gcpKMS", "azureKeyVault"])
def test_who_was_denied_is_named_to_a_human(signing: World, clouds: Clouds, name: str) -> None:
    with ExitStack() as stack:
        signer, who = refuse(clouds, stack, name)
        app = signed_app(signing, signer)
        token_of(signing, app)

        assert who in signing.wait_reason("ci", "SignerDenied").message
        assert who in signing.wait_reason(app, "SignerDenied", kind="ClusterGitHubApp").message
        assert conditions_of(signing.found())["NeedsHuman"] == "SignerDenied"


SOON: Final = {"retry-after": "3"}
LIMITS: Final[dict[str, Callable[[Clouds, ExitStack], object]]] = {
    "gcpKMS": lambda clouds, stack: stack.enter_context(
        clouds.google.failing(
            "/v1/projects", Said(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, {"retry-after": "3"})
        )
    ),
    "azureKeyVault": lambda clouds, stack: stack.enter_context(
        clouds.azure.failing("/keys/acme", Said(429, {"error": {"code": "Throttled"}}, {"retry-after": "3"}))
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_waited_for_and_calls_no_human(signing: World, clouds: Clouds, name: str) -> None:
    with ExitStack() as stack:
        LIMITS[name](clouds, stack)
        app = signed_app(signing, clouds.signer(name))
        token_of(signing, app)
        signing.wait_reason("ci", "SignerUnavailable")
        assert conditions_of(signing.found()) == {}

    signing.wait_ready()
