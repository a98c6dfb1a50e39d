"""What is sent to GitHub, what is repeated, and what a failure on the way means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.github.jwt import RSAKey, load_private_key
from githubtoken_operator.adapters.github.sending import LARGEST_PAIR, Sender
from githubtoken_operator.domain.github.oauth_answers import refreshed_token
from githubtoken_operator.domain.github.refusals.app_refusals import ClockSkewed
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.errors import NotSent, OutcomeUnknown, RateLimited, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import App, AppInfo, ClientCertificate, Installation, Server, Token

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CANARY = "CANARYcanary0123456789CANARYcanary012345"
REFRESH_TOKEN = Token(f"ghr_{CANARY}")
EXPIRED = "'Expiration time' claim ('exp') must be a numeric value representing the future time"

Handler = Callable[[httpx.Request], httpx.Response]

PRIVATE = CABundle(digest="a private CA")


class Observed:
    """What the metrics would be told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int | None]] = []
        self.limits: list[tuple[str, str, str, int]] = []
        self.skews: list[tuple[str, float]] = []

    def request(self, host: str, operation: str, code: int | None, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((host, operation, code))

    def rate_limit(self, host: str, app: str, installation: str, remaining: int) -> None:
        self.limits.append((host, app, installation, remaining))

    def clock_skew(self, host: str, seconds: float) -> None:
        self.skews.append((host, seconds))


class Wire:
    """A GitHub of canned answers, the client that speaks to it, and what was sent."""

    def __init__(self, *answers: httpx.Response | Handler | Exception, send_limit: float | None = None) -> None:
        self.answers = list(answers)
        self.sent: list[httpx.Request] = []
        self.observed = Observed()
        self.ca_bundles: list[CABundle | None] = []
        self.now = NOW
        self.set_by = timedelta()
        settings: dict[str, Any] = {} if send_limit is None else {"send_limit": send_limit}
        self.github = GitHub(
            Sender(
                **settings,
                transport_for=self._transport_for,
                now=lambda: self.now,
                set_by=lambda: self.set_by,
                observer=self.observed,
                user_agent="githubtoken-operator/1.2.3",
            )
        )

    def _transport_for(self, ca_bundle: CABundle | None, _shown: ClientCertificate | None) -> httpx.AsyncBaseTransport:
        self.ca_bundles.append(ca_bundle)
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def claims(self, number: int) -> dict[str, Any]:
        bearer = self.sent[number].headers["authorization"].removeprefix("Bearer ")
        return dict(jwt.decode(bearer, options={"verify_signature": False, "verify_exp": False, "verify_iat": False}))


def answer(status: int, document: object = None, *, date: datetime | None = NOW, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if date is not None:
        named["date"] = format_datetime(date, usegmt=True)
    return httpx.Response(status, headers=named, content=json.dumps(document).encode())


def minted(date: datetime = NOW) -> httpx.Response:
    return answer(201, {"token": "ghs_new", "expires_at": (date + timedelta(hours=1)).isoformat()}, date=date)


@cache
def key() -> RSAKey:
    private = rsa.generate_private_key(65537, 2048)
    return load_private_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def app(
    client_id: str | None = "Iv23",
    *,
    secret: str | None = "s3cret",
    api_url: str = "https://api.github.com",
    ca: CABundle | None = None,
) -> App:
    return App(
        app_id=12,
        client_id=client_id,
        server=Server(api_url, "https://github.com", ca),
        private_key=key(),
        client_secret=Token(secret) if secret else None,
    )


RENAMED = InstallationSource(repository="acme/old")


# --- requests of an App ----------------------------------------------------------------------------------------------


async def test_the_app_is_asked_for_with_the_headers_that_github_wants() -> None:
    wire = Wire(answer(200, {"slug": "bot", "owner": {"login": "acme"}}))
    assert await wire.github.get_app(app()) == AppInfo("bot", "acme", None, {})
    (request,) = wire.sent
    assert (request.method, str(request.url)) == ("GET", "https://api.github.com/app")
    assert request.headers["accept"] == "application/vnd.github+json"
    assert request.headers["x-github-api-version"] == "2022-11-28"
    assert request.headers["user-agent"] == "githubtoken-operator/1.2.3"
    assert wire.claims(0)["iss"] == "Iv23"
    assert wire.observed.requests == [("api.github.com", "get_app", 200)]


@pytest.mark.parametrize(
    ("selector", "path"),
    [
        ({"id": 7}, "/app/installations/7"),
        ({"owner": "acme"}, "/users/acme/installation"),
        ({"owner": "alice_corp"}, "/users/alice_corp/installation"),
        ({"repository": "acme/web.site_1"}, "/repos/acme/web.site_1/installation"),
    ],
)
async def test_an_installation_is_found_by_id_owner_or_repository(selector: dict[str, Any], path: str) -> None:
    wire = Wire(answer(200, {"id": 7, "account": {"login": "acme"}}))
    found = await wire.github.find_installation(
        app(api_url="https://ghes.example.com/api/v3"), InstallationSource(**selector)
    )
    assert found == Installation(7, "acme")
    assert str(wire.sent[0].url) == f"https://ghes.example.com/api/v3{path}"


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"owner": ""},
        {"owner": ".."},
        {"owner": "a/b"},
        {"owner": "a?b"},
        {"owner": "a%2fb"},
        {"owner": "ac me"},
        {"owner": "acme\n"},
        {"owner": "-acme"},
        {"owner": "é"},
        {"repository": "website"},
        {"repository": "acme/"},
        {"repository": "/website"},
        {"repository": "acme/.."},
        {"repository": "acme/."},
        {"repository": "../app"},
        {"repository": "acme/web/site"},
        {"repository": "acme/web#site"},
        {"repository": "acme/" + "a" * 101},
    ],
)
async def test_names_that_would_change_the_path_are_refused_before_anything_is_sent(selector: dict[str, str]) -> None:
    wire = Wire()
    with pytest.raises(Terminal) as caught:
        await wire.github.find_installation(app(), InstallationSource(**selector))  # type: ignore[arg-type]
    assert caught.value.reason == reasons.INVALID_SPEC
    assert "must" in caught.value.message
    assert wire.sent == []


