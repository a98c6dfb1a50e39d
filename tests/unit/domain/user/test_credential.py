"""The credential Secret: the rotation protocol's tables (docs/rotation.md), row by row."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.objects.secrets import ADOPT, NAME, REVISION, ROLE, decoded, encoded
from githubtoken_operator.domain.user import credential, placement
from githubtoken_operator.domain.user import credential_body as body_of
from githubtoken_operator.domain.user.credential import (
    CLIENT_ID,
    INTENT,
    REFRESH_TOKEN_SHA256,
    REFUSED,
    SEEDS_TAKEN,
    Expected,
    Intent,
)
from githubtoken_operator.domain.user.grants import Grant, SignedIn
from githubtoken_operator.domain.user.placement import Placement
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token
from tests.unit.builders import app, githubtoken, pair, secret, user_githubtoken

CLIENT = "Iv23acme"
TOKEN = user_githubtoken()
SEEDED = Token("ghr_seed")
STRANGER = Token("ghr_stranger")


def refresh(number: int) -> Token:
    return Token(f"ghr_refresh{number}")


def seeded(seed: Token = SEEDED, before: dict[str, Any] | None = None) -> dict[str, Any]:
    body = body_of.with_seed(before, seed, TOKEN, CLIENT)
    body["metadata"].setdefault("resourceVersion", "5")
    return body


def grant(number: int = 1, *, parent: Token = SEEDED, ours: str | None = None) -> Grant:
    return Grant(access=pair(number), parent=parent.sha256, seed=SEEDED.sha256, ours=ours)


def rotated(times: int = 1) -> dict[str, Any]:
    """A credential that was rotated so often since it was seeded."""
    body, parent = seeded(), SEEDED
    for number in range(1, times + 1):
        stored = credential.read(body)
        body = body_of.with_pair(body, grant(number, parent=parent, ours=stored.ours))
        parent = refresh(number)
    return body


def put_back(body: dict[str, Any], text: str) -> dict[str, Any]:
    """A human, or GitOps, writes another refresh token over the one in the Secret."""
    changed = copy.deepcopy(body)
    changed["data"]["refresh_token"] = encoded({"": text})[""]
    return changed


def noted(body: dict[str, Any], **notes: str | None) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    for name, value in notes.items():
        key = {
            "refused": REFUSED,
            "ours": REFRESH_TOKEN_SHA256,
            "intent": INTENT,
            "seeds": SEEDS_TAKEN,
            "revision": REVISION,
        }[name]
        changed["metadata"]["annotations"].pop(key, None)
        if value is not None:
            changed["metadata"]["annotations"][key] = value
    return changed


def intent(token: Token, attempt: int = 1) -> Intent:
    return Intent(token.sha256, "holder-a", attempt, "2026-03-01T12:00:00Z")


# --- What is stored --------------------------------------------------------------------------------------------------


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


# --- New bodies ------------------------------------------------------------------------------------------------------


def test_no_body_is_changed_in_place() -> None:
    before = body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT)
    before["metadata"]["managedFields"] = [{"manager": "x"}]
    untouched = copy.deepcopy(before)
    body_of.with_seed(before, STRANGER, TOKEN, CLIENT)
    body_of.with_intent(before, intent(refresh(1), 2), TOKEN, CLIENT)
    body_of.without_intent(before)
    body_of.with_refusal(before, refresh(1))
    body_of.with_pair(before, grant(2, parent=refresh(1), ours=refresh(1).sha256))
    assert before == untouched


def test_every_body_keeps_the_resource_version_that_was_read_and_brings_back_a_label_that_was_taken_away() -> None:
    """Without the label the operator's admission policy lets it write no Secret."""
    before = rotated()
    before["metadata"] |= {"resourceVersion": "41", "labels": {"team": "a"}}
    bodies = [
        body_of.with_seed(before, STRANGER, TOKEN, CLIENT),
        body_of.with_intent(before, intent(refresh(1)), TOKEN, CLIENT),
        body_of.without_intent(before),
        body_of.with_refusal(before, refresh(1)),
        body_of.with_pair(before, grant(2)),
    ]
    assert {body["metadata"]["resourceVersion"] for body in bodies} == {"41"}
    assert all(body["metadata"]["labels"] == {"team": "a", ROLE: "credential"} for body in bodies)


