from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from github_simulator import authentication, installations
from github_simulator.authentication import Credentials, LoginGuard, parse_authorization
from github_simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.simulator.conftest import World

HEX = "0123456789abcdef0123456789abcdef01234567"
JWT = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, Credentials("none"), id="nothing"),
        pytest.param("", Credentials("none"), id="empty"),
        pytest.param("Bearer ghs_1_a.b.c", Credentials("token", "ghs_1_a.b.c"), id="bearer-token"),
        pytest.param("token ghu_x", Credentials("token", "ghu_x"), id="token"),
        pytest.param("bearer gho_x", Credentials("token", "gho_x"), id="lower-case-scheme"),
        pytest.param(f"Bearer {HEX}", Credentials("token", HEX), id="token-without-prefix"),
        pytest.param(f"Bearer {JWT}", Credentials("jwt", JWT), id="jwt"),
        pytest.param(f"token {JWT}", Credentials("malformed", JWT), id="jwt-needs-bearer"),
        pytest.param(basic("id:secret"), Credentials("basic", "secret", "id"), id="basic"),
        pytest.param(basic("x-access-token:ghs_x"), Credentials("token", "ghs_x"), id="token-as-password"),
        pytest.param(basic("no-colon"), Credentials("malformed", basic("no-colon")[6:]), id="basic-without-colon"),
        pytest.param("Basic !", Credentials("malformed", "!"), id="basic-no-base64"),
        pytest.param("Digest x", Credentials("malformed", "x"), id="other-scheme"),
    ],
)
def test_an_authorization_header_is_read(header: str | None, expected: Credentials) -> None:
    assert parse_authorization(header) == expected


def refusal(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        act()
    return caught.value.status, caught.value.message


def look(world: World, value: str, *, lag: float = 0, narrowed_lag: float = 0) -> object:
    credentials = Credentials("token", value) if value else Credentials("none")
    return authentication.live_token(world.state, credentials, now=world.now, lag=lag, narrowed_lag=narrowed_lag)


def mint(world: World, **body: object) -> str:
    return installations.mint(world.state, world.install(world.app()), body, now=world.now, stateless=True)[0]


def test_no_token_and_a_bad_token_are_told_apart(world: World) -> None:
    assert refusal(lambda: look(world, "")) == (401, "Requires authentication")
    assert refusal(lambda: look(world, "ghs_unknown")) == (401, "Bad credentials")


def test_a_token_dies_at_its_expiry(world: World) -> None:
    value = mint(world)
    world.now += 3599
    assert look(world, value)
    world.now += 1
    assert refusal(lambda: look(world, value)) == (401, "Bad credentials")


def test_a_fresh_token_is_unknown_while_it_replicates(world: World) -> None:
    value = mint(world)
    assert refusal(lambda: look(world, value, lag=3)) == (401, "Bad credentials")
    world.now += 3
    assert look(world, value, lag=3)


def test_a_fresh_narrowed_token_lacks_its_permissions_for_a_while(world: World) -> None:
    value = mint(world, permissions={"contents": "read"})
    assert refusal(lambda: look(world, value, narrowed_lag=3)) == (403, "Resource not accessible by integration")
    world.now += 3
    assert look(world, value, narrowed_lag=3)


def test_a_token_with_all_permissions_has_them_at_once(world: World) -> None:
    assert look(world, mint(world), narrowed_lag=3)


def test_a_suspension_names_the_owner_and_can_be_taken_back(world: World) -> None:
    value = mint(world)
    installation = next(iter(world.state.installations.values()))
    installation.suspended_at = world.now
    assert refusal(lambda: look(world, value)) == (
        403,
        "This installation owned by acme suspended your access at 2023-11-14T22:13:20Z",
    )
    installation.suspended_at = None
    assert look(world, value)


@pytest.mark.parametrize(
    ("client_id", "user", "password", "expected"),
    [
        pytest.param("CLIENT", "CLIENT", "wrong", (401, "Bad credentials"), id="wrong-secret"),
        pytest.param("CLIENT", "another", "SECRET", (401, "Bad credentials"), id="other-user"),
        pytest.param("nobody", "nobody", "SECRET", (404, "Not Found"), id="unknown-client"),
        pytest.param("CLIENT", None, "", (404, "Not Found"), id="no-credentials"),
    ],
)
def test_only_the_client_itself_may_ask_about_its_tokens(
    world: World, client_id: str, user: str | None, password: str, expected: tuple[int, str]
) -> None:
    app = world.app()
    real = {"CLIENT": app.client_id, "SECRET": app.client_secrets[0]}
    credentials = (
        Credentials("basic", real.get(password, password), real.get(user, user)) if user else Credentials("none")
    )
    asked = real.get(client_id, client_id)
    assert refusal(lambda: authentication.oauth_client(world.state, credentials, asked)) == expected


def test_a_rotated_client_secret_works_beside_the_old_one(world: World) -> None:
    app = world.app()
    app.client_secrets.append("another")
    assert all(authentication.secret_fits(app, secret) for secret in app.client_secrets)


def test_too_many_bad_logins_close_the_door_until_it_is_quiet() -> None:
    guard = LoginGuard(limit=3)
    for second in range(3):
        guard.check("app 1", now=second)
        guard.failed("app 1", now=second)
    with pytest.raises(ApiError) as caught:
        guard.check("app 1", now=10)
    assert (caught.value.status, guard.trips) == (403, 1)
    guard.check("app 2", now=10)
    # The knock at second 10 counts as a failure, so the door opens when that one is a minute old.
    guard.check("app 1", now=70)
    assert guard.trips == 1


def test_the_guard_can_be_switched_off() -> None:
    guard = LoginGuard(limit=0)
    for _ in range(100):
        guard.check("app 1", now=0)
        guard.failed("app 1", now=0)
    assert guard.trips == 0
