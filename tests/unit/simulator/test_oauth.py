from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_simulator import oauth
from github_simulator.errors import OAuthError
from github_simulator.model import REFRESH_TOKEN_LIFE, USER_TOKEN_LIFE, WebCode
from tests.unit.simulator.conftest import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator.model import App


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(OAuthError) as caught:
        act()
    return caught.value.error


def test_a_pair_has_githubs_fields_and_numbers(world: World) -> None:
    document = world.sign_in(world.app()).document()
    assert document["access_token"].startswith("ghu_")
    assert document["refresh_token"].startswith("ghr_")
    rest = {name: value for name, value in document.items() if name not in {"access_token", "refresh_token"}}
    assert rest == {
        "token_type": "bearer",
        "scope": "",
        "expires_in": 28800,
        "refresh_token_expires_in": 15897600,
    }


def test_without_expiry_there_are_no_fields_of_expiry(world: World) -> None:
    document = world.sign_in(world.app(tokens_expire=False)).document()
    assert set(document) == {"access_token", "token_type", "scope"}


def test_an_oauth_app_expires_only_with_offline_access(world: World) -> None:
    app = world.app(kind="oauth-app")
    assert set(world.sign_in(app, scopes=("repo",)).document()) == {"access_token", "token_type", "scope"}
    offline = world.sign_in(app, scopes=("repo", "offline_access")).document()
    assert offline["access_token"].startswith("gho_")
    assert offline["scope"] == "repo,offline_access"
    assert "refresh_token" in offline


def test_a_refresh_kills_the_old_pair_and_gives_a_new_one(world: World) -> None:
    app = world.app()
    old = world.sign_in(app)
    new = world.refresh(app, old.refresh_token)
    assert [world.is_live(value) for value in (old.access_token, old.refresh_token)] == [False, False]
    assert [world.is_live(value) for value in (new.access_token, new.refresh_token)] == [True, True]


def test_a_spent_refresh_token_is_refused_and_the_winner_is_not_hurt(world: World) -> None:
    app = world.app()
    old = world.sign_in(app)
    new = world.refresh(app, old.refresh_token)
    assert refusal(lambda: world.refresh(app, old.refresh_token)) == "bad_refresh_token"
    assert world.is_live(new.access_token)
    assert world.is_live(new.refresh_token)


@pytest.mark.parametrize(
    ("flow", "fields", "error"),
    [
        pytest.param("web", {"client_secret": None}, "incorrect_client_credentials", id="web-without-secret"),
        pytest.param("web", {"client_secret": "wrong"}, "incorrect_client_credentials", id="web-wrong-secret"),
        pytest.param("device", {"client_secret": "wrong"}, "incorrect_client_credentials", id="device-wrong-secret"),
        pytest.param("web", {"client_id": "nobody"}, "incorrect_client_credentials", id="unknown-client"),
        pytest.param("web", {"client_id": None}, "incorrect_client_credentials", id="no-client"),
        pytest.param("web", {"refresh_token": "ghr_unknown"}, "bad_refresh_token", id="unknown-token"),
        pytest.param("web", {"refresh_token": None}, "bad_refresh_token", id="no-token"),
    ],
)
def test_a_refused_refresh_leaves_the_pair_alone(
    world: World, flow: str, fields: dict[str, str | None], error: str
) -> None:
    app = world.app()
    pair = world.sign_in(app, flow=flow)
    token = fields.pop("refresh_token", pair.refresh_token)
    assert refusal(lambda: world.refresh(app, token, **fields)) == error
    assert world.is_live(pair.access_token)
    assert world.is_live(pair.refresh_token)


def test_a_sign_in_by_device_flow_is_refreshed_without_a_secret(world: World) -> None:
    app = world.app()
    pair = world.sign_in(app, flow="device")
    assert world.is_live(world.refresh(app, pair.refresh_token, client_secret=None).access_token)


def test_another_apps_refresh_token_is_unknown(world: World) -> None:
    pair = world.sign_in(world.app())
    other = world.app("other")
    assert refusal(lambda: world.refresh(other, pair.refresh_token)) == "bad_refresh_token"