def test_a_credential_secret_is_labelled_named_and_has_no_owner() -> None:
    body = body_of.with_seed(None, SEEDED, TOKEN, CLIENT)
    assert body["metadata"]["name"] == "ci-credential"
    assert body["metadata"]["labels"] == {ROLE: "credential"}
    assert body["metadata"]["annotations"][NAME] == "ci"
    assert body["metadata"]["annotations"][CLIENT_ID] == CLIENT
    assert "ownerReferences" not in body["metadata"]
    assert "resourceVersion" not in body["metadata"]
    assert body["type"] == "Opaque"


def test_a_seed_removes_intent_and_refusal_and_leaves_what_the_operator_last_wrote() -> None:
    before = noted(body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT), refused=refresh(1).sha256)
    stored = credential.read(body_of.with_seed(before, STRANGER, TOKEN, CLIENT))
    assert stored.refresh_token == STRANGER
    assert stored.ours == refresh(1).sha256
    assert stored.seeded
    assert stored.refused is None
    assert INTENT not in body_of.with_seed(before, STRANGER, TOKEN, CLIENT)["metadata"]["annotations"]


def test_a_pair_removes_intent_and_refusal() -> None:
    before = noted(body_of.with_intent(seeded(), intent(SEEDED), TOKEN, CLIENT), refused="0" * 64)
    after = body_of.with_pair(before, grant())["metadata"]["annotations"]
    assert INTENT not in after
    assert REFUSED not in after


def test_nothing_of_the_earlier_pair_stays_beside_a_new_one() -> None:
    before = rotated()
    before["data"]["scope"] = encoded({"": "repo"})[""]
    after = body_of.with_pair(before, grant(2, parent=refresh(1)))
    assert decoded(after, "scope") is None


def test_where_expiry_was_switched_off_the_refresh_token_is_kept() -> None:
    forever = replace(
        pair(2),
        expires_in=None,
        expires_at=None,
        refresh_expires_in=None,
        refresh_expires_at=None,
        refresh_token=refresh(1),
    )
    made = Grant(access=forever, parent=refresh(1).sha256, seed=SEEDED.sha256, ours=refresh(1).sha256)
    assert placement.place(rotated(), made) is Placement.PUT
    after = body_of.with_pair(rotated(), made)
    stored = credential.read(after)
    assert stored.access == forever
    assert not stored.seeded
    assert placement.place(after, made) is Placement.SAVED
    assert credential.refusal(stored, Expected(CLIENT, app().server)) is None
    assert refresh(1).sha256 not in stored.spent


@given(
    number=st.integers(min_value=2, max_value=99),
    scope=st.sampled_from(["", "repo", "gist,repo"]),
    expires=st.booleans(),
    refresh_expires=st.booleans(),
)
def test_a_pair_comes_back_as_it_went_in(number: int, scope: str, *, expires: bool, refresh_expires: bool) -> None:
    access: AccessToken = replace(pair(number), scope=scope)
    if not expires:
        access = replace(access, expires_in=None, expires_at=None)
    if not refresh_expires:
        access = replace(access, refresh_expires_in=None, refresh_expires_at=None)
    after = body_of.with_pair(rotated(), replace(grant(parent=refresh(1)), access=access))
    stored = credential.read(after)
    assert stored.access == access
    assert stored.revision == 2


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
    signed_in = Grant(
        access=pair(9), parent=refresh(2).sha256, seed="", ours=refresh(2).sha256, signed_in=SignedIn("ci", CLIENT)
    )
    after = credential.read(body_of.with_sign_in(before, ("team", "ci-credential"), signed_in))
    assert after.current == refresh(9).sha256
    assert {refresh(1).sha256, refresh(2).sha256} <= set(after.spent)
    assert refresh(9).sha256 not in after.spent