@pytest.mark.parametrize("name", ["acme/website", "..", "", "web site"])
async def test_repositories_to_narrow_to_must_be_names_without_owner(name: str) -> None:
    wire = Wire()
    with pytest.raises(Terminal) as caught:
        await wire.github.create_installation_token(app(), 7, repositories=[name])
    assert caught.value.reason == reasons.INVALID_SPEC
    assert wire.sent == []


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ({}, {}),
        ({"repositories": ["website"]}, {"repositories": ["website"]}),
        ({"repository_ids": [1, 2], "permissions": {}}, {"repository_ids": [1, 2]}),
        ({"permissions": {"contents": "read"}}, {"permissions": {"contents": "read"}}),
    ],
)
async def test_only_what_narrows_the_token_is_sent(asked: dict[str, Any], body: dict[str, Any]) -> None:
    wire = Wire(minted())
    token = await wire.github.create_installation_token(app(), 7, **asked)
    assert token.access.token == Token("ghs_new")
    assert (wire.sent[0].method, wire.sent[0].url.path) == ("POST", "/app/installations/7/access_tokens")
    assert json.loads(wire.sent[0].content) == body


async def test_a_renamed_repository_is_followed_once_on_the_same_host() -> None:
    target = "https://api.github.com/repositories/5/installation"
    wire = Wire(answer(301, location=target), answer(200, {"id": 7, "account": {"login": "acme"}}))
    assert (await wire.github.find_installation(app(), RENAMED)).id == 7
    assert str(wire.sent[1].url) == target
    assert wire.sent[1].headers["authorization"] == wire.sent[0].headers["authorization"]


async def test_a_second_redirect_is_not_followed() -> None:
    moved = [answer(301, location=f"/repositories/{number}/installation") for number in range(3)]
    wire = Wire(*moved)
    with pytest.raises(TokenError, match="redirect"):
        await wire.github.find_installation(app(), RENAMED)
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/repositories/5/installation",
        "http://api.github.com/repositories/5/installation",
        "https://api.github.com:8443/repositories/5/installation",
        "https://api.github.com@evil.example/x",
        "//evil.example/x",
        "https://[evil",
        "",
    ],
)
async def test_no_redirect_leads_to_another_host(location: str) -> None:
    wire = Wire(answer(301, location=location))
    with pytest.raises(TokenError, match="redirect"):
        await wire.github.find_installation(app(), RENAMED)
    assert len(wire.sent) == 1


