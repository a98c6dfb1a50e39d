"""A rule that keeps a right credential out calls a human, in GitHub's words and with what to do; what passes does not.

The texts are those of public reports.
"""

from __future__ import annotations

import pytest

from githubtoken_operator.domain.github.answers import (
    app_info,
    installation,
    installation_token,
    login,
    personal_token_info,
)
from githubtoken_operator.domain.github.oauth_answers import refreshed_token
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import KeptOut, RateLimited, Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import Answer
from tests.unit.domain.github.test_answers import Reader, answer, error_of, words

LISTED = (
    "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list "
    "enabled, and your IP address is not permitted to access this resource."
)
AUTHENTICATION, SUSPENDED = reasons.AUTHENTICATION_FAILED, reasons.INSTALLATION_SUSPENDED
REPOSITORY = reasons.REPOSITORY_NOT_ACCESSIBLE

RULES = [
    (403, LISTED, AUTHENTICATION, "put the address"),
    (403, LISTED.replace("`acme` organization", "acme enterprise"), AUTHENTICATION, "put the address"),
    (
        403,
        (
            "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this "
            "organization."
        ),
        AUTHENTICATION,
        "/sso",
    ),
    (
        403,
        (
            "The `acme' organization has enabled or enforced SAML SSO. To access this repository, you must "
            "re-authorize the GitHub App `Bot`."
        ),
        AUTHENTICATION,
        "/sso",
    ),
    (
        403,
        (
            "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a "
            "personal access token with fine-grained permissions."
        ),
        AUTHENTICATION,
        "Classic personal tokens are forbidden",
    ),
    (
        403,
        (
            "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's lifetime "
            "is greater than 366 days. Please adjust your token's lifetime at the following URL: "
            "https://github.com/settings/personal-access-tokens/1"
        ),
        AUTHENTICATION,
        "shorter life",
    ),
    (
        403,
        (
            "The 'acme' enterprise forbids access via a personal access tokens (classic) if the token's lifetime "
            "is greater than 365 days."
        ),
        AUTHENTICATION,
        "shorter life",
    ),
    (
        403,
        "`acme` forbids access via a fine-grained personal access token. Please use a GitHub App.",
        AUTHENTICATION,
        "approve",
    ),
    (
        403,
        (
            "Although you appear to have the correct authorization credentials, the `acme` organization has enabled "
            "OAuth App access restrictions, meaning that data access to third-parties is limited."
        ),
        AUTHENTICATION,
        "approve the App",
    ),
    (403, "The 'acme' organization requires two-factor authentication.", AUTHENTICATION, "set it up"),
    (403, "This installation has been suspended", SUSPENDED, "unsuspend"),
    (403, "This installation owned by acme suspended your access at 2026-03-01T12:00:00Z", SUSPENDED, "unsuspend"),
    (403, "Your application has been suspended. Contact support@github.com.", AUTHENTICATION, "The App itself"),
    (
        403,
        "Your account is suspended. Please visit https://support.github.com.",
        AUTHENTICATION,
        "ask GitHub's support",
    ),
    (403, "Your account has been flagged.", AUTHENTICATION, "ask GitHub's support"),
    (403, "Repository access blocked", REPOSITORY, "GitHub's support"),
    (
        403,
        "Access to this repository has been disabled by GitHub staff. Contact support to restore access.",
        REPOSITORY,
        "GitHub's support",
    ),
    (
        403,
        "Unauthorized: As an Enterprise Managed User, you cannot access this content",
        AUTHENTICATION,
        "reaches nothing outside",
    ),
    (403, "Single sign on is required to access this organization.", AUTHENTICATION, "/sso"),
    (403, "User is blocked", AUTHENTICATION, "lift that"),
    (451, "Repository access blocked", REPOSITORY, "legal reasons"),
    (451, "", REPOSITORY, "legal reasons"),
    (403, "Your account's billing is locked: payment is due.", AUTHENTICATION, "ask GitHub's support"),
    (403, "Recent account payments have failed: update your payment method.", AUTHENTICATION, "billing settings"),
    (403, "Your license has expired.", AUTHENTICATION, "billing settings"),
    (403, "GitHub Apps are disabled by an enterprise policy.", AUTHENTICATION, "have an owner allow it"),
    (403, "An enterprise owner has disabled this feature.", AUTHENTICATION, "have an owner allow it"),
    (403, "At least one email address must be verified to do that.", AUTHENTICATION, "verified first"),
]


