"""What one kind of token adds: the rules ask each the same questions, and a kind that adds nothing answers them too."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from githubtoken_operator.domain.observed.own import NOTHING, Admit, Mark, Own, Step, TakeSeed
from githubtoken_operator.domain.observed.personal import OfPersonal
from githubtoken_operator.domain.observed.user import OfUser
from githubtoken_operator.domain.user.device_flow import Ask, SignIn
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import NOW, app, issued, observation, settled

SEED, HELD, OTHER = Token("ghr_seed"), Token("ghp_one"), Token("ghp_two")
NEEDED = Terminal(reasons.CREDENTIAL_MISSING, "sign in")
SIGN_IN = SignIn(None, NEEDED, requested=False, client_id=None, server=app().server)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize("own", [NOTHING, OfUser(), OfPersonal()])
def test_a_kind_that_knows_nothing_yet_asks_for_nothing_and_speaks_against_no_token(own: Own) -> None:
    assert (own.first(suspended=False), own.ahead(NOW), own.admission, own.cause(HELD)) == (None, None, None, None)
    assert not any([own.revoked, own.refused, own.is_superseded(HELD)])


def test_what_was_never_looked_at_is_the_nothing_of_any_kind() -> None:
    assert (OfUser.of(NOTHING), OfPersonal.of(NOTHING)) == (OfUser(), OfPersonal())
    known = OfPersonal(candidate=OTHER)
    assert OfPersonal.of(known) is known
    assert OfUser.of(known) == OfUser(), "the spec has come to ask for another kind"


@pytest.mark.parametrize(
    ("own", "suspended", "step"),
    [
        pytest.param(OfUser(unmarked=True, newer_seed=SEED), True, Mark(), id="the mark goes first, and always"),
        pytest.param(OfUser(newer_seed=SEED), False, TakeSeed(SEED), id="a seed"),
        pytest.param(OfUser(newer_seed=SEED), True, None, id="a seed while suspended"),
    ],
)
def test_what_a_users_token_needs_before_anything_else_asks_github_nothing(
    own: Own, step: Step | None, *, suspended: bool
) -> None:
    assert own.first(suspended=suspended) == step
    assert step is None or not step.asks_github


def test_a_sign_in_and_its_admission_ask_github() -> None:
    own = OfUser(sign_in=SIGN_IN, unadmitted=True)
    ahead, admission = own.ahead(NOW), own.admission
    assert isinstance(ahead, Ask)
    assert isinstance(admission, Admit)
    assert ahead.asks_github
    assert admission.asks_github


def test_a_users_token_is_dead_with_its_refresh_token_and_a_personal_one_is_kept_until_there_is_another() -> None:
    assert not settled(own=OfUser(revoked=True)).valid
    assert settled(own=OfPersonal(refused=True)).valid


@pytest.mark.parametrize(
    ("own", "times"),
    [
        pytest.param(NOTHING, {"renewalTime": LATER}, id="installation"),
        pytest.param(OfUser(), {"renewalTime": LATER}, id="user"),
        pytest.param(OfPersonal(checked=NOW), {"lastCheckTime": NOW}, id="personal"),
    ],
)
def test_status_tells_when_a_token_is_renewed_or_was_checked(own: Own, times: dict[str, datetime]) -> None:
    assert own.times(LATER) == times


def test_what_is_held_is_the_token_itself() -> None:
    assert observation().held is None
    assert settled().held == issued().access.token