async def test_a_post_is_never_redirected() -> None:
    wire = Wire(answer(307, location="https://api.github.com/x"))
    with pytest.raises(TokenError, match="redirect"):
        await wire.github.create_installation_token(app(), 7)
    assert len(wire.sent) == 1


# --- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_clock_that_is_off_is_repaired_once_by_the_answers_date(minutes: int) -> None:
    theirs = NOW + timedelta(minutes=minutes)
    wire = Wire(answer(401, {"message": EXPIRED}, date=theirs), minted(theirs))
    token = await wire.github.create_installation_token(app(), 7, permissions={"contents": "read"})
    assert token.access.expires_at == theirs + timedelta(hours=1)
    assert wire.claims(1)["iat"] == int(theirs.timestamp()) - 60
    assert wire.sent[0].content == wire.sent[1].content
    assert wire.github.skew("api.github.com") == timedelta(minutes=minutes)
    assert wire.observed.skews == [("api.github.com", -minutes * 60.0)] * 2


async def test_the_skew_is_remembered_for_the_next_request() -> None:
    theirs = NOW + timedelta(minutes=10)
    wire = Wire(answer(401, {"message": EXPIRED}, date=theirs), minted(theirs), minted(theirs))
    for _ in range(2):
        await wire.github.create_installation_token(app(), 7)
    assert len(wire.sent) == 3
    assert wire.claims(2)["iat"] == int(theirs.timestamp()) - 60


async def test_a_clock_that_stays_refused_is_not_repaired_twice() -> None:
    wire = Wire(*[answer(401, {"message": EXPIRED}) for _ in range(3)])
    with pytest.raises(ClockSkewed, match="synchronise"):
        await wire.github.get_app(app())
    assert len(wire.sent) == 2


async def test_one_machine_with_a_wrong_clock_moves_no_skew() -> None:
    wrong = NOW + timedelta(hours=1)
    dates = (NOW, wrong, NOW, wrong, wrong)
    wire = Wire(*[answer(200, {"slug": "bot"}, date=date) for date in dates])
    seen = []
    for _ in dates:
        await wire.github.get_app(app())
        seen.append(wire.github.skew("api.github.com"))
    assert seen == [timedelta()] * 4 + [timedelta(hours=1)]


async def test_a_refusal_of_the_times_is_answered_by_its_own_date_also_while_that_is_doubted() -> None:
    theirs = NOW + timedelta(hours=1)
    wire = Wire(answer(200, {"slug": "bot"}, date=NOW), answer(401, {"message": EXPIRED}, date=theirs), minted(theirs))
    await wire.github.get_app(app())
    await wire.github.create_installation_token(app(), 7)
    assert wire.claims(2)["iat"] == int(theirs.timestamp()) - 60
    assert wire.github.skew("api.github.com") == timedelta(hours=1)


async def test_of_hosts_that_nobody_asks_any_more_nothing_is_kept() -> None:
    wire = Wire(*[answer(200, {"slug": "bot"}, date=NOW) for _ in range(1100)])
    for number in range(1100):
        await wire.github.get_app(app(api_url=f"https://api.x{number}.ghe.com"))
    assert len(wire.github._sender._heard) == 1024


async def test_each_host_has_a_skew_of_its_own() -> None:
    wire = Wire(answer(200, {"slug": "bot"}, date=NOW + timedelta(hours=1)))
    await wire.github.get_app(app())
    assert wire.github.skew("api.github.com") == timedelta(hours=1)
    assert wire.github.skew("github.com") == timedelta()


async def test_a_clock_that_is_set_moves_no_host_that_has_told_its_time() -> None:
    wire = Wire(answer(200, {"slug": "bot"}, date=NOW), answer(200, {"slug": "bot"}, date=NOW))
    await wire.github.get_app(app())
    wire.set_by = timedelta(hours=-1)
    assert wire.github.skew("api.github.com") == timedelta()
    assert wire.github.skew("github.com") == timedelta(hours=-1)
    await wire.github.get_app(app())
    # The metric is of the machine's clock, which a human can set right.
    assert wire.observed.skews == [("api.github.com", 0.0), ("api.github.com", -3600.0)]


