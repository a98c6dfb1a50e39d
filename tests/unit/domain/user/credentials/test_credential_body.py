"""New bodies of a credential Secret: what each write keeps, and what it takes away."""

from __future__ import annotations

import copy
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.secrets import NAME, ROLE, decoded, encoded
from githubtoken_operator.domain.user import placement
from githubtoken_operator.domain.user.credentials import credential, sendable
from githubtoken_operator.domain.user.credentials import credential_body as body_of
from githubtoken_operator.domain.user.credentials.credential import CLIENT_ID, INTENT, REFUSED
from githubtoken_operator.domain.user.credentials.sendable import Expected
from githubtoken_operator.domain.user.grants import Grant
from githubtoken_operator.domain.user.placement import Placement
from githubtoken_operator.domain.vocabulary.model import AccessToken
from tests.unit.builders import app, pair
from tests.unit.domain.user.chains import (
    CLIENT,
    SEEDED,
    STRANGER,
    TOKEN,
    entry,
    grant,
    intent,
    noted,
    refresh,
    rotated,
    seeded,
)


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
    forever = replace(pair(2), expires_at=None, refresh_expires_at=None, refresh_token=refresh(1))
    made = Grant(forever, entry(refresh(1), ours=refresh(1).sha256))
    assert placement.place(rotated(), made) is Placement.PUT
    after = body_of.with_pair(rotated(), made)
    stored = credential.read(after)
    assert stored.access == forever
    assert not stored.seeded
    assert placement.place(after, made) is Placement.SAVED
    assert sendable.refusal(stored, Expected(CLIENT, app().server)) is None
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
        access = replace(access, expires_at=None)
    if not refresh_expires:
        access = replace(access, refresh_expires_at=None)
    after = body_of.with_pair(rotated(), replace(grant(parent=refresh(1)), access=access))
    stored = credential.read(after)
    assert stored.access == access
    assert stored.revision == 2
