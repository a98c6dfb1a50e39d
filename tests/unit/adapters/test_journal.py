"""What is in the journal is whole, private, and there after a kill."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.adapters import journal as journal_module
from githubtoken_operator.adapters.journal import RESERVED, CannotJournal, Journal
from githubtoken_operator.adapters.journal_files import LARGEST_FILE
from githubtoken_operator.domain.github import oauth_answers
from githubtoken_operator.domain.user.entry import Entry, SecretKey
from githubtoken_operator.domain.vocabulary.model import Token

CANARY = "ghr_CanaryCanaryCanaryCanary"
SECRET: SecretKey = ("team-a", "ci-credential")
OTHER: SecretKey = ("team-b", "ci-credential")
BODY = f'{{"access_token":"ghu_Canary","refresh_token":"{CANARY}","expires_in":28800,"refresh_token_expires_in":9}}'


def entry(*, parent: str = "a1", ours: str | None = "a1", body: bytes = BODY.encode()) -> Entry:
    return Entry(parent=parent, seed="a0", ours=ours, status=200, date="Fri, 02 Jan 2026 03:04:05 GMT", body=body)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def entry_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def reopen(folder: Path) -> Iterator[Callable[[], Journal]]:
    """Opens the journal as the next process does; the one before was killed."""
    opened: list[Journal] = []

    def open_again() -> Journal:
        for journal in opened:
            journal.close()
        opened.append(Journal(folder))
        return opened[-1]

    yield open_again
    for journal in opened:
        journal.close()


def fail_calls(monkeypatch: pytest.MonkeyPatch, function: str, code: int) -> None:
    def fail(*_arguments: object, **_keywords: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, function, fail)


# --- Entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(entry(), id="of a renewal"),
        pytest.param(entry(ours=None), id="of a seed, which has no annotation yet"),
        pytest.param(entry(body=b"\x00\xff not json"), id="bytes that are no text"),
        pytest.param(entry(body=b""), id="an empty body"),
        pytest.param(entry(body=b"x" * (4 * RESERVED)), id="larger than the reservation"),
    ],
)
def test_an_entry_is_found_by_the_next_process_as_it_was_written(reopen: Callable[[], Journal], written: Entry) -> None:
    journal = reopen()
    journal.reserve(SECRET)
    journal.write(SECRET, written)
    assert reopen().entries() == [(SECRET, written)]


def test_an_entry_is_an_answer_that_can_be_read_again() -> None:
    access = oauth_answers.refreshed_token(entry().answer)
    assert access.refresh_token == Token(CANARY)
    assert access.created.isoformat() == "2026-01-02T03:04:05+00:00"


def test_an_entry_can_be_written_without_a_reservation(reopen: Callable[[], Journal]) -> None:
    reopen().write(SECRET, entry())
    assert reopen().read(SECRET) == entry()


def test_secrets_have_entries_of_their_own(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    journal.write(SECRET, entry(parent="a1"))
    journal.write(OTHER, entry(parent="b1"))
    journal.drop(SECRET)
    for each in (journal, reopen()):
        assert each.read(SECRET) is None
        assert each.entries() == [(OTHER, entry(parent="b1"))]
        assert len(each) == 1


def test_names_that_look_alike_when_joined_are_apart(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    journal.write(("a", "b-c"), entry(parent="1"))
    journal.write(("a-b", "c"), entry(parent="2"))
    assert dict(reopen().entries()) == {("a", "b-c"): entry(parent="1"), ("a-b", "c"): entry(parent="2")}


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(("n" * 63, "s" * 253), id="the longest that Kubernetes allows"),
        pytest.param(("n", "has.dots.json"), id="with dots"),
        pytest.param(("..", "../../escape"), id="that no API server would give"),
    ],
)
def test_every_name_is_a_file_in_the_folder(
    reopen: Callable[[], Journal], folder: Path, tmp_path: Path, secret: SecretKey
) -> None:
    reopen().write(secret, entry())
    assert reopen().entries() == [(secret, entry())]
    assert list(tmp_path.iterdir()) == [folder]
    assert len(entry_files(folder)) == 1


def test_a_later_entry_takes_the_place_of_an_earlier_one(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    journal.write(SECRET, entry(parent="a1", body=b"long" * 100))
    journal.write(SECRET, entry(parent="a2"))
    assert reopen().entries() == [(SECRET, entry(parent="a2"))]


def test_a_reservation_is_no_entry(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    journal.reserve(SECRET)
    assert len(journal) == 0
    assert len(reopen()) == 0


def test_nothing_is_left_of_what_was_dropped_or_only_reserved(reopen: Callable[[], Journal], folder: Path) -> None:
    journal = reopen()
    journal.reserve(SECRET)
    journal.write(SECRET, entry())
    journal.reserve(OTHER)
    for secret in (SECRET, OTHER, ("team-c", "never-there")):
        journal.drop(secret)
    assert [path.name for path in folder.iterdir()] == ["holder"]


# --- A kill ----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_torn_anywhere_counts_as_absent(reopen: Callable[[], Journal], folder: Path) -> None:
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert len(reopen()) == 0, length
    file.write_bytes(whole)
    assert len(reopen()) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[]", id="another document"),
        pytest.param(b"{}", id="without fields"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(bytes(RESERVED), id="zeros"),
    ],
)
def test_a_file_that_is_no_entry_is_put_aside_for_a_human(
    reopen: Callable[[], Journal], folder: Path, content: bytes
) -> None:
    folder.mkdir(mode=0o700)
    (folder / "strange.json").write_bytes(content)
    assert len(reopen()) == 0
    assert (folder / "strange.unreadable").read_bytes() == content
    assert not entry_files(folder)


@given(content=st.binary(max_size=200))
def test_no_content_keeps_the_journal_from_opening(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("journal")
    (folder / "strange.json").write_bytes(content)
    with closing(Journal(folder)) as journal:
        assert len(journal) == 0


def test_the_copy_of_an_entry_under_another_name_does_not_count(reopen: Callable[[], Journal], folder: Path) -> None:
    # It could not be dropped: `drop` removes the file that bears the Secret's name.
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    file.rename(folder / "copy.json")
    assert len(reopen()) == 0


def test_a_kill_before_the_rename_leaves_the_whole_entry(
    reopen: Callable[[], Journal], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = reopen()
    journal.write(SECRET, entry(parent="a1"))
    with monkeypatch.context() as patch:
        fail_calls(patch, "replace", errno.EIO)
        with pytest.raises(CannotJournal, match="Input/output error"):
            journal.write(SECRET, entry(parent="a2"))
    assert reopen().entries() == [(SECRET, entry(parent="a2"))]
    assert not list(folder.glob("*.tmp"))


def test_a_kill_before_the_reservation_is_cut_leaves_the_whole_entry(
    reopen: Callable[[], Journal], folder: Path
) -> None:
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    file.rename(f"{file}.tmp").write_bytes(Path(f"{file}.tmp").read_bytes() + bytes(RESERVED))
    assert reopen().entries() == [(SECRET, entry())]


def test_a_part_of_an_entry_leaves_the_entry_before(reopen: Callable[[], Journal], folder: Path) -> None:
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    Path(f"{file}.tmp").write_bytes(file.read_bytes()[:-20] + bytes(RESERVED))
    assert reopen().entries() == [(SECRET, entry())]
    assert not list(folder.glob("*.tmp"))


# --- Versions --------------------------------------------------------------------------------------------------------


def test_a_file_from_before_there_were_versions_is_read(reopen: Callable[[], Journal], folder: Path) -> None:
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    document = json.loads(file.read_bytes())
    assert document.pop("version") == 1
    file.write_text(json.dumps(document))
    assert reopen().entries() == [(SECRET, entry())]


def test_a_file_of_another_version_is_put_aside_and_said(
    reopen: Callable[[], Journal], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reopen().write(SECRET, entry())
    (file,) = entry_files(folder)
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "version": 2}))
    assert len(reopen()) == 0
    assert file.with_suffix(".unreadable").exists()
    assert "was put aside: it is of a version that this program does not know" in caplog.text
    assert CANARY not in caplog.text


# --- Bounds ----------------------------------------------------------------------------------------------------------


def test_a_full_journal_takes_no_more_and_says_so(
    reopen: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST", 2)
    journal = reopen()
    journal.write(SECRET, entry())
    journal.reserve(OTHER)
    journal.reserve(OTHER)
    with pytest.raises(CannotJournal, match="has 2 entries not stored yet, and takes no more"):
        journal.reserve(("team-c", "ci-credential"))
    journal.drop(SECRET)
    journal.reserve(("team-c", "ci-credential"))


def test_a_file_larger_than_any_entry_is_not_read(reopen: Callable[[], Journal], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with (folder / "large.json").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert len(reopen()) == 0
    assert (folder / "large.unreadable").exists()


# --- Files -----------------------------------------------------------------------------------------------------------


def test_everything_is_private(reopen: Callable[[], Journal], folder: Path) -> None:
    journal = reopen()
    assert mode(folder) == 0o700
    journal.reserve(SECRET)
    journal.write(OTHER, entry())
    files = list(folder.iterdir())
    assert len(files) == 3
    assert {mode(file) for file in files} == {0o600}


@pytest.mark.parametrize("open_to", [0o755, 0o750, 0o705, 0o710])
def test_a_folder_that_others_can_only_look_into_is_closed_to_them(folder: Path, open_to: int) -> None:
    folder.mkdir()
    folder.chmod(open_to)
    with closing(Journal(folder)):
        assert mode(folder) == 0o700


def test_a_folder_of_others_files_is_not_closed_to_them_but_refused(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "theirs").touch()
    with pytest.raises(CannotJournal, match="has files that are no journal's"):
        Journal(folder)
    assert (mode(folder), [path.name for path in folder.iterdir()]) == (0o755, ["theirs"])


def test_a_journal_that_was_opened_to_others_later_is_closed_again(reopen: Callable[[], Journal], folder: Path) -> None:
    reopen()
    folder.chmod(0o755)
    reopen()
    assert mode(folder) == 0o700


@pytest.mark.parametrize("open_to", [0o777, 0o770, 0o702, 0o720])
def test_a_folder_that_others_can_write_into_is_refused_with_advice(folder: Path, open_to: int) -> None:
    folder.mkdir()
    folder.chmod(open_to)
    with pytest.raises(CannotJournal, match=f"can be written by others.*chmod 700 {folder}.*{folder}/journal"):
        Journal(folder)
    assert not list(folder.iterdir())


def test_inside_of_a_mounted_volume_the_folder_is_made_as_it_must_be(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o2777)
    with closing(Journal(folder / "journal")):
        assert mode(folder / "journal") & 0o777 == 0o700


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(CannotJournal, match="belongs to another user"):
        Journal(folder)


def test_a_reservation_takes_the_room_that_the_entry_then_uses(reopen: Callable[[], Journal], folder: Path) -> None:
    journal = reopen()
    journal.reserve(SECRET)
    (reserved,) = folder.glob("*.tmp")
    inode = reserved.stat().st_ino
    assert reserved.stat().st_size == RESERVED
    journal.write(SECRET, entry())
    (file,) = entry_files(folder)
    assert file.stat().st_ino == inode
    assert file.stat().st_size < RESERVED


# --- What cannot be --------------------------------------------------------------------------------------------------


def test_a_file_is_not_a_journal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotJournal, match="must be a folder"):
            Journal(path)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_written_is_refused_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        fail_calls(patch, "fsync", code)
        with pytest.raises(CannotJournal, match=f"{folder} cannot be written: {os.strerror(code)}"):
            Journal(folder)
    # The lock went with the failure.
    Journal(folder).close()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("function", ["open", "fsync"])
def test_a_reservation_fails_where_an_entry_would(
    reopen: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    journal = reopen()
    fail_calls(monkeypatch, function, code)
    with pytest.raises(CannotJournal, match=f"cannot be written: {os.strerror(code)}"):
        journal.reserve(SECRET)


def test_an_entry_that_cannot_be_written_is_kept_in_memory(
    reopen: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = reopen()
    journal.reserve(SECRET)
    fail_calls(monkeypatch, "fsync", errno.EIO)
    with pytest.raises(CannotJournal):
        journal.write(SECRET, entry())
    assert journal.read(SECRET) == entry()


def test_an_entry_that_cannot_be_removed_is_forgotten_and_said(
    reopen: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = reopen()
    journal.write(SECRET, entry())
    fail_calls(monkeypatch, "fsync", errno.EROFS)
    journal.drop(SECRET)
    assert len(journal) == 0
    assert "cannot be removed: Read-only file system" in caplog.text


def test_two_processes_do_not_share_a_folder(reopen: Callable[[], Journal], folder: Path) -> None:
    reopen()
    with pytest.raises(CannotJournal, match="is in use"):
        Journal(folder)


# --- The holder ------------------------------------------------------------------------------------------------------


def test_the_holder_survives_the_process(reopen: Callable[[], Journal]) -> None:
    assert len({reopen().holder for _ in range(3)}) == 1


def test_the_holder_survives_the_entries(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    journal.write(SECRET, entry())
    journal.drop(SECRET)
    assert reopen().holder == journal.holder


def test_the_holder_dies_with_the_content_of_the_folder(reopen: Callable[[], Journal], folder: Path) -> None:
    before = reopen().holder
    (folder / "holder").unlink()
    assert reopen().holder != before


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 32, b"0" * 32 + b"\n", bytes(32)])
def test_a_holder_that_is_torn_is_made_anew(reopen: Callable[[], Journal], folder: Path, content: bytes) -> None:
    folder.mkdir(mode=0o700)
    (folder / "holder").write_bytes(content)
    holder = reopen().holder
    assert len(holder) == 32
    assert holder.encode() != content
    assert reopen().holder == holder


# --- Without a folder ------------------------------------------------------------------------------------------------


def test_without_a_folder_entries_live_in_the_process() -> None:
    with closing(Journal(None)) as journal:
        journal.reserve(SECRET)
        journal.write(SECRET, entry())
        assert journal.entries() == [(SECRET, entry())]
        journal.drop(SECRET)
        assert len(journal) == 0


def test_without_a_folder_every_process_is_another_holder() -> None:
    assert Journal(None).holder != Journal(None).holder


# --- Secrecy ---------------------------------------------------------------------------------------------------------


def test_no_token_is_shown(
    reopen: Callable[[], Journal],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    journal = reopen()
    journal.write(SECRET, entry())
    shown = [repr(journal.entries()), str(entry()), f"{replace(entry(), parent='')}", repr(entry().answer)]
    file = entry_files(folder)[0]
    file.write_bytes(file.read_bytes()[:-1])
    journal = reopen()
    with monkeypatch.context() as patch:
        fail_calls(patch, "fsync", errno.ENOSPC)
        with pytest.raises(CannotJournal) as caught:
            journal.write(SECRET, entry())
        journal.drop(SECRET)
    shown += [str(caught.value), repr(caught.value.__cause__), caplog.text]
    assert caplog.records
    assert "Canary" not in "".join(shown)
