"""The journal: GitHub's answers that are not in a credential Secret yet, kept where a killed process finds them again.

A refresh token works once, so an answer that is lost is a sign-in lost. The rotation writes it here as it came, before
anything reads it, and drops it when the pair is confirmed in the store (docs/rotation.md).

In the folder each credential Secret has one file, and the file `holder` names whoever owns the folder: the name under
which intents are announced. It lives as long as the folder, so a restarted container recognises its own intents, and a
new pod, with an empty volume, does not. One process owns the folder at a time; a lock on it sees to that. Without a
folder the entries live and die with the process, and so does the holder.

A file is whole or absent: temporary file, fsync, rename, fsync of the folder; a temporary file that is whole when the
process dies counts. All files are 0600 and the folder 0700, for they hold tokens. A folder of ours that others can only
look into, as `mkdir` makes it, is closed to them, where nothing is in it but a journal. One that others can write into
is refused; a mounted volume often is one, so the operator is given a folder inside of it, which it makes.

The methods are plain functions, to be called on the event loop: the chart mounts memory, where they take microseconds,
and without an `await` nothing can cancel the way from the answer to the file. Everything is read once, when the journal
is opened; `len` may be called from any thread.

    CannotJournal   the folder cannot be used, or not be written; the message never has content
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from githubtoken_operator.adapters.journal_files import HOLDER, LARGEST_FILE, SUFFIX, TEMPORARY, UNREADABLE, file_name
from githubtoken_operator.domain.user.entry import Entry, NoEntry, SecretKey, decode, encode

RESERVED: Final = 16 * 1024
"""Bytes that a reservation takes. GitHub's answer has some 400; the largest that is read has a MiB, and needs luck."""

MOST: Final = 1000
"""Entries and reservations at once, which the chart's volume has room for. Usual is no more than runs at once."""

_HOLDER_NAME: Final = re.compile(r"[0-9a-f]{32}")
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022

logger = logging.getLogger(__name__)


class CannotJournal(Exception):
    """The journal cannot be opened or written."""


