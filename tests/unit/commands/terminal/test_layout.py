"""Columns, and what they do with text that comes from elsewhere."""

from __future__ import annotations

import pytest
import yaml

from githubtoken_operator.commands.terminal import layout


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_with_their_text() -> None:
    assert layout.table(["NAME", "READY"], [["a-long-name", "True"], ["ci", "False"]]) == (
        "NAME          READY\n"  # three spaces beside the widest cell
        "a-long-name   True\n"
        "ci            False"
    )


def test_an_absent_value_is_shown_as_kubectl_shows_it() -> None:
    assert layout.table(["NAME", "KIND"], [["ci", ""]]).splitlines()[1] == "ci     <none>"


def test_what_comes_from_the_cluster_cannot_move_the_cursor_or_begin_a_line() -> None:
    assert layout.printable("a\x1b[2Jb\r\nc\u202ed") == "a [2Jb  c d"


def test_letters_of_every_alphabet_stay() -> None:
    assert layout.printable("Zoë 東京") == "Zoë 東京"


# What kubectl's reader makes of each without quotes was seen in findings/yaml-text-becomes-number.sh.
@pytest.mark.parametrize(
    "text", ["1e3", "12345E6", "0819", "0o17", "0_x1f", "0b-1", "-.5", "+_1", "y", "N", "10", "on"]
)
def test_a_text_that_kubectl_would_read_as_a_number_or_a_bool_is_quoted(text: str) -> None:
    assert layout.document({text: text}, "yaml") == f"'{text}': '{text}'"


@pytest.mark.parametrize(
    "text", ["acme", "yes-man", "1.2.3-rc.1", "3f2a61ce-0d1e-4b7a-9c55-e0a1b2c3d4e5", "0xyz", "e3"]
)
def test_other_texts_stay_plain(text: str) -> None:
    assert layout.document({text: text}, "yaml") == f"{text}: {text}"


def test_numbers_and_bools_stay_what_they_are() -> None:
    content = {"appID": 12345, "ready": True, "share": 0.5, "nothing": None, "name": "1e3"}
    assert yaml.safe_load(layout.document(content, "yaml")) == content
    assert "appID: 12345\nready: true\nshare: 0.5\nnothing: null\n" in layout.document(content, "yaml")
