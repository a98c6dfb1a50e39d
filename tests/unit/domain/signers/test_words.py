"""What is shown of a service's own words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.signers.words import LONGEST, after, said

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl"


def test_they_come_in_one_line_without_the_last_full_stop() -> None:
    assert said("Caller is not\r\n  authorized.") == "Caller is not authorized"


def test_a_secret_in_them_is_masked() -> None:
    assert JWT not in said(f"the assertion {JWT} is too old")


def test_a_mark_stands_before_words_only() -> None:
    assert after(": ", "no") == ": no"
    assert not after(": ", "")
    assert not after(": ", None)


@given(st.one_of(st.none(), st.integers(), st.text(), st.text(min_size=LONGEST)))
def test_they_are_bounded_and_in_one_line_whatever_was_said(text: object) -> None:
    shown = said(text)

    assert len(shown) <= LONGEST + 3
    assert "\n" not in shown