def refreshed(given: Answer) -> object:
    return refreshed_token(given)


@pytest.mark.parametrize("reader", [installation_token, installation, app_info, login, refreshed])
@pytest.mark.parametrize(("status", "said", "reason", "todo"), RULES, ids=[f"{row[0]} {row[1][:60]}" for row in RULES])
def test_a_rule_calls_a_human_whatever_was_asked(
    reader: Reader, status: int, said: str, reason: str, todo: str
) -> None:
    error = error_of(reader, answer(status, words(said)))
    assert (type(error), error.reason) == (KeptOut, reason)
    assert error.reason in reasons.HUMAN_NEEDED
    assert todo in error.message
    assert said[:150] in error.message


@pytest.mark.parametrize(("status", "said", "reason", "todo"), RULES, ids=[f"{row[0]} {row[1][:60]}" for row in RULES])
def test_so_does_one_about_a_personal_token(status: int, said: str, reason: str, todo: str) -> None:
    error = error_of(personal_token_info, answer(status, words(said)))
    assert isinstance(error, Terminal)
    assert error.reason in (reason, AUTHENTICATION)
    if "suspended" not in said:
        assert todo in error.message


def test_single_sign_on_is_also_known_by_its_header() -> None:
    given = answer(403, words("Forbidden"), x_github_sso="required; url=https://github.com/orgs/acme/sso?x=SECRET")
    error = error_of(login, given)
    assert isinstance(error, KeptOut)
    assert "SECRET" not in error.message


@pytest.mark.parametrize("reader", [installation_token, installation, app_info, login, personal_token_info, refreshed])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "Resource not accessible by integration"),
        (403, "Forbidden"),
        (400, "Problems parsing JSON"),
        (409, "Conflict"),
        (410, "Gone"),
        (500, LISTED),
        (503, "GitHub is in maintenance: an administrator has disabled access."),
    ],
)
def test_what_may_pass_calls_nobody_at_first(reader: Reader, status: int, said: str) -> None:
    error = error_of(reader, answer(status, words(said)))
    assert isinstance(error, Transient)
    assert error.reason not in reasons.HUMAN_NEEDED


def test_a_limit_is_no_rule() -> None:
    assert isinstance(error_of(login, answer(403, words(LISTED), retry_after="5")), RateLimited)


@pytest.mark.parametrize(
    "said",
    [
        "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.",
        (
            "You have triggered an abuse detection mechanism and have been temporarily blocked from calling the API. "
            "Please retry your request again later."
        ),
        "Maximum number of login attempts exceeded. Please try again later.",
    ],
)
def test_nor_is_one_in_the_words_of_old_enterprise_servers(said: str) -> None:
    assert isinstance(error_of(login, answer(403, words(said))), RateLimited)


@pytest.mark.parametrize("said", ["Your account is temporarily locked.", "User is blocked. Try again later."])
def test_what_says_itself_that_it_passes_is_waited_out(said: str) -> None:
    assert isinstance(error_of(login, answer(403, words(said))), Transient)


def test_a_page_with_the_words_is_no_rule() -> None:
    assert not isinstance(error_of(login, answer(403, body=f"<html>{LISTED}</html>".encode())), Terminal)


def test_a_very_long_text_is_read_in_no_time() -> None:
    assert isinstance(error_of(login, answer(403, words("enterprise " * 90_000))), Transient)
