"""A refusal that an incident of GitHub's could be is believed only when it lasts, or when nothing worked before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT, Failures, parse_token
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    KeptOut,
    OutcomeUnexplained,
    RefreshTokenRefused,
    Terminal,
    TokenError,
    TokenRefused,
    Transient,
    Unexplained,
)
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import NOW, githubtoken_body, seen, settled

NOT_THE_KEY = Terminal(reasons.AUTHENTICATION_FAILED, "check the key")
NOT_THERE = Terminal(reasons.INSTALLATION_NOT_FOUND, "install it")
REQUESTED = seen(parse_token(githubtoken_body(annotations={REFRESH_REQUESTED_AT: "now"})))


@pytest.mark.parametrize("error", [NOT_THE_KEY, NOT_THERE, TokenRefused(reasons.AUTHENTICATION_FAILED, "make another")])
def test_what_worked_is_doubted_less_than_github(error: Terminal) -> None:
    told = doubt.doubted(settled(), error)
    assert isinstance(told, Transient)
    assert told.reason not in reasons.HUMAN_NEEDED
    assert error.message in told.message


@pytest.mark.parametrize(("failed", "believed"), [(doubt.BELIEVED - 2, False), (doubt.BELIEVED - 1, True)])
def test_what_lasts_is_believed(failed: int, *, believed: bool) -> None:
    told = doubt.doubted(settled(failures=Failures(failed, NOW, NOW)), NOT_THE_KEY)
    assert (told is NOT_THE_KEY) is believed


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param(settled(issued=None), id="there is no token"),
        pytest.param(replace(settled(), now=NOW + timedelta(hours=2)), id="the token has expired"),
        pytest.param(settled(own=OfUser(revoked=True)), id="the token was revoked"),
        pytest.param(settled(own=OfPersonal(refused=True)), id="GitHub refused the token before"),
        pytest.param(settled(spec_hash="v1:other"), id="the spec asks for another"),
        pytest.param(settled(own=OfPersonal(candidate=Token("ghp_other"))), id="a human made another"),
        pytest.param(settled(REQUESTED), id="a human asked"),
    ],
)
def test_where_nothing_speaks_against_it_a_refusal_is_told_at_once(observed: Observation) -> None:
    assert doubt.doubted(observed, NOT_THE_KEY) is NOT_THE_KEY


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Terminal(reasons.INSTALLATION_SUSPENDED, "unsuspend it"), id="suspended"),
        pytest.param(Terminal(reasons.PERMISSIONS_NOT_GRANTED, "grant it"), id="not granted"),
        pytest.param(KeptOut(reasons.AUTHENTICATION_FAILED, "the IP allow list"), id="a rule of the organisation"),
        pytest.param(RefreshTokenRefused(reasons.REAUTHORIZATION_REQUIRED, "sign in"), id="bad_refresh_token"),
        pytest.param(Transient(reasons.AUTHENTICATION_FAILED, "the clock"), id="transient already"),
    ],
)
def test_what_no_incident_says_is_told_at_once(error: TokenError) -> None:
    assert doubt.doubted(settled(), error) is error


# --- Words that no rule knows ----------------------------------------------------------------------------------------

UNKNOWN = Unexplained("GitHub refused the request", lasting=reasons.AUTHENTICATION_FAILED)
OF_REFRESH = OutcomeUnexplained('an OAuth error that is not known: "x".', lasting=reasons.REAUTHORIZATION_REQUIRED)
TOLD = Terminal(reasons.REAUTHORIZATION_REQUIRED, "sign in")
OFTEN, TWICE = Failures(doubt.BELIEVED - 1, NOW, NOW), Failures(1, NOW, NOW)
EXPIRED = replace(settled(), now=NOW + timedelta(hours=2))


@pytest.mark.parametrize(
    ("observed", "error", "told"),
    [
        pytest.param(settled(failures=TWICE, last_error=UNKNOWN), UNKNOWN, None, id="it may pass"),
        pytest.param(settled(failures=OFTEN, last_error=UNKNOWN), UNKNOWN, reasons.AUTHENTICATION_FAILED, id="lasting"),
        pytest.param(settled(failures=OFTEN), UNKNOWN, reasons.AUTHENTICATION_FAILED, id="lasting over a restart"),
        pytest.param(
            settled(failures=OFTEN, last_error=Transient(reasons.GITHUB_UNAVAILABLE, "no answer")),
            UNKNOWN,
            None,
            id="what lasted before was something else",
        ),
        pytest.param(replace(EXPIRED, failures=TWICE, last_error=UNKNOWN), UNKNOWN, None, id="expired"),
        pytest.param(settled(failures=TWICE), OF_REFRESH, None, id="refresh: it may pass"),
        pytest.param(
            replace(EXPIRED, failures=TWICE), OF_REFRESH, reasons.REAUTHORIZATION_REQUIRED, id="refresh: expired"
        ),
        pytest.param(
            settled(failures=OFTEN, last_error=TOLD), OF_REFRESH, reasons.REAUTHORIZATION_REQUIRED, id="refresh: told"
        ),
    ],
)
def test_words_that_no_rule_knows_are_told_to_a_human_where_they_last(
    observed: Observation, error: Unexplained, told: str | None
) -> None:
    found = doubt.doubted(observed, error)
    assert (found.reason if isinstance(found, Terminal) else None) == told
    assert error.message in found.message


@pytest.mark.parametrize(
    ("observed", "gives_up"),
    [
        pytest.param(replace(EXPIRED, last_error=OF_REFRESH), True, id="the second in a row"),
        pytest.param(replace(EXPIRED, last_error=TOLD), True, id="a human was told"),
        pytest.param(EXPIRED, False, id="the first"),
        pytest.param(settled(last_error=OF_REFRESH), False, id="the token is valid"),
    ],
)
def test_a_refresh_token_is_given_up_only_where_nothing_is_left_to_lose(
    observed: Observation, *, gives_up: bool
) -> None:
    assert doubt.gives_up(observed, may_ask=True) is gives_up
    assert not doubt.gives_up(observed, may_ask=False), "no device flow"
