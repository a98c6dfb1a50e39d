"""What counts as a token, and what GitHub's refusals mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.domain.github.answers import (
    app_info,
    credentials_revoked,
    installation,
    installation_token,
    installation_token_revoked,
    login,
    personal_token_info,
)
from githubtoken_operator.domain.github.oauth_answers import refreshed_token, user_token_deleted
from githubtoken_operator.domain.github.refusals.app_refusals import ClockSkewed, IssuerRefused, KeyRefused
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    KeptOut,
    NotSent,
    OutcomeUnexplained,
    OutcomeUnknown,
    RateLimited,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    TokenRefused,
    Transient,
    Unexplained,
)
from githubtoken_operator.domain.vocabulary.model import Answer, AppInfo, Installation, PersonalTokenInfo, Token

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 01:00:00 GMT"
CANARY = "CANARYcanary0123456789CANARYcanary012345"
ABSENT = object()

Reader = Callable[[Answer], object]


def refreshed(answer: Answer) -> object:
    return refreshed_token(answer)


READERS = [
    pytest.param(reader, id=reader.__name__)
    for reader in (installation_token, refreshed, installation, app_info, login, personal_token_info)
]


def answer(
    status: int = 200, document: object = ABSENT, *, body: bytes = b"", date: str = DATE, **headers: str
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if document is ABSENT else json.dumps(document).encode()
    return Answer(status, ({"date": date} if date else {}) | named, content)


def document(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**base, **changes}.items() if value is not ABSENT}


def pair(**changes: object) -> dict[str, Any]:
    base = {
        "access_token": "ghu_new",
        "expires_in": 28800,
        "refresh_token": "ghr_new",
        "refresh_token_expires_in": 15897600,
        "scope": "",
        "token_type": "bearer",
    }
    return document(base, changes)


def minted(**changes: object) -> dict[str, Any]:
    base = {
        "token": "ghs_new",
        "expires_at": "2026-11-23T02:00:00Z",
        "permissions": {"contents": "read", "metadata": "read"},
        "repository_selection": "selected",
    }
    return document(base, changes)


def words(message: str, **more: object) -> dict[str, Any]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest", **more}


def error_of(reader: Reader, given: Answer) -> TokenError:
    with pytest.raises(TokenError) as caught:
        reader(given)
    return caught.value


# --- refresh ---------------------------------------------------------------------------------------------------------


def test_a_refresh_answer_becomes_the_pair_counted_from_the_date_header() -> None:
    token = refreshed_token(answer(200, pair(scope="repo,gist", token_type="Bearer")))
    assert token.token == Token("ghu_new")
    assert (token.type, token.scope, token.created) == ("bearer", "repo,gist", NOW)
    assert (token.expires_in, token.expires_at) == (28800, NOW + timedelta(hours=8))
    assert token.refresh_token == Token("ghr_new")
    assert (token.refresh_expires_in, token.refresh_expires_at) == (15897600, NOW + timedelta(days=184))


def test_the_answer_of_an_app_that_switched_expiry_off_need_not_bring_a_refresh_token() -> None:
    answered = pair(expires_in=ABSENT, refresh_token=ABSENT, refresh_token_expires_in=ABSENT)
    token = refreshed_token(answer(200, answered))
    assert (token.expires_in, token.expires_at) == (None, None)
    assert (token.refresh_token, token.refresh_expires_in, token.refresh_expires_at) == (None, None, None)


@pytest.mark.parametrize(
    "scope", ["\ud800", "a\nb", "s" * 100_000, ["repo"]], ids=["a surrogate", "a line", "long", "a list"]
)
def test_a_scope_that_cannot_be_kept_does_not_keep_the_pair_out(scope: object) -> None:
    assert refreshed_token(answer(200, pair(scope=scope))).scope == ""


def test_a_refresh_token_whose_life_is_not_stated_is_taken() -> None:
    token = refreshed_token(answer(200, pair(refresh_token_expires_in=ABSENT)))
    assert (token.refresh_token, token.refresh_expires_at) == (Token("ghr_new"), None)


@pytest.mark.parametrize("text", ["ghu_a", "gho_A9", "ghs_12_a.b-c.d_e", "ghs_" + "x" * 520])
def test_every_documented_format_of_a_token_is_taken(text: str) -> None:
    assert refreshed_token(answer(200, pair(access_token=text))).token.reveal() == text
    assert installation_token(answer(201, minted(token=text))).access.token.reveal() == text


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        pytest.param({"access_token": ABSENT}, "`access_token`", id="no token"),
        pytest.param({"access_token": 5}, "`access_token`", id="token is a number"),
        pytest.param({"access_token": ""}, "`access_token`", id="empty token"),
        pytest.param({"access_token": "ghu_"}, "`access_token`", id="prefix only"),
        pytest.param({"access_token": "ghp_x"}, "`access_token`", id="another kind of token"),
        pytest.param({"access_token": "x"}, "`access_token`", id="no prefix"),
        pytest.param({"access_token": "ghu_a\nb"}, "`access_token`", id="newline inside"),
        pytest.param({"access_token": "ghu_a\n"}, "`access_token`", id="newline at the end"),
        pytest.param({"access_token": "ghu_é"}, "`access_token`", id="other alphabet"),
        pytest.param({"token_type": "mac"}, "`token_type`", id="other type"),
        pytest.param({"token_type": 1}, "`token_type`", id="type is a number"),
        pytest.param({"expires_in": "28800 s"}, "`expires_in`", id="life as words"),
        pytest.param({"expires_in": "-28800"}, "`expires_in`", id="negative life as a string"),
        pytest.param({"expires_in": ""}, "`expires_in`", id="life as no words"),
        pytest.param({"expires_in": True}, "`expires_in`", id="life as a bool"),
        pytest.param({"expires_in": 28800.5}, "`expires_in`", id="life as a fraction"),
        pytest.param({"expires_in": 0}, "`expires_in`", id="no life"),
        pytest.param({"expires_in": -1}, "`expires_in`", id="negative life"),
        pytest.param({"expires_in": ABSENT}, "`expires_in`", id="life missing"),
        pytest.param({"expires_in": 10**30}, "`expires_in`", id="life beyond all time"),
        pytest.param({"refresh_token_expires_in": "x"}, "`refresh_token_expires_in`", id="refresh life as a word"),
        pytest.param({"refresh_token_expires_in": 0}, "`refresh_token_expires_in`", id="no refresh life"),
        pytest.param({"refresh_token": ABSENT}, "`refresh_token`", id="no refresh token"),
        pytest.param({"refresh_token": ""}, "`refresh_token`", id="empty refresh token"),
        pytest.param({"refresh_token": "ghr_a b"}, "`refresh_token`", id="space in the refresh token"),
        pytest.param({"refresh_token": ["ghr_a"]}, "`refresh_token`", id="refresh token in a list"),
    ],
)
def test_a_refresh_answer_that_is_not_a_pair_leaves_the_outcome_unknown(changes: dict[str, Any], names: str) -> None:
    error = error_of(refreshed, answer(200, pair(**changes)))
    assert (type(error), error.reason) == (OutcomeUnknown, reasons.GITHUB_UNAVAILABLE)
    assert names in error.message


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 01:00:00 GMT"])
@pytest.mark.parametrize(
    ("reader", "given"), [(refreshed, pair()), (installation_token, minted())], ids=["refresh", "mint"]
)
def test_without_a_date_nothing_can_be_counted(reader: Reader, given: dict[str, Any], date: str) -> None:
    error = error_of(reader, answer(200, given, date=date))
    assert isinstance(error, OutcomeUnknown)
    assert "`Date`" in error.message


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 500])
@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("bad_refresh_token", RefreshTokenRefused, reasons.REAUTHORIZATION_REQUIRED),
        ("incorrect_client_credentials", Terminal, reasons.AUTHENTICATION_FAILED),
        ("unverified_user_email", Terminal, reasons.REAUTHORIZATION_REQUIRED),
        ("unsupported_grant_type", Unexplained, reasons.GITHUB_UNAVAILABLE),
        ("unauthorized_client", OutcomeUnexplained, reasons.GITHUB_UNAVAILABLE),
        ("application_suspended", OutcomeUnexplained, reasons.GITHUB_UNAVAILABLE),
        ("surprise", OutcomeUnexplained, reasons.GITHUB_UNAVAILABLE),
        ("temporarily_unavailable", OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
    ],
)
def test_an_oauth_error_counts_whatever_the_status(status: int, code: str, kind: type[TokenError], reason: str) -> None:
    error = error_of(refreshed, answer(status, {"error": code, "error_description": "The refresh token …"}))
    assert (type(error), error.reason) == (kind, reason)


def test_an_oauth_error_wins_over_a_token_beside_it() -> None:
    assert isinstance(error_of(refreshed, answer(200, pair(error="bad_refresh_token"))), RefreshTokenRefused)


# --- mint ------------------------------------------------------------------------------------------------------------


def test_a_minted_token_comes_with_what_was_granted() -> None:
    token = installation_token(answer(201, minted()))
    assert token.access.token == Token("ghs_new")
    assert (token.access.type, token.access.created) == ("bearer", NOW)
    assert (token.access.expires_at, token.access.expires_in) == (NOW + timedelta(hours=1), 3600)
    assert token.access.refresh_token is None
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert token.repository_selection == "selected"


def test_what_github_need_not_say_may_be_absent() -> None:
    token = installation_token(answer(201, minted(permissions=ABSENT, repository_selection=ABSENT)))
    assert (token.permissions, token.repository_selection) == ({}, None)


@pytest.mark.parametrize(
    "expires_at",
    ["2026-11-23T02:00:00Z", "2026-11-23T02:00:00.500Z", "2026-11-23T03:00:00+01:00", "2026-11-22T21:00:00-05:00"],
)
def test_the_expiry_is_a_time_of_rfc_3339(expires_at: str) -> None:
    assert installation_token(answer(201, minted(expires_at=expires_at))).access.expires_in == 3600


@pytest.mark.parametrize(
    "expires_at",
    [
        pytest.param(ABSENT, id="missing"),
        pytest.param(1795399200, id="number"),
        pytest.param("2026-11-23T01:00:00Z", id="now"),
        pytest.param("2026-11-23T01:00:00.9Z", id="less than a second"),
        pytest.param("2020-01-01T00:00:00Z", id="past"),
        pytest.param("2026-11-23T02:00:00", id="no zone"),
        pytest.param("2026-11-23", id="a date"),
        pytest.param("2026-13-23T02:00:00Z", id="month 13"),
        pytest.param("9999-12-31T23:59:59-12:00", id="beyond all time"),
        pytest.param("soon", id="words"),
    ],
)
def test_a_minted_token_without_a_usable_expiry_leaves_the_outcome_unknown(expires_at: object) -> None:
    error = error_of(installation_token, answer(201, minted(expires_at=expires_at)))
    assert isinstance(error, OutcomeUnknown)
    assert "`expires_at`" in error.message


EXPIRED = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion "
    "expires"
)
TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_ACCESSIBLE = "There is at least one repository that does not exist or is not accessible to the parent installation."


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (401, EXPIRED, ClockSkewed, reasons.AUTHENTICATION_FAILED),
        (401, TOO_FAR, ClockSkewed, reasons.AUTHENTICATION_FAILED),
        (401, ISSUED, ClockSkewed, reasons.AUTHENTICATION_FAILED),
        (401, "A JSON web token could not be decoded", KeyRefused, reasons.AUTHENTICATION_FAILED),
        (401, "Integration must generate a public key", KeyRefused, reasons.AUTHENTICATION_FAILED),
        (401, "Bad credentials", KeyRefused, reasons.AUTHENTICATION_FAILED),
        (401, "Requires authentication", KeyRefused, reasons.AUTHENTICATION_FAILED),
        (401, "'Issuer' claim ('iss') must be an Integer", IssuerRefused, reasons.AUTHENTICATION_FAILED),
        (404, "Integration not found", Terminal, reasons.AUTHENTICATION_FAILED),
        (404, "Not Found", Terminal, reasons.INSTALLATION_NOT_FOUND),
        (403, "This installation has been suspended", KeptOut, reasons.INSTALLATION_SUSPENDED),
        (422, NOT_GRANTED, Terminal, reasons.PERMISSIONS_NOT_GRANTED),
        (422, NOT_ACCESSIBLE, Terminal, reasons.REPOSITORY_NOT_ACCESSIBLE),
        (
            422,
            "Too many repositories for installation 5. The maximum is 40.",
            Terminal,
            reasons.REPOSITORY_NOT_ACCESSIBLE,
        ),
        (422, 'Invalid request. "contentz" is not a permitted key.', Terminal, reasons.INVALID_SPEC),
        (403, "Resource not accessible by integration", Unexplained, reasons.GITHUB_UNAVAILABLE),
        (400, "Problems parsing JSON", Unexplained, reasons.GITHUB_UNAVAILABLE),
        (410, "Unsupported API version", Unexplained, reasons.GITHUB_UNAVAILABLE),
        (408, "Request timed out", OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
        (500, "Server Error", OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
    ],
)
def test_a_refusal_to_mint_has_the_reason_that_github_means(
    status: int, message: str, kind: type[TokenError], reason: str
) -> None:
    error = error_of(installation_token, answer(status, words(message, status=str(status))))
    assert (type(error), error.reason) == (kind, reason)


def test_the_message_names_the_permissions_that_were_asked_for() -> None:
    with pytest.raises(Terminal, match=r"contents: write, issues: read"):
        installation_token(answer(422, words(NOT_GRANTED)), permissions={"issues": "read", "contents": "write"})


def test_the_message_names_the_repositories_that_were_asked_for() -> None:
    with pytest.raises(Terminal, match=r"A repository in `spec.installation` \(api, website\) does not exist"):
        installation_token(answer(422, words(NOT_ACCESSIBLE)), repositories=["api", "website"])


def test_the_message_names_where_the_app_is_not_installed() -> None:
    with pytest.raises(Terminal, match="not installed on acme/website"):
        installation(answer(404, words("Not Found")), where="on acme/website")


@pytest.mark.parametrize(
    "message", ["Integration not found", "A JSON web token could not be decoded", EXPIRED, "Bad credentials"]
)
@pytest.mark.parametrize("reader", [installation_token, installation, app_info], ids=["mint", "find", "app"])
def test_every_request_of_an_app_knows_the_words_for_a_wrong_jwt(reader: Reader, message: str) -> None:
    status = 404 if message == "Integration not found" else 401
    assert error_of(reader, answer(status, words(message))).reason == reasons.AUTHENTICATION_FAILED


# --- what is not GitHub's ---------------------------------------------------------------------------------------------

HTML = b"<html><body>Bad Gateway</body></html>"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("status", [200, 201, 502, 503])
def test_html_says_nothing_about_what_happened(reader: Reader, status: int) -> None:
    error = error_of(reader, answer(status, body=HTML))
    assert (type(error), error.reason) == (OutcomeUnknown, reasons.GITHUB_UNAVAILABLE)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("status", [400, 403, 404, 407, 422])
def test_a_page_of_a_proxy_is_never_terminal(reader: Reader, status: int) -> None:
    error = error_of(reader, answer(status, body=HTML))
    assert (type(error), error.reason) == (Transient, reasons.GITHUB_UNAVAILABLE)


@pytest.mark.parametrize("reader", READERS)
def test_a_redirect_is_not_an_answer(reader: Reader) -> None:
    assert type(error_of(reader, answer(302, location="https://login.example.com/"))) is Transient


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"access_token": "ghu_new", "exp', id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"ghu_new"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="nested too deeply"),
        pytest.param(b'{"expires_in": ' + b"9" * 5000 + b"}", id="number too long"),
        pytest.param(b"access_token=ghu_new&token_type=bearer", id="a form"),
        pytest.param(b"{}", id="empty object"),
    ],
)
def test_a_success_that_is_no_document_leaves_the_outcome_unknown(reader: Reader, body: bytes) -> None:
    error = error_of(reader, answer(200, body=body))
    assert (type(error), error.reason) == (OutcomeUnknown, reasons.GITHUB_UNAVAILABLE)


# --- limits ----------------------------------------------------------------------------------------------------------

RESET = str(int(NOW.timestamp()) + 100)
SECONDARY = words("You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("document", "headers", "seconds"),
    [
        pytest.param(SECONDARY, {"retry_after": "17"}, 17, id="stated"),
        pytest.param(SECONDARY, {"retry_after": ""}, 60, id="blank"),
        pytest.param(SECONDARY, {"retry_after": "soon"}, 60, id="garbled"),
        pytest.param(SECONDARY, {"retry_after": "0"}, 1, id="zero"),
        pytest.param(SECONDARY, {"retry_after": "9" * 12}, 3660, id="absurd"),
        pytest.param(SECONDARY, {"retry_after": "-5"}, 60, id="negative"),
        pytest.param(SECONDARY, {"retry_after": "1.5"}, 60, id="a fraction"),
        pytest.param(SECONDARY, {"retry_after": "Mon, 23 Nov 2020 01:00:30 GMT"}, 1, id="as a date that is past"),
        pytest.param(SECONDARY, {"retry_after": "Mon, 23 Nov 2126 01:00:30 GMT"}, 3660, id="as a date that is far"),
        pytest.param(SECONDARY, {"retry_after": "Mon, 23 Nov 2026 01:00:30 GMT"}, 30, id="as a date"),
        pytest.param(SECONDARY, {}, 60, id="absent"),
        pytest.param(words("no", documentation_url="https://x/#secondary-rate-limits"), {}, 60, id="by its link"),
        pytest.param(words("x"), {"x_ratelimit_remaining": "0", "x_ratelimit_reset": RESET}, 101, id="primary"),
        pytest.param(words("x"), {"x_ratelimit_remaining": "0"}, 60, id="primary without reset"),
        pytest.param(words("x"), {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}, 1, id="primary, reset past"),
        pytest.param(
            words("x"),
            {"x_ratelimit_remaining": "0", "x_ratelimit_reset": RESET, "retry_after": "5"},
            5,
            id="retry-after goes first",
        ),
        pytest.param(words("Maximum number of login attempts exceeded. Please try again later."), {}, 60, id="guard"),
        pytest.param(ABSENT, {"retry_after": "17"}, 17, id="HTML with retry-after"),
    ],
)
def test_a_limit_is_waited_for_as_github_says(
    reader: Reader, status: int, document: object, headers: dict[str, str], seconds: float
) -> None:
    error = error_of(reader, answer(status, document, body=HTML, **headers))
    assert isinstance(error, RateLimited)
    assert (error.reason, error.retry_after) == (reasons.RATE_LIMITED, seconds)


@pytest.mark.parametrize("reader", READERS)
def test_429_is_a_limit_even_without_any_mark(reader: Reader) -> None:
    error = error_of(reader, answer(429, body=HTML, date=""))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 60


def test_what_remains_is_a_mark_only_in_a_refusal() -> None:
    given = answer(201, minted(), x_ratelimit_remaining="0", x_ratelimit_reset=RESET)
    assert installation_token(given).access.expires_in == 3600


# --- the smaller answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "name"),
    [({"login": "acme"}, "acme"), ({"slug": "big", "name": "Big"}, "big")],
    ids=["account", "enterprise"],
)
def test_an_installation_is_its_id_and_its_account(account: dict[str, str], name: str) -> None:
    assert installation(answer(200, {"id": 7, "account": account, "suspended_at": None})) == Installation(
        7, name, enterprise="login" not in account
    )


def test_an_installation_that_is_suspended_says_so_before_a_token_is_asked_for() -> None:
    given = {"id": 7, "account": {"login": "acme"}, "suspended_at": "2026-11-01T00:00:00Z"}
    assert error_of(installation, answer(200, given)).reason == reasons.INSTALLATION_SUSPENDED


@pytest.mark.parametrize(
    "given", [{"id": "7", "account": {"login": "a"}}, {"id": True, "account": {"login": "a"}}, {"id": 7}]
)
def test_an_installation_must_have_id_and_account(given: dict[str, Any]) -> None:
    assert isinstance(error_of(installation, answer(200, given)), OutcomeUnknown)


def test_an_app_is_its_slug_owner_client_id_and_permissions() -> None:
    given = {
        "slug": "bot",
        "owner": {"login": "acme"},
        "client_id": "Iv23",
        "permissions": {"contents": "write", "x": 1},
    }
    assert app_info(answer(200, given)) == AppInfo("bot", "acme", "Iv23", {"contents": "write"})


@pytest.mark.parametrize("odd", [f"ghu_{CANARY}", "x" * 101, "with space", ""])
def test_what_cannot_be_a_client_id_is_none(odd: str) -> None:
    assert app_info(answer(200, {"slug": "bot", "client_id": odd})).client_id is None


def test_what_cannot_be_a_permission_is_left_out() -> None:
    odd = {f"ghs_{CANARY}": "read", "contents": f"ghs_{CANARY}", "issues": 1, "x" * 65: "read", "metadata": "read"}
    assert app_info(answer(200, {"slug": "bot", "permissions": odd})).permissions == {"metadata": "read"}
    many = {f"p_{'a' * count}": "read" for count in range(1, 60)} | {f"q_{'a' * count}": "read" for count in range(60)}
    many |= {f"r_{'a' * count}": "read" for count in range(60)}
    assert len(app_info(answer(200, {"slug": "bot", "permissions": many})).permissions) == 128


def test_an_old_ghes_tells_no_client_id() -> None:
    assert app_info(answer(200, {"slug": "bot", "owner": {"login": "acme"}})) == AppInfo("bot", "acme", None, {})


def test_the_login_is_whose_token_it_is() -> None:
    assert login(answer(200, {"login": "alice"})) == "alice"


def test_a_token_that_is_not_accepted_yet_is_not_terminal() -> None:
    error = error_of(login, answer(401, words("Bad credentials")))
    assert (type(error), error.reason) == (Transient, reasons.AUTHENTICATION_FAILED)


# --- personal tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "\ud800", "a\nb", "a" * 10_000, 5], ids=["none", "a surrogate", "a line", "long", "5"]
)
def test_a_login_that_cannot_be_kept_is_none(name: object) -> None:
    assert isinstance(error_of(login, answer(200, {"login": name})), OutcomeUnknown)


def checked(expiration: str | None = None, scopes: str | None = None) -> PersonalTokenInfo:
    told = {"github-authentication-token-expiration": expiration} if expiration is not None else {}
    told |= {"x-oauth-scopes": scopes} if scopes is not None else {}
    return personal_token_info(Answer(200, {"date": DATE, **told}, b'{"login": "alice"}'))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param("2026-12-01 00:00:00 UTC", datetime(2026, 12, 1, tzinfo=UTC), id="UTC"),
        pytest.param("2026-12-01 00:00:00 +0100", datetime(2026, 11, 30, 23, tzinfo=UTC), id="a user's zone"),
        pytest.param("2026-12-01 00:00:00 -0330", datetime(2026, 12, 1, 3, 30, tzinfo=UTC), id="a zone of half hours"),
        pytest.param("2026-12-01 00:00:00 +01:00", datetime(2026, 11, 30, 23, tzinfo=UTC), id="with a colon"),
        pytest.param("2026-12-01T00:00:00Z", datetime(2026, 12, 1, tzinfo=UTC), id="RFC 3339"),
        pytest.param(None, None, id="it does not expire"),
    ],
)
def test_the_expiry_of_a_personal_token_is_in_a_header(told: str | None, expected: datetime | None) -> None:
    assert checked(told) == PersonalTokenInfo("alice", NOW, "", expected)


@pytest.mark.parametrize(
    "told",
    ["", "soon", "2026-12-01", "2026-12-01 00:00:00 PST", "2026-02-30 00:00:00 UTC", "1", "2026-11-23 01:00:00 UTC"],
)
def test_an_expiry_that_cannot_be_says_nothing_of_a_token_that_github_accepts(told: str) -> None:
    found = checked(told)
    assert (found.expires_at, found.unclear) == (None, True)


@pytest.mark.parametrize("told", ["2026-12-01 00:00:00", "Tue, 01 Dec 2026 00:00:00 GMT"])
def test_an_expiry_may_come_in_other_forms(told: str) -> None:
    assert checked(told).expires_at == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "expected"),
    [("repo, read:org", "repo,read:org"), ("", ""), (None, ""), ("ghp_x\nbreak", ""), ("x" * 1025, "")],
)
def test_the_scopes_of_a_classic_token_are_in_a_header(told: str | None, expected: str) -> None:
    assert checked(scopes=told).scope == expected


@pytest.mark.parametrize(
    ("status", "text", "hint"),
    [
        pytest.param(401, "Bad credentials", "Make another", id="revoked"),
        pytest.param(403, "Sorry. Your account was suspended.", "another account's token", id="suspended account"),
    ],
)
def test_a_personal_token_that_is_refused_needs_a_human(status: int, text: str, hint: str) -> None:
    error = error_of(personal_token_info, answer(status, words(text)))
    assert (type(error), error.reason) == (TokenRefused, reasons.AUTHENTICATION_FAILED)
    assert hint in error.message
    assert "`spec.personal.secretRef`" in error.message


# --- revocation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reader", "given"),
    [
        pytest.param(installation_token_revoked, answer(204), id="installation token"),
        pytest.param(installation_token_revoked, answer(401, words("Bad credentials")), id="dead installation token"),
        pytest.param(installation_token_revoked, answer(404, words("Not Found")), id="unknown installation token"),
        pytest.param(user_token_deleted, answer(204), id="user token"),
        pytest.param(user_token_deleted, answer(404, words("Not Found")), id="unknown user token"),
        pytest.param(
            user_token_deleted, answer(422, words("Validation Failed")), id="unknown user token, as validation"
        ),
        pytest.param(credentials_revoked, answer(202, {}), id="credentials"),
    ],
)
def test_what_is_dead_or_unknown_counts_as_revoked(reader: Callable[[Answer], None], given: Answer) -> None:
    reader(given)


@pytest.mark.parametrize(
    ("reader", "given", "kind", "reason"),
    [
        (installation_token_revoked, answer(401, body=b"<html>"), Transient, reasons.GITHUB_UNAVAILABLE),
        (installation_token_revoked, answer(200, {}), OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
        (installation_token_revoked, answer(502, body=b"<html>"), OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
        (
            installation_token_revoked,
            answer(403, words("This installation owned by acme suspended your access")),
            KeptOut,
            reasons.INSTALLATION_SUSPENDED,
        ),
        (installation_token_revoked, answer(403, words("x"), retry_after="5"), RateLimited, reasons.RATE_LIMITED),
        (user_token_deleted, answer(401, words("Bad credentials")), Terminal, reasons.AUTHENTICATION_FAILED),
        (user_token_deleted, answer(404, body=b"<html>"), Transient, reasons.GITHUB_UNAVAILABLE),
        (user_token_deleted, answer(429, words("x")), RateLimited, reasons.RATE_LIMITED),
        (credentials_revoked, answer(404, words("Not Found")), Unexplained, reasons.GITHUB_UNAVAILABLE),
        (credentials_revoked, answer(422, words("Validation Failed")), Unexplained, reasons.GITHUB_UNAVAILABLE),
        (credentials_revoked, answer(204), OutcomeUnknown, reasons.GITHUB_UNAVAILABLE),
        (credentials_revoked, answer(302, location="/x"), Transient, reasons.GITHUB_UNAVAILABLE),
    ],
)
def test_a_token_that_may_be_alive_does_not_count_as_revoked(
    reader: Callable[[Answer], None], given: Answer, kind: type[TokenError], reason: str
) -> None:
    error = error_of(reader, given)
    assert (type(error), error.reason) == (kind, reason)


# --- whatever GitHub answers -----------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(f"ghu_{CANARY}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "message error error_description access_token token token_type expires_in expires_at refresh_token scope id "
    "account refresh_token_expires_in permissions repository_selection suspended_at slug owner client_id login "
    "documentation_url"
)
secrets_in_text = st.sampled_from(
    [
        f"ghu_{CANARY}",
        f"token {CANARY}",
        f"ghr_\u200b{CANARY}",
        f"eyJhbGciOi{CANARY}",
        "x" * 300 + CANARY,
        f"Bearer {CANARY}",
    ]
)
documents = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS.split(), json_values | secrets_in_text)).map(
    lambda value: json.dumps(value).encode()
)
header_values = st.text(max_size=20) | st.integers().map(str) | st.just("0") | st.just(DATE)
headers = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            "date", "retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "x-oauth-scopes",
            "github-authentication-token-expiration",
        ),
        header_values,
    ),
)  # fmt: skip
statuses = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 502]) | st.integers(100, 599)


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(status=statuses, headers=headers, body=st.binary(max_size=200) | documents)
def test_whatever_comes_it_is_a_value_or_a_token_error_that_shows_no_secret(
    reader: Reader, status: int, headers: dict[str, str], body: bytes
) -> None:
    error = raised_by(reader, Answer(status, headers, body))
    if error is None:
        return
    assert CANARY not in str(error)
    assert error.message.isprintable()
    assert error.message.encode()
    assert not isinstance(error, NotSent)
    assert not isinstance(error, RateLimited) or (error.retry_after is not None and 1 <= error.retry_after <= 86400)


def raised_by(reader: Reader, given: Answer) -> TokenError | None:
    try:
        reader(given)
    except TokenError as error:
        return error
    return None


@settings(deadline=None)
@given(text=st.text(max_size=600))
def test_githubs_text_is_repeated_on_one_line_and_bounded(text: str) -> None:
    error = error_of(installation_token, answer(422, words(text)))
    assert len(error.message) <= 256 + 120
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("repositories", "known"),
    [
        ([{"id": 5, "full_name": "acme/web"}, {"id": 6, "full_name": "acme/a.b"}], ((5, "acme/web"), (6, "acme/a.b"))),
        (None, ()),
        ("acme/web", ()),
        ([{"id": "5", "full_name": "acme/web"}, {"id": True, "full_name": "acme/web"}, "x", {}, {"id": 5}], ()),
        ([{"id": 5, "full_name": "acme/../x/y"}, {"id": 5, "full_name": "acme"}], ()),
    ],
)
def test_the_repositories_of_a_token_are_those_that_can_be_some(
    repositories: object, known: tuple[object, ...]
) -> None:
    token = installation_token(answer(201, minted(repositories=repositories)))
    assert tuple((each.id, each.full_name) for each in token.repositories) == known


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/repositories/5/installation", 5),
        ("/api/v3/repositories/5/installation", 5),
        ("", None),
        ("/repositories/x/installation", None),
        ("/repositories/5", None),
    ],
)
def test_a_redirect_tells_the_number_of_a_repository(path: str, number: int | None) -> None:
    found = replace(answer(200, {"id": 678, "account": {"login": "acme"}}), path=path)
    assert installation(found).repository_id == number
    gone = Answer(404, {}, b'{"message": "Not Found"}', path)
    with pytest.raises(Terminal) as refused:
        installation(gone, where="on acme/web")
    assert ("renamed or has another owner" in refused.value.message) is (number is not None)


@pytest.mark.parametrize("reader", READERS)
def test_a_front_that_demands_a_client_certificate_is_named(reader: Reader) -> None:
    page = b"<html><head><title>400 No required SSL certificate was sent</title></head></html>"
    error = error_of(reader, answer(400, body=page))
    assert isinstance(error, Terminal)
    assert "spec.clientCertificateSecretRef" in error.message