async def test_hosts_that_have_answered_are_asked_for_their_time() -> None:
    later = NOW + timedelta(hours=8)
    wire = Wire(answer(200, {"slug": "bot"}, date=NOW), answer(404, date=later))
    await wire.github.get_app(app(api_url="https://github.acme.example/api/v3", ca=PRIVATE))
    await wire.github.measure_clocks()
    assert (wire.sent[1].method, str(wire.sent[1].url)) == ("GET", "https://github.acme.example/robots.txt")
    assert "authorization" not in wire.sent[1].headers
    assert wire.ca_bundles == [PRIVATE]
    assert wire.github.skew("github.acme.example") == timedelta(hours=8)


async def test_of_a_host_that_does_not_tell_its_time_nothing_is_known_any_more() -> None:
    wire = Wire(answer(200, {"slug": "bot"}, date=NOW), httpx.ConnectError("refused"))
    await wire.github.get_app(app())
    wire.set_by = timedelta(hours=8)
    await wire.github.measure_clocks()
    assert wire.github.skew("api.github.com") == timedelta(hours=8)
    await wire.github.measure_clocks()
    assert len(wire.sent) == 2


@pytest.mark.parametrize("date", ["", "nonsense", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_an_answer_without_a_usable_date_gets_the_hosts_time_as_last_known(date: str) -> None:
    theirs = NOW + timedelta(minutes=3)
    pair = {"access_token": "ghu_new", "expires_in": 60, "refresh_token": "ghr_new", "refresh_token_expires_in": 600}
    undated = httpx.Response(200, headers={"date": date} if date else {}, json=pair)
    wire = Wire(answer(200, {"error": "surprise"}, date=theirs), undated)
    for _ in range(2):
        got = await wire.github.refresh(app(), REFRESH_TOKEN)
    assert refreshed_token(got).created == theirs
    assert wire.github.skew("github.com") == timedelta(minutes=3)


# --- refresh ---------------------------------------------------------------------------------------------------------


async def test_a_refresh_is_one_form_on_a_connection_of_its_own() -> None:
    wire = Wire(answer(200, {"anything": "goes"}))
    raw = await wire.github.refresh(app(), REFRESH_TOKEN)
    assert (raw.status, json.loads(raw.body)) == (200, {"anything": "goes"})
    (request,) = wire.sent
    assert (request.method, str(request.url)) == ("POST", "https://github.com/login/oauth/access_token")
    assert request.headers["accept"] == "application/json"
    assert request.headers["connection"] == "close"
    assert "authorization" not in request.headers
    assert parse_qs(request.content.decode()) == {
        "client_id": ["Iv23"],
        "client_secret": ["s3cret"],
        "grant_type": ["refresh_token"],
        "refresh_token": [REFRESH_TOKEN.reveal()],
    }
    assert request.extensions["timeout"] == {"connect": 5, "write": None, "pool": 5, "read": 60}


async def test_a_short_lease_leaves_less_time_to_send() -> None:
    wire = Wire(answer(200, {"anything": "goes"}), send_limit=2.0)
    await wire.github.refresh(app(), REFRESH_TOKEN)
    assert wire.sent[0].extensions["timeout"] == {"connect": 2, "write": None, "pool": 2, "read": 60}


async def test_a_token_of_the_device_flow_is_refreshed_without_client_secret() -> None:
    wire = Wire(answer(200, {}))
    await wire.github.refresh(app(secret=None), REFRESH_TOKEN)
    assert "client_secret" not in parse_qs(wire.sent[0].content.decode())


async def test_without_a_client_id_nothing_is_spent() -> None:
    wire = Wire()
    with pytest.raises(Terminal) as caught:
        await wire.github.refresh(app(client_id=None), REFRESH_TOKEN)
    assert caught.value.reason == reasons.APP_NOT_READY
    assert wire.sent == []


@pytest.mark.parametrize("status", [200, 302, 403, 429, 500, 502])
async def test_a_refresh_returns_whatever_came(status: int) -> None:
    wire = Wire(answer(status, None, location="https://github.com/x"))
    assert (await wire.github.refresh(app(), REFRESH_TOKEN)).status == status
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("its name cannot be resolved"), NotSent),
        (httpx.ConnectTimeout("no connection was made in time"), NotSent),
        (httpx.PoolTimeout("no slot"), NotSent),
        (httpx.WriteTimeout("slow"), OutcomeUnknown),
        (httpx.WriteError("broken pipe"), OutcomeUnknown),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.ReadError("it reset the connection"), OutcomeUnknown),
        (httpx.RemoteProtocolError("not HTTP"), OutcomeUnknown),
        (TimeoutError(), OutcomeUnknown),
    ],
)
async def test_only_what_failed_before_it_was_sent_is_certainly_not_spent(
    failure: Exception, kind: type[TokenError]
) -> None:
    wire = Wire(failure)
    with pytest.raises(TokenError) as caught:
        await wire.github.refresh(app(), REFRESH_TOKEN)
    assert (type(caught.value), caught.value.reason) == (kind, reasons.GITHUB_UNAVAILABLE)
    assert "github.com" in caught.value.message
    assert len(wire.sent) == 1
    assert wire.observed.requests == [("github.com", "refresh", None)]


