"""`githubtoken journal` tells what waits, and no token."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.cli import cli
from githubtoken_operator.domain.user.entry import Entry

CANARY = "ghr_CanaryCanaryCanaryCanary"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def shown(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["journal", "--journal-dir", str(folder)])


def test_an_entry_is_shown_by_hashes_while_the_operator_runs(folder: Path) -> None:
    body = f'{{"refresh_token":"{CANARY}"}}'.encode()
    with closing(Journal(folder)) as journal:
        journal.write(("team-a", "ci-credential"), Entry("a1", "a0", None, 200, "", body))
        journal.reserve(("team-b", "ci-credential"))
        result = shown(folder)
        assert result.exit_code == 0
        assert f"holder: {journal.holder}" in result.stderr
    headings, row = result.stdout.splitlines()
    assert headings.split()[:3] == ["NAMESPACE", "SECRET", "SINCE"]
    assert row.split()[:2] == ["team-a", "ci-credential"]
    assert row.split()[3:] == ["a1", "a0"]
    assert CANARY not in result.output


def test_an_empty_journal_says_so(folder: Path) -> None:
    Journal(folder).close()
    result = shown(folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing waits" in result.stderr


def test_a_file_that_is_no_entry_is_named_and_not_quoted(folder: Path) -> None:
    Journal(folder).close()
    (folder / "strange.json").write_text(CANARY)
    (folder / "aside.unreadable").write_text(CANARY)
    result = shown(folder)
    assert "strange.json: it is torn, or not an entry" in result.stderr
    assert "aside.unreadable: put aside" in result.stderr
    assert "every pair is stored" not in result.stderr
    assert CANARY not in result.output


def test_a_folder_that_is_not_there_is_one_line(folder: Path) -> None:
    result = shown(folder)
    assert result.exit_code == 1
    assert f"Error: the journal {folder} cannot be read: No such file or directory" in result.stderr


def test_a_folder_that_no_operator_has_used_is_not_called_empty(folder: Path) -> None:
    Journal(folder).close()
    (folder.parent / "somebody.conf").write_text(CANARY)
    result = shown(folder.parent)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {folder.parent} is no journal: no `githubtoken run` has used it as one\n"
