"""The client against a faithful GitHub on real sockets."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from typing import Any, Protocol

import pytest

from github_simulator.control_client import App as RegisteredApp
from github_simulator.control_client import sha256
from github_simulator.process import SimulatorProcess
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.domain.github.oauth_answers import refreshed_token
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import certificates, reasons
from githubtoken_operator.domain.vocabulary.errors import (
    NotSent,
    OutcomeUnknown,
    RateLimited,
    RefreshTokenRefused,
    Terminal,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.model import App, Installation, Server, Token

_numbers = itertools.count()


class Observed(Protocol):
    """What the `observed` fixture has noted."""

    requests: list[tuple[str, int | None]]
    limits: list[tuple[str, int]]
    skews: list[float]


def name(stem: str) -> str:
    """A name that no other test of this process has used."""
    return f"{stem}-{next(_numbers)}"


def as_app(simulator: SimulatorProcess, registered: RegisteredApp, **changes: object) -> App:
    ca = certificates.of_pem(simulator.ca.encode()) if simulator.ca else None
    of_server: dict[str, Any] = {field: changes.pop(field) for field in Server.__slots__ if field in changes}
    values: dict[str, object] = {
        "app_id": registered.id,
        "client_id": registered.client_id,
        "server": replace(Server(simulator.api_url, simulator.web_url, ca), **of_server),
        "private_key": load_private_key(registered.private_key.encode()) if registered.private_key else None,
        "client_secret": Token(registered.client_secret),
    }
    return App(**{**values, **changes})  # type: ignore[arg-type]


async def probed(github: GitHub, app: App, installation_id: int, token: Token) -> bool:
    return await github.probe(app, token, installation_id=installation_id, permissions={}, narrowed=False)


# --- tokens ----------------------------------------------------------------------------------------------------------


async def test_an_app_finds_its_installation_and_mints_a_token_that_works(
    simulator: SimulatorProcess, github: GitHub, observed: Observed
) -> None:
    registered = simulator.control.create_app(name("bot"))
    account = name("acme")
    installed = simulator.control.install(
        registered, account, repositories=["website"], permissions={"contents": "read", "metadata": "read"}
    )
    app = as_app(simulator, registered)
    info = await github.get_app(app)
    assert (info.slug, info.client_id) == (registered.slug, registered.client_id)
    for source in (
        InstallationSource(id=installed.id),
        InstallationSource(owner=account),
        InstallationSource(repository=f"{account}/website"),
    ):
        assert await github.find_installation(app, source) == Installation(installed.id, account)
    token = await github.create_installation_token(
        app, installed.id, repositories=["website"], permissions={"contents": "read"}
    )
    assert token.access.expires_in == 3600
    assert token.permissions["contents"] == "read"
    assert token.repository_selection == "selected"
    assert await probed(github, app, installed.id, token.access.token)
    assert not await probed(github, app, installed.id, Token("ghs_" + "0" * 36))
    assert observed.limits[0][0] == str(installed.id)


async def test_a_user_token_is_refreshed_once_and_then_refused(simulator: SimulatorProcess, github: GitHub) -> None:
    registered = simulator.control.create_app(name("bot"))
    pair = simulator.control.sign_in(registered, "alice")
    app, sent = as_app(simulator, registered), Token(pair.refresh_token or "")
    token = refreshed_token(await github.refresh(app, sent))
    assert await github.get_login(app, token.token) == "alice"
    assert token.refresh_token not in {None, sent}
    with pytest.raises(RefreshTokenRefused):
        refreshed_token(await github.refresh(app, sent))


async def test_a_pair_that_does_not_expire_any_more_brings_no_refresh_token(
    simulator: SimulatorProcess, github: GitHub
) -> None:
    registered = simulator.control.create_app(name("bot"))
    sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
    simulator.control.override(
        "refresh", remove=["expires_in", "refresh_token", "refresh_token_expires_in"], app=registered
    )
    token = refreshed_token(await github.refresh(as_app(simulator, registered), sent))
    assert (token.expires_at, token.refresh_token) == (None, None)


# --- revocation ------------------------------------------------------------------------------------------------------


async def test_an_installation_token_dies_and_stays_dead(simulator: SimulatorProcess, github: GitHub) -> None:
    registered = simulator.control.create_app(name("bot"))
    installed = simulator.control.install(registered, name("acme"))
    app = as_app(simulator, registered)
    kept, revoked = [(await github.create_installation_token(app, installed.id)).access.token for _ in range(2)]
    for _ in range(2):
        await github.revoke_installation_token(app, revoked)
    alive = [simulator.control.token_is_alive(token.sha256) for token in (kept, revoked)]
    assert alive == [True, False]


@pytest.mark.parametrize("secret", ["right", "wrong", None])
async def test_a_users_pair_dies_with_and_without_the_client_secret(
    simulator: SimulatorProcess, github: GitHub, secret: str | None
) -> None:
    registered = simulator.control.create_app(name("bot"))
    pairs = [simulator.control.sign_in(registered, "alice") for _ in range(2)]
    known = {"right": Token(registered.client_secret), "wrong": Token("wrong"), None: None}
    app = as_app(simulator, registered, client_secret=known[secret])
    access, refresh = Token(pairs[0].access_token), Token(pairs[0].refresh_token or "")
    for _ in range(2):
        await github.revoke_user_tokens(app, access, refresh)
    assert not simulator.control.token_is_alive(access.sha256)
    assert not simulator.control.token_is_alive(refresh.sha256)
    assert simulator.control.token_is_alive(sha256(pairs[1].access_token)), "another sign-in must stay"


# --- refusals in the simulator's words -------------------------------------------------------------------------------


async def test_each_way_an_app_can_be_wrong_has_its_reason(simulator: SimulatorProcess, github: GitHub) -> None:
    control = simulator.control
    registered, other = control.create_app(name("bot")), control.create_app(name("other"))
    installed = control.install(registered, name("acme"), repositories=["website"], permissions={"contents": "read"})
    app = as_app(simulator, registered)

    async def reason(app: App, installation: int, **asked: object) -> str:
        with pytest.raises(Terminal) as caught:
            await github.create_installation_token(app, installation, **asked)  # type: ignore[arg-type]
        return caught.value.reason

    another_key = load_private_key((other.private_key or "").encode())
    assert (
        await reason(as_app(simulator, registered, private_key=another_key), installed.id)
        == reasons.AUTHENTICATION_FAILED
    )
    unknown = as_app(simulator, registered, client_id=None, app_id=987_654)
    assert await reason(unknown, installed.id) == reasons.AUTHENTICATION_FAILED
    assert await reason(app, 987_654) == reasons.INSTALLATION_NOT_FOUND
    assert await reason(app, installed.id, permissions={"issues": "write"}) == reasons.PERMISSIONS_NOT_GRANTED
    assert await reason(app, installed.id, repositories=["nothing"]) == reasons.REPOSITORY_NOT_ACCESSIBLE
    control.suspend(installed)
    assert await reason(app, installed.id) == reasons.INSTALLATION_SUSPENDED
    with pytest.raises(Terminal, match="not installed on nobody"):
        await github.find_installation(app, InstallationSource(owner="nobody"))
    control.delete_key(registered)
    assert await reason(app, installed.id) == reasons.AUTHENTICATION_FAILED


async def test_a_wrong_client_secret_spends_nothing(simulator: SimulatorProcess, github: GitHub) -> None:
    registered = simulator.control.create_app(name("bot"))
    sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
    app = as_app(simulator, registered, client_secret=Token("wrong"))
    with pytest.raises(Terminal) as caught:
        refreshed_token(await github.refresh(app, sent))
    assert caught.value.reason == reasons.AUTHENTICATION_FAILED
    assert simulator.control.token_is_alive(sha256(sent.reveal()))


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param({"headers": {"Retry-After": "7"}}, 7, id="stated"),
        pytest.param({"headers": {"Retry-After": ""}}, 60, id="blank"),
        pytest.param({}, 60, id="absent"),
        pytest.param({"reset_in": 30}, 31, id="primary"),
    ],
)
async def test_a_limit_says_how_long(
    simulator: SimulatorProcess, github: GitHub, status: int, fault: dict[str, Any], seconds: float
) -> None:
    registered = simulator.control.create_app(name("bot"))
    installed = simulator.control.install(registered, name("acme"))
    simulator.control.fail("mint", status=status, **fault)
    with pytest.raises(RateLimited) as caught:
        await github.create_installation_token(as_app(simulator, registered), installed.id)
    # The simulator rounds the time of the reset up, and `Date` down.
    assert caught.value.retry_after == pytest.approx(seconds, abs=1 if "reset_in" in fault else 0)


# --- what is lost on the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "spent"),
    [
        pytest.param({"drop": True}, False, id="dropped before the effect"),
        pytest.param({"drop": True, "when": "after"}, True, id="dropped after the effect"),
        pytest.param({"status": 502, "when": "after", "body": "<html>", "content_type": "text/html"}, True, id="502"),
        pytest.param({"truncate": 40, "drop": True, "when": "after"}, True, id="cut off by the connection"),
        pytest.param({"truncate": 40}, True, id="cut off in itself"),
        pytest.param({"body": "<html>", "content_type": "text/html"}, False, id="HTML with 200"),
    ],
)
async def test_a_refresh_whose_answer_is_lost_is_sent_once_and_its_outcome_is_unknown(
    simulator: SimulatorProcess, github: GitHub, fault: dict[str, Any], *, spent: bool
) -> None:
    registered = simulator.control.create_app(name("bot"))
    sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
    simulator.control.fail("refresh", app=registered, times=None, **fault)
    with pytest.raises(OutcomeUnknown) as caught:
        refreshed_token(await github.refresh(as_app(simulator, registered), sent))
    assert caught.value.reason == reasons.GITHUB_UNAVAILABLE
    ledger = simulator.control.ledger()
    assert len(ledger.of("refresh", registered)) == 1
    assert (ledger.double_spends, ledger.replays) == ((), ())
    assert simulator.control.token_is_alive(sha256(sent.reveal())) is not spent


async def test_a_mint_whose_connection_drops_is_not_repeated_by_the_transport(
    simulator: SimulatorProcess, github: GitHub
) -> None:
    registered = simulator.control.create_app(name("bot"))
    installed = simulator.control.install(registered, name("acme"))
    app = as_app(simulator, registered)
    await github.create_installation_token(app, installed.id)
    # The next request meets the kept connection, which is where a transport would be tempted to repeat it.
    simulator.control.fail("mint", drop=True, when="after", app=registered)
    with pytest.raises(OutcomeUnknown):
        await github.create_installation_token(app, installed.id)
    assert simulator.control.ledger().counts["mint"] == 2


async def test_each_refresh_has_a_connection_of_its_own(simulator: SimulatorProcess, github: GitHub) -> None:
    registered = simulator.control.create_app(name("bot"))
    app = as_app(simulator, registered)
    sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
    for _ in range(3):
        answer = await github.refresh(app, sent)
        assert answer.headers.get("connection", "").lower() == "close"
        sent = refreshed_token(answer).refresh_token or sent


@pytest.mark.parametrize(
    ("web_url", "says"),
    [
        pytest.param("http://127.0.0.1:9", "accepts no connection", id="nobody listens"),
        pytest.param("http://nobody.invalid", "cannot be resolved", id="no such name"),
        pytest.param("https://{plain}", "TLS cannot be agreed on", id="no TLS there"),
    ],
)
async def test_what_never_reached_github_was_not_sent(
    simulator: SimulatorProcess, github: GitHub, web_url: str, says: str
) -> None:
    registered = simulator.control.create_app(name("bot"))
    url = web_url.format(plain=simulator.web_url.removeprefix("http://"))
    with pytest.raises(NotSent, match=says):
        await github.refresh(as_app(simulator, registered, web_url=url), Token("ghr_x"))
    assert simulator.control.ledger().of("refresh") == ()


async def test_no_token_gets_into_a_log(
    simulator: SimulatorProcess, github: GitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registered = simulator.control.create_app(name("bot"))
    sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
    app = as_app(simulator, registered)
    token = refreshed_token(await github.refresh(app, sent))
    simulator.control.fail("refresh", drop=True, app=registered)
    with pytest.raises(TokenError):
        await github.refresh(app, sent)
    for secret in (sent.reveal(), token.token.reveal(), registered.client_secret):
        assert secret not in caplog.text


# --- clocks, TLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_clock_ten_minutes_off_is_repaired_once_and_remembered(
    simulator: SimulatorProcess, github: GitHub, observed: Observed, minutes: int
) -> None:
    registered = simulator.control.create_app(name("bot"))
    installed = simulator.control.install(registered, name("acme"))
    simulator.control.clock(offset=minutes * 60)
    app = as_app(simulator, registered)
    for _ in range(2):
        token = await github.create_installation_token(app, installed.id)
        assert token.access.expires_in == 3600
    codes = [code for operation, code in observed.requests if operation == "create_installation_token"]
    assert codes == [401, 201, 201]
    assert observed.skews[-1] == pytest.approx(-minutes * 60, abs=2)


async def test_a_private_ca_is_trusted_where_the_app_names_it_and_nowhere_else(github: GitHub) -> None:
    with SimulatorProcess("--tls") as simulator:
        registered = simulator.control.create_app(name("bot"))
        app = as_app(simulator, registered)
        sent = Token(simulator.control.sign_in(registered, "alice").refresh_token or "")
        assert (await github.get_app(app)).slug == registered.slug
        with pytest.raises(NotSent, match="certificate is refused"):
            await github.refresh(as_app(simulator, registered, ca_bundle=None), sent)
        assert refreshed_token(await github.refresh(app, sent)).refresh_token != sent


async def test_a_ghes_works_below_its_prefix(github: GitHub) -> None:
    with SimulatorProcess("--ghes") as simulator:
        registered = simulator.control.create_app(name("bot"))
        installed = simulator.control.install(registered, "acme")
        app = as_app(simulator, registered)
        assert app.server.api_url.endswith("/api/v3")
        token = await github.create_installation_token(app, installed.id)
        assert len(token.access.token.reveal()) == 40
        assert await probed(github, app, installed.id, token.access.token)