class Broken(httpx.AsyncByteStream):
    """A body that breaks off with an error that elsewhere would mean that nothing was sent."""

    async def __aiter__(self) -> Any:  # noqa: ANN401
        yield b'{"access_token"'
        raise httpx.ConnectError("it closed the connection")


async def test_an_answer_that_breaks_off_leaves_the_outcome_unknown() -> None:
    wire = Wire(httpx.Response(200, stream=Broken()))
    with pytest.raises(OutcomeUnknown):
        await wire.github.refresh(app(), REFRESH_TOKEN)


@pytest.mark.parametrize(("size", "fits"), [(LARGEST_PAIR, True), (LARGEST_PAIR + 1, False)])
async def test_an_answer_that_may_hold_a_pair_is_read_as_far_as_a_secret_can_keep_it(size: int, *, fits: bool) -> None:
    wire = Wire(httpx.Response(200, content=b"x" * size))
    if fits:
        assert len((await wire.github.refresh(app(), REFRESH_TOKEN)).body) == size
    else:
        with pytest.raises(OutcomeUnknown, match="256 KiB"):
            await wire.github.refresh(app(), REFRESH_TOKEN)


async def test_no_error_and_no_log_shows_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    surprise = answer(200, {"error": CANARY})
    wire = Wire(httpx.ConnectError(f"ghr_{CANARY}"), httpx.ReadError(f"Bearer {CANARY}"), surprise)
    for _ in range(3):
        with pytest.raises(TokenError) as caught:
            refreshed_token(await wire.github.refresh(app(secret=CANARY), REFRESH_TOKEN))
        assert CANARY not in str(caught.value)
    assert wire.answers == []
    assert CANARY not in caplog.text


# --- requests with a token -------------------------------------------------------------------------------------------


async def probed(wire: Wire) -> bool:
    return await wire.github.probe(app(), Token("ghs_new"), installation_id=7, permissions={}, narrowed=False)


@pytest.mark.parametrize(
    ("status", "accepted"),
    [(200, True), (401, False), (403, True), (404, True), (429, True), (500, False), (502, False)],
)
async def test_a_probe_takes_a_token_for_good_unless_it_is_refused_or_nothing_is_known(
    status: int, *, accepted: bool
) -> None:
    wire = Wire(answer(status, {"message": "x"}, x_ratelimit_remaining="4999"))
    assert await probed(wire) is accepted
    assert str(wire.sent[0].url) == "https://api.github.com/rate_limit"
    assert wire.sent[0].headers["authorization"] == "Bearer ghs_new"
    assert wire.observed.limits == [("api.github.com", "12", "7", 4999)]


@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x")])
async def test_a_probe_that_gets_no_answer_says_so(failure: Exception) -> None:
    with pytest.raises((NotSent, OutcomeUnknown)):
        await probed(Wire(failure))


@pytest.mark.parametrize("remaining", ["", "many", "-1", "1.5"])
async def test_a_limit_that_is_no_number_is_not_observed(remaining: str) -> None:
    wire = Wire(answer(200, {}, x_ratelimit_remaining=remaining))
    await probed(wire)
    assert wire.observed.limits == []


