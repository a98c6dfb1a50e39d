"""An answer of GitHub's as it is kept until its pair is in the store: in the journal, or in the Secret itself.

It is kept raw, with what is needed to place it whenever it is understood. In both places it is JSON with a `version`.
What is from before there were versions counts as the first; a later version is not guessed at.

    Unreadable   the content is no entry; the message says why, and never has content
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from githubtoken_operator.domain.objects import origin as origins
from githubtoken_operator.domain.objects.origin import Origin
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import Answer

SecretKey = tuple[str, str]
"""Namespace and name of a credential Secret."""

VERSION: Final = 1
LARGEST_BODY: Final = 256 * 1024
"""Bytes of an answer that is read where it may bring a pair; GitHub's have less than one thousand."""


class NoEntry(Exception):
    """What was found is no entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer with a pair, raw, and what is needed to place it; tokens appear by their SHA-256.

    `parent`: the refresh token that was stored, and in a rotation sent. `seed`: the first of the chain. `ours`: the
    annotation `refresh-token-sha256` as it was read before. `date`: the answer's `Date` header, the only one that a
    pair needs. `name` and `client_id`: the GitHubToken and the App of a sign-in by device flow; None for a rotation.
    `clusterwide`: it is a ClusterGitHubToken.
    `origin`: the GitHub that answered; None where an earlier version kept it. `headers`: all of them, while the answer
    is new: a refusal says there how long to wait. They are not kept.
    """

    parent: str
    seed: str
    ours: str | None
    status: int
    date: str
    body: bytes = field(repr=False)
    name: str | None = None
    client_id: str | None = None
    origin: Origin | None = None
    clusterwide: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def of_sign_in(self) -> bool:
        """Whether a human has just signed in; else it is a rotation's."""
        return self.name is not None

    @property
    def answer(self) -> Answer:
        """The answer, for whoever reads it."""
        return Answer(status=self.status, headers={**self.headers, "date": self.date}, body=self.body)


def encode(secret: SecretKey, entry: Entry) -> bytes:
    """The text that is kept."""
    namespace, name = secret
    document = {
        "version": VERSION,
        "namespace": namespace,
        "name": name,
        "parent": entry.parent,
        "seed": entry.seed,
        "ours": entry.ours,
        "status": entry.status,
        "date": entry.date,
        "body": b64encode(entry.body).decode(),
        "signedIn": {"name": entry.name, "clientID": entry.client_id} if entry.of_sign_in else None,
    }
    if entry.clusterwide:
        document["clusterwide"] = True
    if entry.origin is not None:
        document["origin"] = entry.origin.document
    return json.dumps(document).encode()


def decode(content: bytes) -> tuple[SecretKey, Entry]:
    """The entry and its Secret. Raises `NoEntry`.

    A reservation that was not cut to the entry yet ends with zeros, which do not count. Whoever may edit the Secret may
    put anything there: what is no document of ours costs a moment.
    """
    try:
        raw = parsed(content.rstrip(b"\0").decode())
        version = raw.get("version", VERSION)
        if version != VERSION:
            raise NoEntry(f"it is of a version that this program does not know, and not of version {VERSION}")
        texts = [raw[key] for key in ("namespace", "name", "parent", "seed", "date")]
        ours, status = raw["ours"], raw["status"]
        signed_in = raw.get("signedIn") or {}
        whose = signed_in.get("name"), signed_in.get("clientID")
        body = b64decode(raw["body"], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoEntry("it is torn, or not an entry") from error
    if len(body) > LARGEST_BODY:
        raise NoEntry("the answer in it is larger than any that is read")
    if not (all(isinstance(text, str) for text in texts) and isinstance(ours, str | None) and isinstance(status, int)):
        raise NoEntry("it is not an entry")
    if not all(isinstance(text, str | None) for text in whose):
        raise NoEntry("it is not an entry")
    namespace, secret, parent, seed, date = texts
    name, client_id = whose
    answered = origins.read(raw.get("origin"))
    clusterwide = raw.get("clusterwide") is True
    return (namespace, secret), Entry(parent, seed, ours, status, date, body, name, client_id, answered, clusterwide)
