"""Secrets as plain JSON: what is in them is text or nothing, and an AccessToken's keys are those of its properties."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.secrets import (
    FIELD_MANAGER,
    MOST_DATA,
    ROLE,
    access_token_keys,
    annotations_of,
    controller_uid,
    data_digest,
    decoded,
    decoded_bytes,
    encoded,
    is_whole,
    labels_of,
    trimmed,
)
from tests.unit.builders import access_token, pair, secret


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_what_was_encoded_is_decoded_again(data: dict[str, str]) -> None:
    body = {"metadata": {}, "data": encoded(data)}
    assert {key: decoded(body, key) for key in data} == data


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("Z2hz", "ghs", id="text"),
        pytest.param("", "", id="empty"),
        pytest.param("/w==", None, id="not UTF-8"),
        pytest.param("Z", None, id="not base64"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_a_key_is_text_or_there_is_none(value: str | None, text: str | None) -> None:
    body = {"metadata": {}, "data": {} if value is None else {"token": value}}
    assert decoded(body, "token") == text


@pytest.mark.parametrize("body", [{"metadata": {}}, {"metadata": {}, "data": None}], ids=["absent", "null"])
def test_a_secret_may_have_no_data(body: dict[str, object]) -> None:
    assert decoded(body, "token") is None
    assert decoded_bytes(body, "token") is None


def test_a_key_may_hold_bytes() -> None:
    assert decoded_bytes({"data": {"key": "/wA="}}, "key") == b"\xff\x00"


def test_a_secret_without_labels_annotations_and_owners_is_read() -> None:
    for meta in ({}, {"labels": None, "annotations": None, "ownerReferences": None}):
        body = {"metadata": meta}
        assert (labels_of(body), annotations_of(body), controller_uid(body)) == ({}, {}, None)


def test_the_controller_is_the_owner_that_says_so() -> None:
    body = secret()
    body["metadata"]["ownerReferences"] = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert controller_uid(body) == "b"


def test_a_user_token_has_all_properties_but_the_refresh_token() -> None:
    assert access_token_keys(pair(7)) == {
        "token": "ghu_token7",
        "type": "bearer",
        "created": "2026-03-01T12:00:00Z",
        "expires_in": "28800",
        "expires_at": "2026-03-01T20:00:00Z",
        "refresh_expires_in": "15811200",
        "refresh_expires_at": "2026-08-31T12:00:00Z",
    }


def test_what_is_absent_stays_absent() -> None:
    assert access_token_keys(access_token(life=None)).keys() == {"token", "type", "created"}
    assert access_token_keys(access_token(life=timedelta(minutes=1))).keys() == {
        "token",
        "type",
        "created",
        "expires_in",
        "expires_at",
    }


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_data_differ_as_their_digests_do_also_of_trimmed_secrets(one: dict[str, str], other: dict[str, str]) -> None:
    digests = data_digest({"data": one}), data_digest(trimmed({"data": dict(other)}))
    assert (digests[0] == digests[1]) is (one == other)


@pytest.mark.parametrize(
    ("labels", "size", "kept"),
    [({ROLE: "token"}, 100, True), ({ROLE: "token"}, MOST_DATA, False), ({"a": "b"}, 100, False), ({}, 100, False)],
    ids=["with a role", "with a role and too long", "with another label", "without labels"],
)
def test_data_are_kept_of_a_secret_with_a_role(labels: dict[str, str], size: int, *, kept: bool) -> None:
    body = trimmed(secret(data={"token": "x" * size}, labels=labels))
    assert ("data" in body, is_whole(body)) == (kept, kept)


def test_our_own_bookkeeping_is_kept_since_it_says_which_keys_to_take_back() -> None:
    body, entries = secret(labels={ROLE: "token"}), [{"manager": "kubectl"}, {"manager": FIELD_MANAGER}]
    body["metadata"]["managedFields"] = entries
    assert trimmed(body)["metadata"]["managedFields"] == entries[1:]


def test_a_trimmed_secret_has_no_data_and_no_bookkeeping_and_all_else() -> None:
    body = secret(data={"token": "ghs_x"}, labels={"a": "b"}, annotations={"c": "d"}, owner="uid")
    body["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    kept = trimmed(body)
    assert kept["metadata"] == secret(labels={"a": "b"}, annotations={"c": "d"}, owner="uid")["metadata"]
    assert set(kept) == {"apiVersion", "kind", "type", "metadata", "dataDigest"}
    assert "ghs_x" not in str(kept)