# --- What to do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        pytest.param(secret(), reasons.CREDENTIAL_MISSING, "no refresh token to start from", id="no refresh token"),
        pytest.param(
            noted(rotated(), refused=refresh(1).sha256),
            reasons.REAUTHORIZATION_REQUIRED,
            "GitHub refuses",
            id="GitHub refused it",
        ),
        pytest.param(
            put_back(rotated(2), "ghr_refresh1"),
            reasons.REAUTHORIZATION_REQUIRED,
            "old, spent",
            id="the parent was put back",
        ),
        pytest.param(
            put_back(rotated(5), "ghr_refresh2"),
            reasons.REAUTHORIZATION_REQUIRED,
            "old, spent",
            id="one of some rotations ago was put back",
        ),
        pytest.param(
            put_back(rotated(2), "ghr_seed"),
            reasons.REAUTHORIZATION_REQUIRED,
            "old, spent",
            id="the seed was put back",
        ),
        pytest.param(
            body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, "Iv23other"),
            reasons.REAUTHORIZATION_REQUIRED,
            "`Iv23other`",
            id="of another App",
        ),
        pytest.param(
            noted(put_back(rotated(2), "ghr_seed"), refused=SEEDED.sha256),
            reasons.REAUTHORIZATION_REQUIRED,
            "GitHub refuses",
            id="the first reason that fits is told",
        ),
    ],
)
def test_a_refresh_token_that_must_not_be_sent(body: dict[str, Any], reason: str, message: str) -> None:
    found = credential.refusal(credential.read(body), Expected(CLIENT, app().server))
    assert found is not None
    assert found.reason == reason
    assert message in found.message
    assert "ghr_" not in found.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(seeded(), id="a seed"),
        pytest.param(rotated(), id="our own"),
        pytest.param(rotated(3), id="our own, after a few rotations"),
        pytest.param(put_back(rotated(2), "ghr_stranger"), id="a newer sign-in"),
        pytest.param(noted(rotated(), refused=STRANGER.sha256), id="another one was refused"),
        pytest.param(noted(put_back(rotated(), "ghr_new"), refused=refresh(1).sha256), id="a new one voids the mark"),
        pytest.param(secret(data={"refresh_token": "ghr_x"}), id="without any annotation"),
    ],
)
def test_a_refresh_token_that_may_be_sent(body: dict[str, Any]) -> None:
    assert credential.refusal(credential.read(body), Expected(CLIENT, app().server)) is None


# --- Saving a pair ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param(body_of.with_pair(rotated(), grant(2, parent=refresh(1))), Placement.SAVED, id="it is there"),
        pytest.param(rotated(), Placement.PUT, id="the parent, as it was read"),
        pytest.param(
            body_of.with_intent(rotated(), intent(refresh(1)), TOKEN, CLIENT),
            Placement.PUT,
            id="with our intent",
        ),
        pytest.param(noted(rotated(), ours=None), Placement.PUT, id="the parent, with nothing said of who wrote it"),
        pytest.param(
            noted(rotated(), refused=refresh(1).sha256), Placement.PUT, id="marked as refused by an impatient successor"
        ),
        pytest.param(put_back(rotated(), "ghr_new"), Placement.SUPERSEDED, id="a human signed in"),
        pytest.param(rotated(3), Placement.SUPERSEDED, id="the chain went on"),
        pytest.param(
            put_back(rotated(3), "ghr_refresh1"),
            Placement.SUPERSEDED,
            id="the chain went on, then the parent came back",
        ),
        pytest.param(put_back(rotated(2), "ghr_seed"), Placement.SUPERSEDED, id="an old seed was put back"),
        pytest.param(secret("ci-credential"), Placement.SUPERSEDED, id="a human emptied the Secret"),
        pytest.param(None, Placement.SUPERSEDED, id="a human deleted the Secret"),
    ],
)
def test_where_a_pair_belongs(body: dict[str, Any] | None, where: Placement) -> None:
    mine = grant(2, parent=refresh(1), ours=refresh(1).sha256)
    assert placement.place(body, mine) is where


