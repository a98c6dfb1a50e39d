"""Columns, and what they do with text that comes from elsewhere."""

from __future__ import annotations

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