def test_an_expired_refresh_token_is_refused(world: World) -> None:
    app = world.app()
    pair = world.sign_in(app)
    world.now += REFRESH_TOKEN_LIFE
    assert refusal(lambda: world.refresh(app, pair.refresh_token)) == "bad_refresh_token"


def test_an_access_token_dies_on_time_and_its_refresh_token_does_not(world: World) -> None:
    app = world.app()
    pair = world.sign_in(app)
    world.now += USER_TOKEN_LIFE
    assert not world.is_live(pair.access_token)
    assert world.is_live(pair.refresh_token)


def test_a_refresh_after_expiry_was_switched_off_gives_a_token_for_good(world: World) -> None:
    app = world.app()
    pair = world.sign_in(app)
    app.tokens_expire = False
    assert set(world.refresh(app, pair.refresh_token).document()) == {"access_token", "token_type", "scope"}


def test_a_revoked_grant_kills_all_its_sign_ins(world: World) -> None:
    app = world.app()
    first, second = world.sign_in(app), world.sign_in(app)
    latest = world.refresh(app, second.refresh_token)
    alice = world.state.account("alice", now=world.now)
    assert world.state.revoke_grant(app, alice, now=world.now) == 2
    dead = [first.access_token, first.refresh_token, latest.access_token, latest.refresh_token]
    assert not any(world.is_live(value) for value in dead)
    assert refusal(lambda: world.refresh(app, latest.refresh_token)) == "bad_refresh_token"


@given(presented=st.lists(st.integers(0, 12), max_size=30), elsewhere=st.booleans())
def test_whatever_is_presented_in_whatever_order_a_chain_has_one_live_pair(
    presented: list[int], *, elsewhere: bool
) -> None:
    world = World()
    app = world.app()
    first = world.sign_in(app)
    bystander = world.sign_in(app) if elsewhere else None
    pairs = [first]
    for number in presented:
        refresh_token = pairs[number % len(pairs)].refresh_token
        was_live = world.is_live(refresh_token)
        if was_live:
            pairs.append(world.refresh(app, refresh_token))
        else:
            assert refusal(partial(world.refresh, app, refresh_token)) == "bad_refresh_token"
        live = [pair for pair in pairs if world.is_live(pair.access_token) or world.is_live(pair.refresh_token)]
        assert live == [pairs[-1]]
    assert bystander is None or world.is_live(bystander.access_token)


class DeviceFlow:
    def __init__(self, world: World, app: App) -> None:
        self.world, self.app = world, app
        self.started = oauth.start_device_flow(
            world.state, {"client_id": app.client_id}, web_url="https://github.test", now=world.now
        )
        self.code = world.state.device_codes[self.started["device_code"]]

    def poll(self, after: float = 5, **fields: str) -> oauth.Issued:
        self.world.now += after
        sent = {"client_id": self.app.client_id, "device_code": self.code.code, **fields}
        return oauth.poll_device_flow(self.world.state, sent, now=self.world.now)

    def approve(self) -> None:
        self.code.approved_by = self.world.state.account("alice", now=self.world.now, type_="User")


@pytest.fixture
def flow(world: World) -> DeviceFlow:
    return DeviceFlow(world, world.app())


def test_a_device_code_is_announced_as_github_does(flow: DeviceFlow) -> None:
    announced = {name: flow.started[name] for name in ("verification_uri", "expires_in", "interval")}
    assert announced == {"verification_uri": "https://github.test/login/device", "expires_in": 899, "interval": 5}


def test_an_approved_code_gives_a_pair_once(flow: DeviceFlow) -> None:
    assert refusal(flow.poll) == "authorization_pending"
    flow.approve()
    assert flow.world.is_live(flow.poll().access_token)
    assert refusal(flow.poll) == "incorrect_device_code"


def test_the_first_poll_is_never_too_early(flow: DeviceFlow) -> None:
    assert refusal(lambda: flow.poll(after=0)) == "authorization_pending"


