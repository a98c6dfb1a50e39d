"""An entry is read again as it was written; what is none costs a moment, whatever somebody put there."""

from __future__ import annotations

import json

import pytest

from githubtoken_operator.domain.user.entry import LARGEST_BODY, Entry, NoEntry, decode, encode

KEY = ("team-a", "alice-credential")
ENTRY = Entry(parent="p", seed="s", ours=None, status=200, date="Sun, 01 Mar 2026 00:00:00 GMT", body=b"{}")


def of_size(size: int) -> bytes:
    return encode(KEY, Entry("p", "s", None, 200, "", b"x" * size))


@pytest.mark.parametrize("zeros", [0, 100])
def test_an_entry_comes_back_as_it_went_in(zeros: int) -> None:
    assert decode(encode(KEY, ENTRY) + b"\0" * zeros) == (KEY, ENTRY)


def test_an_answer_as_large_as_is_read_is_taken() -> None:
    assert len(decode(of_size(LARGEST_BODY))[1].body) == LARGEST_BODY


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"[" * 300 + b"]" * 300, id="nested"),
        pytest.param(json.dumps({**json.loads(encode(KEY, ENTRY)), "more": [{}] * 300}).encode(), id="many objects"),
        pytest.param(of_size(LARGEST_BODY + 1), id="an answer larger than any that is read"),
    ],
)
def test_what_is_no_entry_is_unreadable(content: bytes) -> None:
    with pytest.raises(NoEntry):
        decode(content)
