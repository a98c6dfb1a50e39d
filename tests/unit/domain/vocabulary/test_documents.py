from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.github import reply
from githubtoken_operator.domain.user import grants, kept_flow
from githubtoken_operator.domain.user.credentials import credential
from githubtoken_operator.domain.user.credentials.credential import read_hashes
from githubtoken_operator.domain.vocabulary.documents import MOST_VALUES, parsed
from githubtoken_operator.domain.vocabulary.model import Answer
from tests.unit.builders import NOW, secret

DEEP = "[" * 300 + "]" * 300
"""Deeper than any document of ours, and not so deep that it would harm a reader of JSON."""
FLOW = {
    "userCode": "WDJB-MJHT",
    "verificationURI": "https://github.com/login/device",
    "startedAt": "2026-02-28T00:00:00Z",
    "expiresAt": "2026-02-28T00:15:00Z",
    "interval": 5,
    "parent": "",
    "clientID": "Iv23",
    "unused": 0,
}


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "nonsense", DEEP, '{"a":' * 300 + "1" + "}" * 300, "1.5", "1e999", "NaN", "Infinity", "9" * 5000],
    ids=["absent", "empty", "torn", "no JSON", "lists", "objects", "fraction", "exponent", "NaN", "Infinity", "digits"],
)
def test_what_is_no_document_of_ours_is_none(text: str | None) -> None:
    assert parsed(text) is None


@pytest.mark.parametrize("value", ["[]", "{}", "1", '""', '{"a":1}'])
def test_what_has_more_values_than_any_answer_of_githubs_is_not_read(value: str) -> None:
    many = f'{{"x":[{",".join([value] * (MOST_VALUES + 1))}]}}'
    few = f'{{"x":[{",".join([value] * 100)}]}}'
    for status in (200, 404):
        assert reply.read(Answer(status, {}, many.encode())).document is None
        assert reply.read(Answer(status, {}, few.encode())).document is not None
    assert parsed(many) is None
    # Of what may be a pair nothing is lost: a token in it is seen all the same.
    found = Answer(200, {}, f'{many[:-1]},"access_token":"ghx_1"}}'.encode())
    assert grants.may_hold_a_pair(found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=5)))
def test_what_was_written_as_json_is_read(value: object) -> None:
    text = json.dumps(value)
    if text.count("[") + text.count("{") <= 256:
        assert parsed(text) == value


@pytest.mark.parametrize("text", [DEEP, '["one", [["two"]], 3]', '{"one": 1}', "7"])
def test_hashes_are_texts_and_nothing_else(text: str) -> None:
    assert set(read_hashes(text)) <= {"one"}


@pytest.mark.parametrize("annotation", sorted({credential.SEEDS_TAKEN, credential.INTENT, kept_flow.FLOW}))
@pytest.mark.parametrize("text", [DEEP, "[]", '"x"', "{}", '{"startedAt": 1}'])
def test_a_credential_secret_is_read_whatever_its_annotations_hold(annotation: str, text: str) -> None:
    found = credential.read(secret("ci-credential", {"refresh_token": "ghr_one"}, annotations={annotation: text}))
    assert found.refresh_token is not None
    assert (found.intent, found.flow) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"interval": 10**400},
        {"interval": 0},
        {"interval": "soon"},
        {"unused": -1},
        {"startedAt": "9999-12-31T23:00:00Z"},
        {"expiresAt": "9999-12-31T23:59:59Z"},
        {"ended": 7},
    ],
    ids=str,
)
def test_a_device_flow_that_nobody_of_ours_wrote_is_none(change: dict[str, object]) -> None:
    def read(document: object) -> kept_flow.Flow | None:
        return kept_flow.read(secret("s", {}, annotations={kept_flow.FLOW: json.dumps(document)}))

    flow = read(FLOW)
    assert flow is not None
    assert not flow.is_open(NOW)
    assert read(FLOW | change) is None
