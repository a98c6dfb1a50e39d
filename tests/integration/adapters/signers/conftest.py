"""The services that sign, each started once for a worker, and the stage of each for the common suite.

`STAGES` has a row for each service that stands in for a row of `backends.BACKENDS`; a sixth backend gets its own here.
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from githubtoken_operator.domain.apps.signers import AWSKey, AzureKey, GCPKey, PKCS11Key
from tests.integration.adapters.signers.services import amazon, azure_cloud, google_cloud, softhsm
from tests.integration.adapters.signers.services.azure_cloud import Azure
from tests.integration.adapters.signers.services.google_cloud import GoogleCloud
from tests.integration.adapters.signers.services.softhsm import SoftHSM
from tests.integration.adapters.signers.stage import Stage, surroundings

NOBODY: Final = "localhost:1"
"""Where nothing listens."""


TOKEN: Final = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LXByb2plY3RlZC10b2tlbg"
"""Of the operator's ServiceAccount."""


@pytest.fixture(scope="session")
def local_kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with amazon.local_kms(tmp_path_factory.mktemp("local-kms")) as url:
        yield url


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with amazon.moto() as url:
        yield url


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleCloud]:
    """One for all, since google-auth reads the metadata server's address when it is imported."""
    with GoogleCloud() as server:
        yield server


@pytest.fixture
def google(google_server: GoogleCloud) -> GoogleCloud:
    google_server.begin_anew()
    return google_server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A file with a CA, and what a server shows that it signed for localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    return make_certificates(folder)


@pytest.fixture
def azure(certificates: tuple[Path, ssl.SSLContext]) -> Iterator[Azure]:
    with Azure(certificates[1]) as server:
        yield server


@pytest.fixture(scope="session")
def soft_hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    return softhsm.make(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A projected ServiceAccount token."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


def of_local_kms(request: pytest.FixtureRequest) -> Stage:
    url, folder = request.getfixturevalue("local_kms"), request.getfixturevalue("tmp_path")

    def key(name: str, at: str = url) -> AWSKey:
        return AWSKey(f"{amazon.ARN}/{name}", amazon.REGION, at)

    return Stage(
        good=AWSKey("alias/acme", amazon.REGION, url),
        unfit=key(amazon.CURVE),
        found="ECC_NIST_P256 key for SIGN_VERIFY",
        missing=key(amazon.MISSING),
        away=key(amazon.ACME, f"http://{NOBODY}"),
        surroundings=surroundings(folder),
        environment=amazon.CREDENTIALS,
    )


def of_google(request: pytest.FixtureRequest) -> Stage:
    server: GoogleCloud = request.getfixturevalue("google")
    return Stage(
        good=GCPKey(google_cloud.VERSION),
        unfit=GCPKey(google_cloud.PSS),
        found="it is RSA_SIGN_PSS_2048_SHA256",
        missing=GCPKey(google_cloud.MISSING),
        away=None,
        surroundings=surroundings(request.getfixturevalue("tmp_path")),
        environment=google_environment(server),
    )


def google_environment(server: GoogleCloud) -> dict[str, str]:
    """What a pod on GKE has: nothing; and where the stand-in is."""
    return {
        "GCE_METADATA_HOST": server.address,
        "GCE_METADATA_IP": server.address,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS": f"{server.url}/",
    }


def of_azure(request: pytest.FixtureRequest) -> Stage:
    server: Azure = request.getfixturevalue("azure")
    authority, _ = request.getfixturevalue("certificates")
    return Stage(
        good=AzureKey(server.url, "acme"),
        unfit=AzureKey(server.url, "curve"),
        found="its kind is EC",
        missing=AzureKey(server.url, "none"),
        away=AzureKey(f"https://{NOBODY}", "acme"),
        surroundings=surroundings(request.getfixturevalue("tmp_path"), ca_file=authority),
        environment=azure_environment(server, request.getfixturevalue("token_file")),
    )


def azure_environment(server: Azure, token_file: Path) -> dict[str, str]:
    """What Azure's webhook puts into a pod."""
    return {
        "AZURE_CLIENT_ID": azure_cloud.CLIENT,
        "AZURE_TENANT_ID": azure_cloud.TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": str(token_file),
        "AZURE_AUTHORITY_HOST": f"{server.url}/",
    }


def of_soft_hsm(request: pytest.FixtureRequest) -> Stage:
    token: SoftHSM = request.getfixturevalue("soft_hsm")
    return Stage(
        good=PKCS11Key(softhsm.TOKEN, "app"),
        unfit=PKCS11Key(softhsm.TOKEN, "curve"),
        found="it is of type EC",
        missing=PKCS11Key(softhsm.TOKEN, "none"),
        away=None,
        surroundings=surroundings(
            request.getfixturevalue("tmp_path"), pkcs11_module=token.module, pkcs11_pin_file=token.pin_file
        ),
        environment={"SOFTHSM2_CONF": str(token.configuration)},
    )


STAGES: Final[dict[str, Callable[[pytest.FixtureRequest], Stage]]] = {
    "awsKMS": of_local_kms,
    "gcpKMS": of_google,
    "azureKeyVault": of_azure,
    "pkcs11": of_soft_hsm,
}
"""By the name of the backend."""


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(f"signer-{name}")) for name in STAGES])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = STAGES[request.param](request)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own identity, and no wait for a metadata server that is not there."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CLOUDSDK_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def make_certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    now = dt.datetime.now(dt.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name, localhost = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("CA", "localhost"))

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(name, subject, public, x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    ca = certificate(name, ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    leaf = certificate(localhost, key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    authority, chain = folder / "ca.pem", folder / "server.pem"
    authority.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(private + leaf.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return authority, context