async def test_the_login_is_asked_for_with_the_users_token() -> None:
    wire = Wire(answer(200, {"login": "alice"}, x_ratelimit_remaining="5"))
    assert await wire.github.get_login(app(), Token("ghu_new")) == "alice"
    assert wire.sent[0].url.path == "/user"
    assert wire.observed.limits == [("api.github.com", "12", "", 5)]


async def test_a_personal_token_is_checked_on_its_own_host_without_an_app() -> None:
    wire = Wire(answer(200, {"login": "alice"}, github_authentication_token_expiration="2027-01-01 00:00:00 UTC"))
    server = Server("https://ghe.example/api/v3", "https://ghe.example", PRIVATE)
    info = await wire.github.check_personal_token(server, Token("ghp_one"))
    assert (info.login, info.expires_at) == ("alice", datetime(2027, 1, 1, tzinfo=UTC))
    assert str(wire.sent[0].url) == "https://ghe.example/api/v3/user"
    assert wire.sent[0].headers["authorization"] == "Bearer ghp_one"
    assert wire.ca_bundles == [PRIVATE]


# --- revocation ------------------------------------------------------------------------------------------------------


def deletion() -> tuple[str, str, dict[str, object]]:
    return "DELETE", "/applications/Iv23/token", {"access_token": "ghu_old"}


def report(*tokens: str) -> tuple[str, str, dict[str, object]]:
    return "POST", "/credentials/revoke", {"credentials": list(tokens)}


async def test_an_installation_token_is_revoked_with_itself() -> None:
    wire = Wire(answer(204))
    await wire.github.revoke_installation_token(app(), Token("ghs_old"))
    (request,) = wire.sent
    assert (request.method, request.url.path) == ("DELETE", "/installation/token")
    assert request.headers["authorization"] == "Bearer ghs_old"
    assert wire.observed.requests == [("api.github.com", "revoke_installation_token", 204)]


@pytest.mark.parametrize(
    ("secret", "access", "refresh", "answers", "requests"),
    [
        pytest.param("s3cret", "ghu_old", "ghr_old", [204, 202], [deletion(), report("ghr_old")], id="secret"),
        pytest.param("s3cret", "ghu_old", "ghr_old", [404, 202], [deletion(), report("ghr_old")], id="dead access"),
        pytest.param("s3cret", "ghu_old", None, [204], [deletion()], id="no refresh token"),
        pytest.param("s3cret", None, "ghr_old", [202], [report("ghr_old")], id="only a refresh token"),
        pytest.param(
            "s3cret", "ghu_old", "ghr_old", [401, 202], [deletion(), report("ghu_old", "ghr_old")], id="wrong"
        ),
        pytest.param("s3cret", "ghu_old", "ghr_old", [502, 202], [deletion(), report("ghu_old", "ghr_old")], id="5xx"),
        pytest.param(None, "ghu_old", "ghr_old", [202], [report("ghu_old", "ghr_old")], id="no client secret"),
        pytest.param(None, None, None, [], [], id="nothing"),
    ],
)
async def test_a_users_pair_is_deleted_where_the_app_can_and_else_reported(
    secret: str | None, access: str | None, refresh: str | None, answers: list[int], requests: list[object]
) -> None:
    wire = Wire(*[answer(status, {"message": "x"}) for status in answers])
    await wire.github.revoke_user_tokens(
        app(secret=secret), Token(access) if access else None, Token(refresh) if refresh else None
    )
    assert [(sent.method, sent.url.path, json.loads(sent.content)) for sent in wire.sent] == requests
    for sent in wire.sent:
        # GitHub refuses a report from anybody whom it knows.
        expected = "Basic SXYyMzpzM2NyZXQ=" if sent.method == "DELETE" else None
        assert sent.headers.get("authorization") == expected


async def test_a_pair_of_which_a_part_may_live_is_not_revoked() -> None:
    wire = Wire(answer(204), answer(403, {"message": "x"}, retry_after="7"))
    with pytest.raises(RateLimited) as caught:
        await wire.github.revoke_user_tokens(app(), Token("ghu_old"), Token("ghr_old"))
    assert caught.value.retry_after == 7