class Journal:
    """The entries by credential Secret; `holder` is who announces intents. Close it with `close`."""

    def __init__(self, folder: Path | None) -> None:
        """Opens `folder`, which is made where it is missing. Raises `CannotJournal`."""
        self._folder = _Folder(folder) if folder is not None else None
        self.holder = uuid.uuid4().hex
        self._entries: dict[SecretKey, Entry] = {}
        if self._folder:
            try:
                self.holder = self._folder.holder(self.holder)
                self._entries = self._folder.load()
            except CannotJournal:
                self.close()
                raise

    def __len__(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        """Gives up the folder; harmless when repeated. What is in it stays."""
        if self._folder:
            self._folder.close()

    def entries(self) -> list[tuple[SecretKey, Entry]]:
        """All of them, as they are now."""
        return list(self._entries.items())

    def read(self, secret: SecretKey) -> Entry | None:
        """The entry of this Secret."""
        return self._entries.get(secret)

    def reserve(self, secret: SecretKey) -> None:
        """Makes sure that an entry can be written, by taking its place on the disk now. Raises `CannotJournal`.

        `write` uses the reservation up and `drop` gives it back.
        """
        if self._folder:
            self._folder.reserve(secret)

    def write(self, secret: SecretKey, entry: Entry) -> None:
        """Makes the entry durable, in place of an older one. Raises `CannotJournal`; it is then in memory only."""
        self._entries[secret] = entry
        if self._folder:
            self._folder.write(secret, entry)

    def drop(self, secret: SecretKey) -> None:
        """Forgets the entry and the reservation, where there are any; never fails.

        An entry that cannot be removed is harmless: after the next start it no longer fits what is stored.
        """
        self._entries.pop(secret, None)
        if self._folder:
            self._folder.remove(secret)


class _Folder:
    """The files. Opening takes the lock, which ends with the process however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileExistsError, NotADirectoryError) as error:
            raise CannotJournal(f"the journal must be a folder, and {path} is not one") from error
        except OSError as error:
            raise self._cannot("opened", error) from error
        try:
            self._require_privacy()
        except CannotJournal:
            self.close()
            raise
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise CannotJournal(f"the journal {path} is in use: each process must have a folder of its own") from error
        except OSError as error:
            self.close()
            raise self._cannot("locked", error) from error

    def _require_privacy(self) -> None:
        """Who can write into the folder can put a holder's name and entries of his own there: it is refused."""
        found = os.fstat(self._descriptor)
        if found.st_uid != os.geteuid():
            raise CannotJournal(
                f"the journal {self._path} belongs to another user (uid {found.st_uid}): name a folder that is not "
                "there yet, inside of one that can be written; it is made as it must be"
            )
        if found.st_mode & _OTHERS_WRITE:
            raise CannotJournal(
                f"the journal {self._path} can be written by others, and it holds tokens: `chmod 700 {self._path}`, "
                f"or, where it is a mounted volume, name a folder inside of it, such as {self._path}/journal; it is "
                "made as it must be"
            )
        if found.st_mode & _OTHERS:
            self._close_to_others()

    def _close_to_others(self) -> None:
        """Only a journal, or what is to become one: a folder that serves something else must not cease to."""
        try:
            there = {path.name for path in self._path.iterdir()}
            if there and HOLDER not in there:
                raise CannotJournal(
                    f"the journal {self._path} can be opened by others, and has files that are no journal's: name a "
                    f"folder of its own, such as {self._path}/journal; it is made as it must be"
                )
            os.fchmod(self._descriptor, 0o700)
        except OSError as error:
            raise self._cannot("closed to others", error) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self, new: str) -> str:
        """Whose folder it is; `new` where it has no name yet. Written anew in any case: this proves that it can be."""
        path = self._path / HOLDER
        try:
            name = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
            name = name if _HOLDER_NAME.fullmatch(name) else new
            self._replace(HOLDER, name.encode())
        except OSError as error:
            raise self._cannot("written", error) from error
        return name

    def load(self) -> dict[SecretKey, Entry]:
        """All entries. What cannot be read is put aside, where a human may look."""
        entries: dict[SecretKey, Entry] = {}
        try:
            for path in sorted(self._path.iterdir()):
                if path.suffix == TEMPORARY:
                    self._recover(path, entries)
                elif path.suffix == SUFFIX:
                    try:
                        secret, entry = _read(path)
                    except NoEntry as error:
                        path.replace(path.with_suffix(UNREADABLE))
                        logger.error("the journal's file %s was put aside: %s", path.name, error)  # noqa: TRY400
                    else:
                        entries[secret] = entry
        except OSError as error:
            raise self._cannot("read", error) from error
        return entries

    def _recover(self, path: Path, entries: dict[SecretKey, Entry]) -> None:
        """Names an entry that was whole when the process died; removes a reservation, or a part of an entry."""
        try:
            secret, entry = _read(path)
        except NoEntry:
            path.unlink()
        else:
            path.replace(path.with_suffix(""))
            entries[secret] = entry

    def reserve(self, secret: SecretKey) -> None:
        name = file_name(secret)
        taken = {path.name.removesuffix(TEMPORARY) for path in self._path.glob(f"*{SUFFIX}*")}
        if len(taken - {name}) >= MOST:
            raise CannotJournal(f"the journal {self._path} has {MOST} entries not stored yet, and takes no more")
        try:
            self._put(name + TEMPORARY, bytes(RESERVED))
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._cannot("written", error) from error

    def write(self, secret: SecretKey, entry: Entry) -> None:
        try:
            self._replace(file_name(secret), encode(secret, entry))
        except OSError as error:
            raise self._cannot("written", error) from error

    def remove(self, secret: SecretKey) -> None:
        name = file_name(secret)
        try:
            for each in (name, name + TEMPORARY):
                with suppress(FileNotFoundError):
                    (self._path / each).unlink()
            os.fsync(self._descriptor)
        except OSError as error:
            logger.warning("an entry of the journal cannot be removed: %s", error.strerror)

    def _replace(self, name: str, content: bytes) -> None:
        self._put(name + TEMPORARY, content)
        (self._path / (name + TEMPORARY)).replace(self._path / name)
        os.fsync(self._descriptor)

    def _put(self, name: str, content: bytes) -> None:
        # Not truncated when it is opened: the blocks of the reservation are what the content goes into.
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self._path / name, flags, mode=0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def _cannot(self, what: str, error: OSError) -> CannotJournal:
        return CannotJournal(f"the journal {self._path} cannot be {what}: {error.strerror}")


def _read(path: Path) -> tuple[SecretKey, Entry]:
    """The entry in the file, which has the name that belongs to it. Raises `NoEntry` or OSError."""
    if path.stat().st_size > LARGEST_FILE:
        raise NoEntry("it is larger than any entry")
    secret, entry = decode(path.read_bytes())
    if path.name.removesuffix(TEMPORARY) != file_name(secret):
        raise NoEntry("it is the copy of an entry, under another name")
    return secret, entry
