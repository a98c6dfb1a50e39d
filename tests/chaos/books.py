"""What the books say after a kill: where each sign-in's living refresh token is, and in which step its rotation was.

The books are the simulator's, who knows which token lives and whose answer was written to an open connection, the
Secrets on the API server, and the files of the journal. The operator's own words are not asked.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from github_simulator.control_client import Control, Ledger, Request, sha256

if TYPE_CHECKING:
    from tests.integration.operator.stage.cluster import Object

HELD_AT_MOST: Final = 2.0
"""Seconds from a request's arrival at GitHub within which its answer is in the journal, also on a busy machine. The
process that had the answer for longer, and kept it nowhere, threw it away."""
_REFRESH_TOKEN: Final = re.compile(rb"ghr_\w+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


class Step(StrEnum):
    """How far a rotation had come."""

    START = "the process did not lead yet"
    REST = "none was asked for"
    ASKED = "asked for, not announced"
    ANNOUNCED = "announced, not sent"
    WIRE = "the token is spent, GitHub has not answered"
    PROCESS = "GitHub has answered, not in the journal"
    JOURNAL = "in the journal, not in the store"
    STORED = "in the store, not with the consumer"
    PUBLISHED = "with the consumer, not in status"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one sign-in stands: the step of its rotation, and whether its living refresh token is gone."""

    step: Step
    lost: bool = False
    age: float = 0.0
    """Seconds before the kill at which the request came whose answer is lost."""
    fault: str = ""
    """What must not be, in words; empty where all is in order."""


@dataclass(frozen=True, slots=True)
class Books:
    """All books at one moment, with no operator running.

    `ended` is the time of the kill, in seconds since the epoch; `journal` the killed process's folder, and `gone`
    whether it goes with the pod, so that the next process does not find it.
    """

    github: Control
    ledger: Ledger
    tokens: Mapping[str, Object]
    secrets: Mapping[str, Object]
    journal: Path
    gone: bool
    ended: float

    def place(self, name: str) -> Place:
        """Where the sign-in of GitHubToken `name` stands."""
        sent = sha256(text_of(self.secrets.get(f"{name}-credential"), "refresh_token"))
        if self.github.token_is_alive(sent):
            return Place(self._before_or_after(name, sent))
        if self._alive(found_in(self.secrets.get(f"{name}-seed"))):
            return Place(Step.ASKED)
        if name in self._journalled():
            return Place(Step.JOURNAL, lost=self.gone)
        return self._lost(sent)

    def evidence(self, name: str) -> str:
        """What one needs to look into a fault, without a token."""
        secret = self.secrets.get(f"{name}-credential", {"metadata": {}})
        sent = sha256(text_of(secret, "refresh_token"))
        requests = [
            (round(self.ended - found.at, 3), found.status, found.error, found.verdict, found.delivered)
            for found in self.ledger.of("refresh")
            if found.body.get("refresh_token") == f"sha256:{sent}"
        ]
        files = {path.name: path.stat().st_size for path in self.journal.glob("*")}
        status = self.tokens[name].get("status", {})
        return f"{sent=} {secret['metadata'].get('annotations')} {status.get('conditions')} {requests=} {files=}"

    def _before_or_after(self, name: str, sent: str) -> Step:
        """The stored token lives: its rotation has not begun, or is over as far as GitHub is concerned."""
        token, secret = self.tokens[name], self.secrets[f"{name}-credential"]
        notes = secret["metadata"].get("annotations", {})
        if notes.get("githubtoken.dev/refresh-token-sha256") != sent:
            # A human's seed, which the operator has not rotated yet.
            return Step.ANNOUNCED if sent in notes.get("githubtoken.dev/refresh-intent", "") else Step.ASKED
        if sent in notes.get("githubtoken.dev/refresh-intent", ""):
            return Step.ANNOUNCED
        access = text_of(secret, "token")
        if text_of(self.secrets.get(name), "token") != access:
            return Step.STORED
        if token.get("status", {}).get("tokenSHA256") != _in_base64(sha256(access)):
            return Step.PUBLISHED
        return Step.REST if handled(token) else Step.ASKED

    def _lost(self, sent: str) -> Place:
        """Nobody has the living token. Fine, where the answer was under way; else somebody threw it away."""
        request = self._spending(sent)
        if request is None:
            return Place(Step.REST, lost=True, fault="its refresh token is dead, and no request of this round spent it")
        age = self.ended - request.at
        if not request.delivered:
            return Place(Step.WIRE, lost=True, age=age)
        fault = f"the answer to a request that came {age:.2f} s before the kill is kept nowhere"
        return Place(Step.PROCESS, lost=True, age=age, fault=fault if age > HELD_AT_MOST else "")

    def _spending(self, sent: str) -> Request | None:
        requests = (found for found in self.ledger.of("refresh") if found.body.get("refresh_token") == f"sha256:{sent}")
        return next((found for found in requests if not found.error), None)

    def _journalled(self) -> set[str]:
        """Whose living refresh tokens are in a whole file of the journal; users are named as their GitHubTokens."""
        files = [path for path in self.journal.iterdir() if path.is_file()] if self.journal.exists() else []
        contents = [path.read_bytes().rstrip(b"\0") for path in files]
        states = (self.github.token(found) for content in contents if _is_whole(content) for found in hashes(content))
        return {state.user for state in states if state.alive and state.user}

    def _alive(self, found: Iterable[str]) -> bool:
        return any(self.github.token_is_alive(each) for each in found)


def handled(token: Object) -> bool:
    """Whether the operator is done with what was asked for last."""
    asked = token["metadata"].get("annotations", {}).get("githubtoken.dev/refresh-requested-at")
    return asked is None or bool(token.get("status", {}).get("lastHandledRefreshAt") == asked)


def text_of(secret: Object | None, key: str) -> str:
    """A key of a Secret; empty where there is none."""
    return base64.b64decode(((secret or {}).get("data") or {}).get(key, "")).decode()


def found_in(secret: Object | None) -> set[str]:
    """The SHA-256 of all refresh tokens in a Secret."""
    values: Iterator[Any] = iter(((secret or {}).get("data") or {}).values())
    return {found for value in values for found in hashes(base64.b64decode(value))}


def hashes(content: bytes) -> set[str]:
    """The SHA-256 of all refresh tokens in it, plain or as base64."""
    return {sha256(found.decode()) for part in _decoded(content) for found in _REFRESH_TOKEN.findall(part)}


def _decoded(content: bytes) -> Iterator[bytes]:
    yield content
    for run in _BASE64.findall(content):
        try:
            yield base64.b64decode(run, validate=True)
        except binascii.Error:
            continue


def _in_base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


def _is_whole(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