async def test_no_error_shows_a_token_that_was_to_be_revoked() -> None:
    wire = Wire(answer(500, {"message": f"ghu_{CANARY}"}), httpx.ReadError(f"Bearer {CANARY}"))
    with pytest.raises(TokenError) as caught:
        await wire.github.revoke_user_tokens(app(secret=CANARY), Token(f"ghu_{CANARY}"), Token(f"ghr_{CANARY}"))
    assert wire.answers == []
    assert CANARY not in str(caught.value)


async def test_a_client_id_cannot_change_the_path_of_a_deletion() -> None:
    wire = Wire(answer(204))
    await wire.github.revoke_user_tokens(app("../x?y"), Token("ghu_old"), None)
    assert wire.sent[0].url.raw_path == b"/applications/..%2Fx%3Fy/token"


@pytest.mark.parametrize("text", ["", "ghu_a\nb", "ghu_a b", "ghu_é"])
async def test_a_token_that_is_no_header_value_is_not_sent(text: str) -> None:
    wire = Wire()
    with pytest.raises(Terminal) as caught:
        await wire.github.get_login(app(), Token(text))
    assert caught.value.reason == reasons.CREDENTIAL_MISSING
    assert wire.sent == []


async def test_each_ca_bundle_has_one_transport() -> None:
    wire = Wire(*[answer(200, {"login": "alice"}) for _ in range(4)])
    for ca in (None, PRIVATE, None, PRIVATE):
        await wire.github.get_login(app(ca=ca), Token("ghu_new"))
    assert wire.ca_bundles == [None, PRIVATE]


async def test_closing_closes_every_transport() -> None:
    closed: list[str | None] = []

    class Transport(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append("closed")

    def made(_ca: object, _shown: object) -> Transport:
        return Transport(lambda _request: answer(200, {"login": "alice"}))

    github = GitHub(Sender(transport_for=made, now=lambda: NOW, observer=Observed(), user_agent="x"))
    for ca in (None, PRIVATE):
        await github.get_login(app(ca=ca), Token("ghu_new"))
    await github.aclose()
    assert closed == ["closed", "closed"]


# --- Hosts that know no client ids -----------------------------------------------------------------------------------

NO_NUMBER = {"message": "'Issuer' claim ('iss') must be an Integer"}
BOTH: dict[str, Any] = {"app_id": 12345, "client_id": "Iv23acme"}


async def test_a_host_that_knows_no_client_ids_is_asked_by_the_app_id_from_then_on() -> None:
    wire = Wire(answer(401, NO_NUMBER), minted(), minted())
    for _ in range(2):
        await wire.github.create_installation_token(replace(app(), **BOTH), 7)
    assert [wire.claims(number)["iss"] for number in range(3)] == ["Iv23acme", "12345", "12345"]


@pytest.mark.parametrize("ids", [{"app_id": None, "client_id": "Iv23acme"}, {"app_id": 12345, "client_id": None}])
async def test_with_one_id_a_refused_issuer_is_told(ids: dict[str, Any]) -> None:
    wire = Wire(answer(401, NO_NUMBER))
    with pytest.raises(Terminal, match=r"before 3\.14"):
        await wire.github.create_installation_token(replace(app(), **ids), 7)
    assert len(wire.sent) == 1


async def test_what_is_refused_by_either_id_is_not_remembered() -> None:
    wire = Wire(answer(401, NO_NUMBER), answer(404, {"message": "Integration not found"}), minted())
    with pytest.raises(Terminal, match="no App of this id"):
        await wire.github.create_installation_token(replace(app(), **BOTH), 7)
    await wire.github.create_installation_token(replace(app(), **BOTH), 7)
    assert wire.claims(2)["iss"] == "Iv23acme"


async def test_a_header_that_stands_there_twice_counts_once() -> None:
    said = [
        ("Retry-After", ""),
        ("RETRY-AFTER", "30"),
        ("retry-after", "60"),
        ("Date", format_datetime(NOW, usegmt=True)),
    ]
    wire = Wire(httpx.Response(429, headers=said, content=b"{}"))
    with pytest.raises(RateLimited) as raised:
        await wire.github.create_installation_token(app(), 7)
    assert raised.value.retry_after == 30