def test_slow_down_adds_five_seconds_for_good(flow: DeviceFlow) -> None:
    def slowed(after: float) -> dict[str, Any]:
        with pytest.raises(OAuthError) as caught:
            flow.poll(after)
        return caught.value.document()

    assert slowed(0)["error"] == "authorization_pending"
    assert slowed(4)["interval"] == 10
    assert slowed(9)["interval"] == 15
    assert slowed(14.9)["interval"] == 20
    assert slowed(20)["error"] == "authorization_pending"


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        pytest.param({"denied": True}, "access_denied", id="denied"),
        pytest.param({"expires_at": 0.0}, "expired_token", id="expired"),
        pytest.param({"expires_at": 0.0, "denied": True}, "expired_token", id="expired-before-denied"),
    ],
)
def test_a_code_can_come_to_nothing(flow: DeviceFlow, prepare: dict[str, Any], error: str) -> None:
    for name, value in prepare.items():
        setattr(flow.code, name, value)
    assert refusal(flow.poll) == error


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"client_id": "nobody"}, "incorrect_client_credentials", id="unknown-client"),
        pytest.param({"device_code": "unknown"}, "incorrect_device_code", id="unknown-code"),
    ],
)
def test_a_poll_must_name_its_client_and_code(flow: DeviceFlow, fields: dict[str, str], error: str) -> None:
    assert refusal(lambda: flow.poll(after=5, **fields)) == error


def test_the_first_polls_after_an_approval_may_find_nothing(flow: DeviceFlow) -> None:
    flow.approve()
    flow.code.stale_polls = 2
    assert [refusal(flow.poll), refusal(flow.poll)] == ["incorrect_device_code"] * 2
    assert flow.world.is_live(flow.poll().access_token)


def test_a_device_flow_must_be_enabled(world: World) -> None:
    app = world.app(device_flow=False)
    with pytest.raises(OAuthError) as caught:
        DeviceFlow(world, app)
    assert (caught.value.status, caught.value.error) == (400, "device_flow_disabled")


def test_an_unknown_client_starts_no_device_flow(world: World) -> None:
    with pytest.raises(OAuthError) as caught:
        oauth.start_device_flow(world.state, {"client_id": "nobody"}, web_url="", now=world.now)
    assert (caught.value.status, caught.value.document()) == (404, {"error": "Not Found"})


VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("code_has", "sent", "error"),
    [
        pytest.param({}, {}, None, id="plain"),
        pytest.param({"code_challenge": CHALLENGE}, {"code_verifier": VERIFIER}, None, id="pkce"),
        pytest.param({"code_challenge": CHALLENGE}, {}, "bad_verification_code", id="no-verifier"),
        pytest.param({"used": True}, {}, "bad_verification_code", id="used"),
        pytest.param({"expires_at": 0.0}, {}, "bad_verification_code", id="expired"),
        pytest.param({}, {"code": "unknown"}, "bad_verification_code", id="unknown"),
        pytest.param({}, {"client_secret": "wrong"}, "incorrect_client_credentials", id="wrong-secret"),
        pytest.param({}, {"client_secret": ""}, "incorrect_client_credentials", id="no-secret"),
        pytest.param(
            {"redirect_uri": "https://a"}, {"redirect_uri": "https://b"}, "redirect_uri_mismatch", id="other-redirect"
        ),
    ],
)
def test_a_code_of_the_web_flow_is_exchanged(
    world: World, code_has: dict[str, Any], sent: dict[str, str], error: str | None
) -> None:
    app = world.app()
    alice = world.state.account("alice", now=world.now, type_="User")
    code = WebCode("the-code", app, alice, (), world.now + 600)
    for name, value in code_has.items():
        setattr(code, name, value)
    world.state.web_codes[code.code] = code
    fields = {"client_id": app.client_id, "client_secret": app.client_secrets[0], "code": code.code, **sent}
    if error:
        assert refusal(lambda: oauth.exchange_code(world.state, fields, now=world.now)) == error
    else:
        assert world.is_live(oauth.exchange_code(world.state, fields, now=world.now).access_token)
        assert refusal(lambda: oauth.exchange_code(world.state, fields, now=world.now)) == "bad_verification_code"


def test_a_user_without_a_verified_address_is_refused(world: World) -> None:
    app = world.app()
    user = world.state.account("bob", now=world.now, type_="User")
    user.email_verified = False
    world.state.web_codes["code"] = WebCode("code", app, user, (), world.now + 600)
    fields = {"client_id": app.client_id, "client_secret": app.client_secrets[0], "code": "code"}
    assert refusal(lambda: oauth.exchange_code(world.state, fields, now=world.now)) == "unverified_user_email"
