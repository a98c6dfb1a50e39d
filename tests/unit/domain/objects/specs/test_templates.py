"""The texts of `spec.secret.data`: what is replaced, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.objects.specs import templates

PROPERTIES = {"token": "ghs_abc", "type": "bearer", "created": "2026-03-01T12:00:00Z", "expires_in": "3600"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("plain", "plain", id="a plain text"),
        pytest.param("${token}", "ghs_abc", id="the token"),
        pytest.param("a${token}b${token}", "aghs_abcbghs_abc", id="the token twice"),
        pytest.param("${type} ${created}/${expires_in}", "bearer 2026-03-01T12:00:00Z/3600", id="other properties"),
        pytest.param("price = $$5", "price = $5", id="a dollar"),
        pytest.param("$${token}", "${token}", id="a dollar before a brace"),
        pytest.param("$$${token}", "$ghs_abc", id="a dollar before the token"),
        pytest.param("$$$$", "$$", id="two dollars"),
        pytest.param("$(token) $(type)", "ghs_abc bearer", id="as Kubernetes spells it"),
        pytest.param("$$(token)", "$(token)", id="a dollar before a parenthesis"),
        pytest.param("$$$(token)", "$ghs_abc", id="a dollar before the token in parentheses"),
        pytest.param("[${scope}${refresh_expires_at}]", "[]", id="what this token does not have"),
        pytest.param('{"token":"${token}"}', '{"token":"ghs_abc"}', id="braces of JSON"),
        pytest.param(
            "{{ token }} %(token)s `token` {token}", "{{ token }} %(token)s `token` {token}", id="others' ways"
        ),
        pytest.param("ünï ☃ \\ \t\r\n\x01'\"", "ünï ☃ \\ \t\r\n\x01'\"", id="special characters"),
    ],
)
def test_properties_are_filled_in_and_nothing_else(text: str, filled: str) -> None:
    assert templates.is_valid(text)
    assert templates.fill(text, PROPERTIES) == filled


@pytest.mark.parametrize(
    "text",
    ["$", "a$", "$$$", "$token", "${", "${}", "${token", "$ {token}", "${Token}", "${ token }", "${token }",
     "${tokens}", "${refresh_token}", "${refresh}", "${expires}", "${token}$", "${${token}}",
     "$(tokens)", "$(refresh_token)", "$( token )", "$(token", "$(token}", "${token)", "$()", "${token:-x}"],
)  # fmt: skip
def test_a_dollar_that_begins_nothing_known_is_refused(text: str) -> None:
    assert not templates.is_valid(text)
    assert not templates.is_valid(f"before ${{token}} $$ {text}")


@given(st.text())
def test_any_text_survives_with_its_dollars_doubled(text: str) -> None:
    written = text.replace("$", "$$")
    assert templates.is_valid(written)
    assert templates.fill(written, PROPERTIES) == text


@pytest.mark.parametrize(
    ("text", "names"),
    [("${token}", True), ("a $(expires_at)", True), ("", False), ("token = ", False), ("$${token} $$(token)", False)],
)
def test_a_text_without_anything_of_the_token_is_known(text: str, names: bool) -> None:  # noqa: FBT001
    assert templates.names_a_property(text) is names


@given(st.text())
def test_what_was_filled_in_is_not_looked_at_again(value: str) -> None:
    assert templates.fill("<${token}>", {"token": value}) == f"<{value}>"


def test_the_words_for_a_human_name_all_properties_but_the_refresh_token() -> None:
    assert "`${token}`" in templates.ALLOWED
    assert "`${refresh_expires_at}`" in templates.ALLOWED
    assert "${refresh_token}" not in templates.ALLOWED
