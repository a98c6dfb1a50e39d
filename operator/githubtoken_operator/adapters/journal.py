"""The journal: GitHub's answers that are not in a credential Secret yet, kept where a killed process finds them again.

A refresh token works once, so an answer that is lost is a sign-in lost. The rotation writes it here as it came, before
anything reads it, and drops it when the pair is confirmed in the store (docs/rotation.md).

In the folder each credential Secret has one file, and the file `holder` names whoever owns the folder: the name under
which intents are announced. It lives as long as the folder, so a restarted container recognises its own intents, and a
new pod, with an empty volume, does not. One process owns the folder at a time; a lock on it sees to that. Without a
folder the entries live and die with the process, and so does the holder.

A file is whole or absent: temporary file, fsync, rename, fsync of the folder. All files are 0600, for they hold tokens.

The methods are plain functions, to be called on the event loop: the chart mounts memory, where they take microseconds,
and without an `await` nothing can cancel the way from the answer to the file. Everything is read once, when the journal
is opened; `len` may be called from any thread.

    CannotJournal   the folder cannot be used, or not be written; the message never has content
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import uuid
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from githubtoken_operator.domain.model import Answer

SecretKey = tuple[str, str]
"""Namespace and name of a credential Secret."""

RESERVED: Final = 16 * 1024
"""Bytes that a reservation takes. GitHub's answer has some 400; the largest that is read has a MiB, and needs luck."""

_HOLDER: Final = "holder"
_HOLDER_NAME: Final = re.compile(r"[0-9a-f]{32}")
_ENTRY: Final = ".json"
_TEMPORARY: Final = ".tmp"
_UNREADABLE: Final = ".unreadable"

logger = logging.getLogger(__name__)


class CannotJournal(Exception):
    """The journal cannot be opened or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer with a pair, raw, and what is needed to place it; tokens appear by their SHA-256.

    `parent`: the refresh token that was stored, and in a rotation sent. `seed`: the first of the chain. `ours`: the
    annotation `refresh-token-sha256` as it was read before. `date`: the answer's `Date` header, the only one that a
    pair needs. `name` and `client_id`: the GitHubToken and the App of a sign-in by device flow; None for a rotation.
    """

    parent: str
    seed: str
    ours: str | None
    status: int
    date: str
    body: bytes = field(repr=False)
    name: str | None = None
    client_id: str | None = None

    @property
    def answer(self) -> Answer:
        """The answer, for whoever reads it."""
        return Answer(status=self.status, headers={"date": self.date}, body=self.body)


class Journal:
    """The entries by credential Secret; `holder` is who announces intents. Close it, or use it in a `with` block."""

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise CannotJournal(f"the journal {path} is in use: each process must have a folder of its own") from error
        except OSError as error:
            self.close()
            raise self._cannot("locked", error) from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self, new: str) -> str:
        """Whose folder it is; `new` where it has no name yet. Written anew in any case: this proves that it can be."""
        path = self._path / _HOLDER
        try:
            name = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
            name = name if _HOLDER_NAME.fullmatch(name) else new
            self._replace(_HOLDER, name.encode())
        except OSError as error:
            raise self._cannot("written", error) from error
        return name

    def load(self) -> dict[SecretKey, Entry]:
        """All entries. What was not finished is removed, what cannot be read is put aside, where a human may look."""
        entries: dict[SecretKey, Entry] = {}
        try:
            for path in sorted(self._path.iterdir()):
                if path.suffix == _TEMPORARY:
                    path.unlink()
                elif path.suffix == _ENTRY:
                    found = _decode(path.read_bytes())
                    if found is None or path.name != _file_name(found[0]):
                        path.replace(path.with_suffix(_UNREADABLE))
                        logger.error("the journal's file %s cannot be read and was put aside", path.name)
                    else:
                        entries[found[0]] = found[1]
        except OSError as error:
            raise self._cannot("read", error) from error
        return entries

    def reserve(self, secret: SecretKey) -> None:
        try:
            self._put(_file_name(secret) + _TEMPORARY, bytes(RESERVED))
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._cannot("written", error) from error

    def write(self, secret: SecretKey, entry: Entry) -> None:
        try:
            self._replace(_file_name(secret), _encode(secret, entry))
        except OSError as error:
            raise self._cannot("written", error) from error

    def remove(self, secret: SecretKey) -> None:
        name = _file_name(secret)
        try:
            for each in (name, name + _TEMPORARY):
                with suppress(FileNotFoundError):
                    (self._path / each).unlink()
            os.fsync(self._descriptor)
        except OSError as error:
            logger.warning("an entry of the journal cannot be removed: %s", error.strerror)

    def _replace(self, name: str, content: bytes) -> None:
        self._put(name + _TEMPORARY, content)
        (self._path / (name + _TEMPORARY)).replace(self._path / name)
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


def _file_name(secret: SecretKey) -> str:
    # A hash fits wherever a namespace and a name of 253 characters would not, and has no character that a path minds.
    return sha256("/".join(secret).encode()).hexdigest() + _ENTRY


def _encode(secret: SecretKey, entry: Entry) -> bytes:
    namespace, name = secret
    document = {
        "namespace": namespace,
        "name": name,
        "parent": entry.parent,
        "seed": entry.seed,
        "ours": entry.ours,
        "status": entry.status,
        "date": entry.date,
        "body": b64encode(entry.body).decode(),
        "signedIn": {"name": entry.name, "clientID": entry.client_id} if entry.name else None,
    }
    return json.dumps(document).encode()


def _decode(content: bytes) -> tuple[SecretKey, Entry] | None:
    try:
        raw = json.loads(content)
        texts = [raw[key] for key in ("namespace", "name", "parent", "seed", "date")]
        ours, status = raw["ours"], raw["status"]
        signed_in = raw.get("signedIn") or {}
        body = b64decode(raw["body"], validate=True)
    except (ValueError, KeyError, TypeError):
        return None
    if not (all(isinstance(text, str) for text in texts) and isinstance(ours, str | None) and isinstance(status, int)):
        return None
    namespace, secret, parent, seed, date = texts
    return (namespace, secret), Entry(
        parent=parent,
        seed=seed,
        ours=ours,
        status=status,
        date=date,
        body=body,
        name=signed_in.get("name"),
        client_id=signed_in.get("clientID"),
    )
