from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator import jwt_check
from github_simulator.errors import ApiError

if TYPE_CHECKING:
    from github_simulator.model import App
    from tests.unit.simulator.conftest import World

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = 1_700_000_000


def signed(claims: dict[str, Any], *, key: rsa.RSAPrivateKey | str = KEY, algorithm: str = "RS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def claims(**changes: object) -> dict[str, Any]:
    """Good claims with some changed; None leaves one out."""
    good = {"iss": "ISSUER", "iat": NOW - 60, "exp": NOW + 300}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def unsigned(header: object, body: object) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, body))
    return ".".join((*parts, ""))


@pytest.fixture
def app(world: World) -> App:
    return world.app(keys={"one": KEY.public_key()})


def verdict(app: App, token: str, now: float = NOW) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        jwt_check.verify(token, now=now, find_app={"ISSUER": app}.get)
    return caught.value.status, caught.value.message


def test_a_good_jwt_names_its_app(app: App) -> None:
    assert jwt_check.verify(signed(claims()), now=NOW, find_app={"ISSUER": app}.get) is app


def test_any_of_the_apps_keys_will_do(app: App) -> None:
    app.keys["two"] = OTHER_KEY.public_key()
    assert jwt_check.verify(signed(claims(), key=OTHER_KEY), now=NOW, find_app={"ISSUER": app}.get) is app


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        pytest.param({"iss": "nobody"}, 401, "'Issuer' claim ('iss') must be an Integer", id="unknown-issuer"),
        pytest.param({"iss": None}, 404, "Integration not found", id="no-issuer"),
        pytest.param({"exp": NOW}, 401, jwt_check.EXPIRATION_INVALID, id="expires-now"),
        pytest.param({"exp": NOW - 600}, 401, jwt_check.EXPIRATION_INVALID, id="expired"),
        pytest.param({"exp": None}, 401, jwt_check.EXPIRATION_INVALID, id="no-expiry"),
        pytest.param({"exp": NOW + 0.5}, 401, jwt_check.EXPIRATION_INVALID, id="fractional-expiry"),
        pytest.param({"exp": NOW + 601}, 401, jwt_check.EXPIRATION_TOO_FAR, id="expiry-too-far"),
        pytest.param({"iat": NOW + 1}, 401, jwt_check.ISSUED_AT_INVALID, id="issued-in-the-future"),
        pytest.param({"iat": None}, 401, jwt_check.ISSUED_AT_INVALID, id="no-issue-time"),
        pytest.param({"iat": NOW - 0.5}, 401, jwt_check.ISSUED_AT_INVALID, id="fractional-issue-time"),
        pytest.param({"iat": True}, 401, jwt_check.ISSUED_AT_INVALID, id="issue-time-no-number"),
        pytest.param({"exp": NOW - 1, "iat": NOW + 1}, 401, jwt_check.EXPIRATION_INVALID, id="expiry-comes-first"),
        pytest.param({"iss": "424242", "exp": NOW - 1}, 404, "Integration not found", id="issuer-comes-first"),
    ],
)
def test_bad_claims_get_githubs_words(app: App, changes: dict[str, Any], status: int, message: str) -> None:
    assert verdict(app, signed(claims(**changes))) == (status, message)


def test_ten_minutes_are_allowed_to_the_second(app: App) -> None:
    token = signed(claims(exp=NOW + 600, iat=NOW))
    assert jwt_check.verify(token, now=NOW, find_app={"ISSUER": app}.get) is app


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two-parts"),
        pytest.param("a.b.c", id="garbage"),
        pytest.param("é.é.é", id="not-ascii"),
        pytest.param(unsigned({"alg": "none"}, claims()), id="no-signature"),
        pytest.param(unsigned(["alg"], claims()), id="header-no-object"),
        pytest.param(unsigned({"alg": "RS256"}, "iss"), id="claims-no-object"),
        pytest.param(signed(claims(), key=OTHER_KEY), id="key-of-another-app"),
        pytest.param(signed(claims(), key="a-secret-of-32-bytes-or-somewhat-more", algorithm="HS256"), id="hs256"),
        pytest.param(signed(claims(), algorithm="RS512"), id="rs512"),
        pytest.param(signed(claims()) + "!", id="signature-no-base64"),
    ],
)
def test_what_cannot_be_decoded_is_said_so(app: App, token: str) -> None:
    assert verdict(app, token) == (401, "A JSON web token could not be decoded")


def test_an_app_without_a_key_is_told_to_generate_one(app: App) -> None:
    app.keys.clear()
    assert verdict(app, signed(claims())) == (401, "Integration must generate a public key")


@pytest.mark.parametrize("kind", ["app-id", "app-id-as-number", "client-id"])
def test_the_issuer_is_an_app_id_or_a_client_id(world: World, app: App, kind: str) -> None:
    issuer: Any = {"app-id": str(app.id), "app-id-as-number": app.id, "client-id": app.client_id}[kind]
    # PyJWT refuses to write a number, so this JWT is only read for its issuer.
    seen = jwt_check.unverified_issuer(unsigned({"alg": "RS256"}, claims(iss=issuer)))
    assert seen is not None
    assert world.state.app_by_issuer(seen) is app


def test_an_oauth_app_is_no_integration(world: World) -> None:
    app = world.app(kind="oauth-app")
    assert world.state.app_by_issuer(app.client_id) is None
