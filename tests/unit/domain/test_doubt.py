"""A refusal that an incident of GitHub's could be is believed only when it lasts, or when nothing worked before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from githubtoken_operator.domain import doubt, reasons
from githubtoken_operator.domain.decide import Observation
from githubtoken_operator.domain.errors import RefreshTokenRefused, Terminal, TokenError, TokenRefused, Transient
from githubtoken_operator.domain.model import Token
from githubtoken_operator.domain.resources import REFRESH_REQUESTED_AT, Failures, parse_token
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
        pytest.param(settled(revoked=True), id="the token was revoked"),
        pytest.param(settled(refused=True), id="GitHub refused the token before"),
        pytest.param(settled(spec_hash="v1:other"), id="the spec asks for another"),
        pytest.param(settled(candidate=Token("ghp_other")), id="a human made another"),
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
        pytest.param(RefreshTokenRefused(reasons.REAUTHORIZATION_REQUIRED, "sign in"), id="bad_refresh_token"),
        pytest.param(Transient(reasons.AUTHENTICATION_FAILED, "the clock"), id="transient already"),
    ],
)
def test_what_no_incident_says_is_told_at_once(error: TokenError) -> None:
    assert doubt.doubted(settled(), error) is error
