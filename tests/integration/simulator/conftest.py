from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github_simulator.control_client import App, Control, Installation, Pair

_NUMBERS = itertools.count(1)
# One key for all Apps of these tests: generating one takes a tenth of a second.
_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    .decode()
)


@dataclass
class Scene:
    """One App on one simulator, its installation, and requests as its owner would make them."""

    simulator: SimulatorProcess
    app: App
    installation: Installation
    http: httpx.Client = field(repr=False)

    @property
    def github(self) -> Control:
        return self.simulator.control

    def jwt(self, **changes: Any) -> str:  # noqa: ANN401 - claims of any kind
        now = int(self.github.clock().now)
        claims = {"iss": str(self.app.id), "iat": now - 60, "exp": now + 300, **changes}
        return jwt.encode(claims, _parsed(self.app.private_key or ""), algorithm="RS256")

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:  # noqa: ANN401
        """Call the API as the App, or with a token."""
        headers = {"Authorization": f"Bearer {token or self.jwt()}", **options.pop("headers", {})}
        return self.http.request(method, self.simulator.api_url + path, headers=headers, **options)

    def client_call(self, method: str, what: str, body: dict[str, Any]) -> httpx.Response:
        """Call `/applications/{client_id}/...` as the OAuth client."""
        url = f"{self.simulator.api_url}/applications/{self.app.client_id}/{what}"
        return self.http.request(method, url, auth=(self.app.client_id, self.app.client_secret), json=body)

    def mint(self, **body: Any) -> httpx.Response:  # noqa: ANN401 - a body of any kind
        return self.call("POST", f"/app/installations/{self.installation.id}/access_tokens", json=body)

    def token(self, **body: Any) -> str:  # noqa: ANN401 - a body of any kind
        answer = self.mint(**body).raise_for_status()
        return str(answer.json()["token"])

    def oauth(self, path: str, *, accept: str = "application/json", **fields: Any) -> httpx.Response:  # noqa: ANN401
        return self.http.post(
            self.simulator.web_url + path,
            data={"client_id": self.app.client_id, **fields},
            headers={"Accept": accept},
        )

    def sign_in(self, flow: str = "web") -> Pair:
        return self.github.sign_in(self.app, "alice", flow=flow)

    def refresh(self, refresh_token: str | None, **options: Any) -> httpx.Response:  # noqa: ANN401
        return self.oauth(
            "/login/oauth/access_token",
            client_secret=self.app.client_secret,
            grant_type="refresh_token",
            refresh_token=refresh_token,
            **options,
        )


@functools.cache
def _parsed(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def reset(github: Control) -> None:
    """Leave nothing of the test before."""
    github.clear_faults()
    github.reset_ledger()
    github.clock(offset=0, speed=1)
    github.settings(
        latency=0,
        replication_lag=0,
        narrowed_replication_lag=0,
        retired_api_versions=[],
        rate_limit=5000,
        unknown_token_deletion_status=404,
        failed_login_limit=10,
    )


@pytest.fixture(scope="session")
def github_dot_com() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def one_port() -> Iterator[SimulatorProcess]:
    """API and web host on one port, for clients that derive one address from the other."""
    with SimulatorProcess("--combined") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def enterprise_server() -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--ghes") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def make_scene(simulator: SimulatorProcess, http: httpx.Client, **settings: Any) -> Scene:  # noqa: ANN401
    reset(simulator.control)
    number = next(_NUMBERS)
    app = simulator.control.create_app(f"app-{number}", private_key=_KEY, **settings)
    installation = simulator.control.install(app, f"acme-{number}", repositories=["website", "api"])
    return Scene(simulator, app, installation, http)


@pytest.fixture
def scene(github_dot_com: SimulatorProcess, http: httpx.Client) -> Scene:
    return make_scene(github_dot_com, http)


@pytest.fixture
def combined_scene(one_port: SimulatorProcess, http: httpx.Client) -> Scene:
    return make_scene(one_port, http)


@pytest.fixture
def ghes_scene(enterprise_server: SimulatorProcess, http: httpx.Client) -> Scene:
    return make_scene(enterprise_server, http)
