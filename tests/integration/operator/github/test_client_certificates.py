"""A server that demands a client certificate: it is shown, exchanged without a restart, and its lack is told."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from github_simulator.process import SimulatorProcess
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World


class Authority(NamedTuple):
    """A CA for client certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(_signed("the clients' CA", key, "the clients' CA", key, ca=True), key)

    def pair(self) -> tuple[str, str]:
        """A client's certificate and key in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed("operator", key, "the clients' CA", self.key, ca=False)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return certificate.public_bytes(Encoding.PEM).decode(), pem


def _signed(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(by, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="module")
def demanding(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """An Enterprise Server that demands certificates of that CA."""
    file: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    with SimulatorProcess("--ghes", "--tls", "--client-ca", str(file)) as simulator:
        yield simulator


@pytest.fixture
def world(cluster: Cluster, demanding: SimulatorProcess, operator: OperatorProcess, namespace: str) -> Iterator[World]:
    with world_in(cluster, demanding, operator, namespace) as world:
        yield world


def declare(world: World, *, pair: tuple[str, str] | None) -> None:
    app = world.register(token_life=10)
    world.install(app)
    world.app_secret(app)
    ca = base64.b64encode((world.simulator.ca or "").encode()).decode()
    if pair is not None:
        store(world, pair)
    world.github_app(app, caBundle=ca, clientCertificateSecretRef={"name": "client"} if pair is not None else None)
    world.installation_token()


def store(world: World, pair: tuple[str, str]) -> None:
    world.canaries += [line for line in pair[1].splitlines() if len(line) > 40]
    world.secret("client", {"tls.crt": pair[0], "tls.key": pair[1]}, role="app")


def test_it_is_shown_and_exchanged_without_a_restart(world: World, authority: Authority) -> None:
    declare(world, pair=authority.pair())
    world.wait_ready()
    store(world, authority.pair())
    revision = world.wait_ready()["status"]["revision"]
    world.wait_ready(revision=revision + 2)


def test_its_lack_is_told(world: World) -> None:
    declare(world, pair=None)
    message = world.wait_reason("ci", "GitHubUnavailable").message
    assert "if it demands a client certificate, set `spec.clientCertificateSecretRef`" in message


def test_one_of_another_ca_is_told(world: World) -> None:
    declare(world, pair=Authority.make().pair())
    assert "client certificate was perhaps refused" in world.wait_reason("ci", "GitHubUnavailable").message


def test_a_pair_that_does_not_fit_is_told_and_heals(world: World, authority: Authority) -> None:
    one, other = authority.pair(), authority.pair()
    declare(world, pair=(one[0], other[1]))
    assert "is not the key of" in world.wait_reason("ci", "AppNotReady").message
    assert world.wait_reason("acme", "InvalidSpec", kind="GitHubApp")
    store(world, one)
    world.wait_ready()


def test_a_secret_that_is_not_there_is_told(world: World, authority: Authority) -> None:
    declare(world, pair=authority.pair())
    world.change("acme", kind="GitHubApp", clientCertificateSecretRef={"name": "nowhere"})
    assert "there is no Secret `nowhere`" in world.wait_reason("acme", "InvalidSpec", kind="GitHubApp").message
