"""The credential Secret: the rotation protocol's tables (docs/rotation.md), row by row."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.credentials.credential import INTENT
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.domain.vocabulary.model import Token
from tests.unit.builders import pair, secret
from tests.unit.domain.user.chains import (
    CLIENT,
    SEEDED,
    STRANGER,
    TOKEN,
    entry,
    grant,
    intent,
    noted,
    put_back,
    refresh,
    rotated,
    seeded,
)


def test_a_seed_is_due_since_the_operator_did_not_write_it() -> None:
    stored = credential.read(seeded())
    assert stored.refresh_token == SEEDED
    assert stored.seeded
    assert stored.access is None
    assert stored.revision == 0
    assert stored.client_id == CLIENT


def test_a_pair_that_was_stored_is_read_again() -> None:
    stored = credential.read(rotated())
    assert stored.access == pair(1)
    assert not stored.seeded
    assert (stored.ours, stored.parent, stored.seed) == (refresh(1).sha256, SEEDED.sha256, SEEDED.sha256)
    assert stored.revision == 1


def test_the_chain_remembers_its_parent_and_its_seed() -> None:
    stored = credential.read(rotated(3))
    assert (stored.current, stored.parent, stored.seed) == (refresh(3).sha256, refresh(2).sha256, SEEDED.sha256)
    assert stored.revision == 3


def test_the_token_beside_a_seed_is_not_of_its_chain() -> None:
    stored = credential.read(put_back(rotated(), STRANGER.reveal()))
    assert stored.seeded
    assert stored.access is None


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        pytest.param(body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT), True, id="of this token"),
        pytest.param(
            put_back(body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT), "ghr_new"),
            False,
            id="void once a human signed in",
        ),
        pytest.param(noted(rotated(), intent="not JSON"), False, id="not JSON"),
        pytest.param(noted(rotated(), intent="[]"), False, id="not an object"),
        pytest.param(noted(rotated(), intent="null"), False, id="null"),
        pytest.param(noted(rotated(), intent='{"token": "x"}'), False, id="incomplete"),
        pytest.param(
            noted(
                rotated(),
                intent=json.dumps(
                    {"token": refresh(1).sha256, "holder": "a", "attempt": "many", "startedAt": "2026-03-01T12:00:00Z"}
                ),
            ),
            False,
            id="an attempt that is no number",
        ),
        pytest.param(rotated(), False, id="none"),
    ],
)
def test_an_intent_counts_only_for_the_token_that_it_names(body: dict[str, Any], *, kept: bool) -> None:
    assert credential.read(body).intent == (intent(refresh(1)) if kept else None)


def test_an_intent_is_no_longer_than_ours_are() -> None:
    body = body_of.with_intent(rotated(), replace(intent(refresh(1)), holder="x" * 10_000), TOKEN, CLIENT)
    assert credential.read(body).intent is None


def test_an_intent_of_before_pods_were_named_still_counts() -> None:
    old = {"token": refresh(1).sha256, "holder": "holder-a", "attempt": 1, "startedAt": "2026-03-01T12:00:00Z"}
    assert credential.read(noted(rotated(), intent=json.dumps(old))).intent == intent(refresh(1))
    broken = json.dumps(old | {"pod": {"name": "../secrets/x"}})
    assert credential.read(noted(rotated(), intent=broken)).intent == intent(refresh(1))


def test_an_intent_says_in_which_pod_its_process_runs() -> None:
    pod = Pod("githubtoken-system", "operator-a", "uid-a")
    named = replace(intent(refresh(1)), pod=pod)
    body = body_of.with_intent(rotated(), named, TOKEN, CLIENT)
    assert credential.read(body).intent == named
    text = json.loads(body["metadata"]["annotations"][INTENT])
    assert text["pod"] == {"namespace": "githubtoken-system", "name": "operator-a", "uid": "uid-a"}


def test_annotations_hold_hashes_and_never_a_token() -> None:
    body = body_of.with_refusal(
        body_of.with_intent(rotated(2), intent(refresh(2)), TOKEN, CLIENT), Token("ghr_refresh2")
    )
    shown = json.dumps(body["metadata"])
    assert "ghr_" not in shown
    assert "ghu_" not in shown


@given(text=st.text(max_size=200))
def test_whatever_an_annotation_holds_the_secret_is_read(text: str) -> None:
    body = noted(rotated(), intent=text, seeds=text, revision=text, refused=text)
    assert credential.read(body).refresh_token == refresh(1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="no data"),
        pytest.param({"refresh_token": ""}, id="an empty refresh token"),
        pytest.param({"token": "ghu_x"}, id="no refresh token"),
    ],
)
def test_a_secret_without_a_refresh_token_has_none(data: dict[str, str]) -> None:
    stored = credential.read(secret(data=data))
    assert stored.refresh_token is None
    assert stored.current is None


# --- Seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        pytest.param("ghr_abc", "ghr_abc", id="a refresh token"),
        pytest.param("0123456789abcdef" * 2 + "01234567", None, id="forty hexadecimal digits"),
        pytest.param(" ghr_abc\n", "ghr_abc", id="with white space around it"),
        pytest.param("ghr_", None, id="only a prefix"),
        pytest.param("ghr_a b", None, id="white space in it"),
        pytest.param("ghr_a\nb", None, id="a line break in it"),
        pytest.param("ghu_abc", None, id="an access token"),
        pytest.param("hunter2", None, id="something else"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_a_seed_is_a_refresh_token_or_none(text: str | None, seed: str | None) -> None:
    assert credential.read_seed(text) == (Token(seed) if seed else None)


def test_on_an_enterprise_server_a_seed_may_be_older_than_the_prefixes() -> None:
    old = "0123456789abcdef" * 2 + "01234567"
    assert credential.read_seed(f"{old}\n", legacy=True) == Token(old)
    assert credential.read_seed("ghr_abc", legacy=True) == Token("ghr_abc")
    assert credential.read_seed(old.upper(), legacy=True) is None


@pytest.mark.parametrize(
    ("body", "seed", "known"),
    [
        pytest.param(rotated(2), SEEDED, True, id="it was taken, and is the chain's first"),
        pytest.param(rotated(2), refresh(2), True, id="the operator last wrote it"),
        pytest.param(rotated(2), refresh(1), True, id="the parent"),
        pytest.param(rotated(5), refresh(2), True, id="it was spent some rotations ago"),
        pytest.param(noted(rotated(2), seeds=None), SEEDED, True, id="the chain's first, without other memory"),
        pytest.param(noted(rotated(2), refused=STRANGER.sha256), STRANGER, True, id="GitHub refused it"),
        pytest.param(put_back(rotated(2), "ghr_stranger"), STRANGER, True, id="it is there already"),
        pytest.param(noted(rotated(2), seeds=json.dumps([STRANGER.sha256])), STRANGER, True, id="it was taken once"),
        pytest.param(rotated(2), STRANGER, False, id="a newer sign-in"),
        pytest.param(noted(rotated(2), seeds="not JSON"), STRANGER, False, id="nothing can be read of the memory"),
        pytest.param(noted(rotated(2), seeds="3"), STRANGER, False, id="the memory is not a list"),
    ],
)
def test_an_old_file_applied_again_is_recognised(body: dict[str, Any], seed: Token, *, known: bool) -> None:
    assert credential.read(body).knows(seed) is known


def test_the_newest_twenty_seeds_are_remembered_and_rotations_push_none_out() -> None:
    body = seeded(Token("ghr_seed0"))
    for number in range(1, 25):
        body = body_of.with_seed(body, Token(f"ghr_seed{number}"), TOKEN, CLIENT)
    for number in range(1, 30):
        body = body_of.with_pair(body, grant(number, parent=Token(f"ghr_seed{number}")))
    stored = credential.read(body)
    assert len(stored.seeds_taken) == 20
    assert all(stored.knows(Token(f"ghr_seed{number}")) for number in range(5, 25))
    assert not stored.knows(Token("ghr_seed4"))


def test_the_newest_twenty_refresh_tokens_are_remembered_when_they_are_over() -> None:
    stored = credential.read(rotated(25))
    assert len(stored.spent) == 20
    assert all(stored.knows(refresh(number)) for number in range(5, 25))
    assert not stored.knows(refresh(4))


def test_a_refresh_token_that_was_given_up_for_a_newer_sign_in_is_remembered_too() -> None:
    body = body_of.with_pair(
        seeded(STRANGER, rotated(2)), grant(3, parent=STRANGER, ours=credential.read(rotated(2)).ours)
    )
    assert credential.read(rotated(2)).current == refresh(2).sha256
    assert credential.read(body).knows(refresh(2))


def test_a_sign_in_by_device_flow_remembers_what_it_replaces() -> None:
    before = rotated(2)
    signed_in = Grant(pair(9), entry(refresh(2), ours=refresh(2).sha256, name="ci"))
    after = credential.read(body_of.with_sign_in(before, ("team", "ci-credential"), signed_in))
    assert after.current == refresh(9).sha256
    assert {refresh(1).sha256, refresh(2).sha256} <= set(after.spent)
    assert refresh(9).sha256 not in after.spent