def test_the_same_refresh_token_beside_another_access_token_is_not_this_pair() -> None:
    body = body_of.with_pair(rotated(), grant(2, parent=refresh(1)))
    body["data"]["token"] = encoded({"": "ghu_other"})[""]
    assert placement.place(body, grant(2, parent=refresh(1), ours=refresh(1).sha256)) is Placement.SUPERSEDED


# --- Whose the Secret is ---------------------------------------------------------------------------------------------

WRITTEN = {NAME: "ci", CLIENT_ID: CLIENT}
MINE: dict[str, Any] = {"labels": {ROLE: "credential"}, "annotations": {NAME: "ci"}}
GIVEN: dict[str, Any] = {"annotations": {ADOPT: "true"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param(secret("ci-credential", **MINE), None, id="ours"),
        pytest.param(secret("ci-credential", **GIVEN), None, id="given for adoption"),
        pytest.param(secret("ci-credential", annotations=WRITTEN), None, id="ours, whose label was taken away"),
        pytest.param(
            secret("ci-credential", annotations={**WRITTEN, NAME: "web"}), "made by somebody else", id="without label"
        ),
        pytest.param(secret("ci-credential"), "made by somebody else", id="somebody else's"),
        pytest.param(
            secret("ci-credential", labels={ROLE: "token"}), "cannot be adopted", id="a consumer's, and not given"
        ),
        pytest.param(secret("ci-credential", **MINE, immutable=True), "is immutable", id="ours, made immutable"),
        pytest.param(
            secret("ci-credential", labels={ROLE: "credential"}, annotations={NAME: "web"}),
            "credential of GitHubToken `web`",
            id="another GitHubToken's",
        ),
        pytest.param(secret("ci-credential", **GIVEN, immutable=True), "cannot be adopted", id="immutable"),
        pytest.param(
            secret("ci-credential", **GIVEN, type="kubernetes.io/tls"), "cannot be adopted", id="another type"
        ),
        pytest.param(secret("ci-credential", **GIVEN, owner="uid"), "cannot be adopted", id="controlled"),
        pytest.param(
            secret("ci-credential", **GIVEN, labels={ROLE: "token"}), "cannot be adopted", id="a consumer's Secret"
        ),
        pytest.param(secret("ci-credential", **GIVEN, labels={ROLE: "app"}), "cannot be adopted", id="an App's key"),
    ],
)
def test_whose_credential_a_secret_is(body: dict[str, Any] | None, message: str | None) -> None:
    said = credential.conflict(body, TOKEN)
    if message is None:
        assert said is None
    else:
        assert said is not None
        assert said.startswith("Secret `ci-credential` ")
        assert message in said


def test_the_credential_of_a_githubtoken_that_is_gone_can_be_handed_on() -> None:
    given = secret("ci-credential", labels={ROLE: "credential"}, annotations={NAME: "web", ADOPT: "true"})
    assert credential.conflict(given, TOKEN) is None


def test_an_adopted_secret_becomes_ours_with_the_first_write() -> None:
    body = secret("ci-credential", {"refresh_token": "ghr_x"}, **GIVEN)
    after = body_of.with_intent(body, intent(Token("ghr_x")), TOKEN, CLIENT)
    assert after["metadata"]["labels"][ROLE] == "credential"
    # Given once, it is not for the next one to take.
    assert ADOPT not in after["metadata"]["annotations"]
    assert credential.conflict(after, TOKEN) is None
    # Its maker's it stays all the same: revocation does not delete it.
    assert ownership.adopts(after)
    assert ownership.adopts(body_of.with_intent(after, intent(Token("ghr_x")), TOKEN, CLIENT))
    assert not ownership.adopts(rotated(2))


def test_a_label_that_was_taken_away_is_put_back_and_nothing_else_is_changed() -> None:
    taken = rotated(2)
    del taken["metadata"]["labels"]
    assert credential.lacks_label(taken)
    assert body_of.labelled(taken) == rotated(2)
    assert not credential.lacks_label(rotated(2))
    assert not credential.lacks_label(secret("ci-credential"))


def test_an_installation_token_has_no_credential() -> None:
    assert credential.conflict(secret("ci-credential"), githubtoken()) is None
