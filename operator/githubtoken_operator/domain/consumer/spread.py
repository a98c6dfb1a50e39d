"""The Secrets of a ClusterGitHubToken: one in each wanted namespace, the same in every key.

What is decided here is where one has to be written or withdrawn, and what status says of all of them together. Whose
each is says `ownership`, as for a GitHubToken, for each namespace by itself: what one tenant has there harms no other.

Secrets are judged as the watch brings them, with a digest instead of their data. One that was looked at is not written
again while it stays as it is: others may have put keys and labels of theirs beside ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.secrets import (
    ADOPT,
    ADOPTED,
    annotations_of,
    controller_uid,
    data_digest,
    is_noted_for,
    labels_of,
    version_of,
)
from githubtoken_operator.domain.objects.specs.github_token import PREFIX, GitHubToken
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import MESSAGE_LIMIT
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact
from githubtoken_operator.domain.vocabulary.times import is_ahead

MOST_FAILURES: Final = 20
"""So many are told in status."""
LEAST_LEFT: Final = timedelta(minutes=5)
"""Of the life of a token; with less, its successor is spread in haste."""
SEAL: Final = PREFIX + "seal"
"""Annotation by which the operator recognises what it wrote itself: an HMAC of all other notes."""
_NO_NOTES: Final = (ADOPT, ADOPTED, SEAL)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a namespace does not have the token."""

    namespace: str
    reason: str
    message: str

    def document(self) -> dict[str, str]:
        """As it stands in status."""
        return {"namespace": self.namespace, "reason": self.reason, "message": redact(self.message)[:MESSAGE_LIMIT]}


@dataclass(frozen=True, slots=True)
class WantedNamespace:
    """A wanted namespace that may have the token.

    `secret` is the one of that name, where it has our label. `settled` is what was last found or made right there: the
    version of what it must be, and the resourceVersion. `failure` is why it could not be written, which is tried again
    at `again`, a `pause` after it, or when the watch tells something else than it did then: `delivered` says whether it
    had brought one.
    """

    namespace: str
    secret: JSON | None = None
    settled: tuple[str, str] | None = None
    failure: Failure | None = None
    pause: timedelta = timedelta(0)
    again: datetime | None = None
    delivered: bool = False

    @property
    def version(self) -> str:
        """The resourceVersion of the Secret."""
        return version_of(self.secret) if self.secret is not None else ""

    def has(self, template: Template) -> bool:
        """Whether the Secret is there as it must be."""
        if self.secret is None:
            return False
        wanted = template.of(self.secret)
        return self.settled == (wanted.version, self.version) or wanted.is_like(self.secret)

    def lacks(self, template: Template, now: datetime, *, new: bool = False) -> bool:
        """Whether it is to be written now. What failed for a while is tried anew with a `new` token."""
        waits = self.failure is not None and self.again is not None and self.again > now
        waits = waits and not is_ahead(self.again, now)
        return (new or not waits) and not self.has(template)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a Secret must be, in whatever namespace it is."""

    body: dict[str, Any]
    version: str
    digest: str

    @classmethod
    def of(cls, body: dict[str, Any]) -> Wanted:
        """`body` is as `consumer.render` makes it."""
        digest = data_digest(body)
        meta = body["metadata"]
        said = [body["type"], digest, meta["labels"], meta["annotations"], meta["ownerReferences"]]
        return cls(body, hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(), digest)

    def is_like(self, secret: JSON) -> bool:
        """Whether the Secret is exactly this. One with additions of others is not, and has to be looked at once."""
        meta = self.body["metadata"]
        owners = [owner["uid"] for owner in meta["ownerReferences"]]
        return (
            secret.get("type") == self.body["type"]
            and labels_of(secret) == meta["labels"]
            and annotations_of(secret) == meta["annotations"]
            and [controller_uid(secret)] == (owners or [None])
            and data_digest(secret) == self.digest
            and not secret["metadata"].get("deletionTimestamp")
            and not secret.get("immutable")
        )

    def at(self, namespace: str) -> dict[str, Any]:
        """The body for that namespace, which may be changed."""
        return {**self.body, "metadata": {**self.body["metadata"], "namespace": namespace}}


@dataclass(frozen=True, slots=True)
class Template:
    """What every Secret must be: one that was made for the token, and one that somebody handed over."""

    made: Wanted
    adopted: Wanted

    @classmethod
    def of_body(cls, body: dict[str, Any]) -> Template:
        """`body` is that of a Secret which was made for the token."""
        meta = body["metadata"]
        handed = {**meta, "annotations": {**meta["annotations"], ADOPTED: "true"}, "ownerReferences": []}
        return cls(Wanted.of(body), Wanted.of({**body, "metadata": handed}))

    def of(self, secret: JSON | None) -> Wanted:
        """What the Secret must be that is there."""
        return self.adopted if ownership.adopts(secret) else self.made


@dataclass(frozen=True, slots=True)
class Spread:
    """The wanted namespaces at one moment, and what is left in others.

    `refused` are namespaces that are wanted and must not have the token, or are not there. `published` is the token
    that was last written, None where that is not known. `left` are Secrets of this object where nobody wants them.
    `key` makes the seal, and `sealed` is the last one, behind the digest of the notes that it is for.
    """

    namespaces: tuple[WantedNamespace, ...] = ()
    refused: tuple[Failure, ...] = ()
    published: Issued | None = None
    left: tuple[JSON, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    sealed: tuple[str, str] = ("", "")

    def lacks(self, body: dict[str, Any], issued: Issued, now: datetime) -> bool:
        """Whether the token `issued` is to be written somewhere; `body` is what each Secret must be."""
        if self.is_new(issued):
            return True
        template = Template.of_body(body)
        return any(wanted.lacks(template, now) for wanted in self.namespaces)

    def is_urgent(self, token: GitHubToken, now: datetime) -> bool:
        """Whether the namespaces cannot work until they have the next token, or soon cannot.

        A user's token dies with its rotation, and a human replaces a personal one that may be dead. An installation's
        lives on beside its successor: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
        """
        if not token.source.lives_on:
            return True
        expires = self.published.access.expires_at if self.published else None
        return expires is not None and expires - now < LEAST_LEFT

    def is_new(self, issued: Issued) -> bool:
        """Whether no namespace is known to have the token."""
        return self.published is None or self.published.access.token != issued.access.token


def digest_of_notes(secret: JSON) -> str:
    """The hash of what a Secret, or the body of one, says of its token; status has that of the present one."""
    notes = annotations_of(secret)
    said = {name: text for name, text in notes.items() if name.startswith(PREFIX) and name not in _NO_NOTES}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def is_trusted(secret: JSON, token: GitHubToken, key: bytes | None) -> bool:
    """Whether the token that a Secret tells of may be given to other namespaces.

    A tenant may write anything into the Secret of its own. So after a restart the token that is held is taken only from
    one that has the seal, or that says what status says.
    """
    notes = digest_of_notes(secret)
    if key is not None and hmac.compare_digest(str(annotations_of(secret).get(SEAL)).encode(), _sealed(notes, key)):
        return True
    return notes == token.status.get("notesSHA256")


def with_seal(body: dict[str, Any], spread: Spread) -> dict[str, Any]:
    """The body with the seal, where the key is there that it is made with; one that is right already stays."""
    notes = digest_of_notes(body)
    known, text = spread.sealed
    if known != notes:
        text = _sealed(notes, spread.key).decode() if spread.key is not None else ""
    meta = body["metadata"]
    sealed = {**meta["annotations"], SEAL: text} if text else meta["annotations"]
    return {**body, "metadata": {**meta, "annotations": sealed}}


def _sealed(notes: str, key: bytes) -> bytes:
    return hmac.new(key, notes.encode(), hashlib.sha256).hexdigest().encode()


def is_left(secret: JSON, token: GitHubToken) -> bool:
    """Whether a Secret that nobody wants is this object's to withdraw: it controls it, or was handed it."""
    if controller_uid(secret) == token.uid:
        return True
    return not token.retain and annotations_of(secret).get(ADOPTED) == "true" and is_noted_for(secret, token)


def given_back(secret: JSON) -> dict[str, Any]:
    """What an adopted Secret is without what the operator applied to it: its maker's, as it was before."""
    meta = {key: secret["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": secret["type"]}


def was_told_of_conflict(token: GitHubToken, namespace: str) -> bool:
    """Whether status says already that the Secret there is somebody else's: it tells of `MOST_FAILURES`."""
    told = ((failure.get("namespace"), failure.get("reason")) for failure in token.status.get("failures") or ())
    return (namespace, reasons.SECRET_CONFLICT) in told


def distribution(spread: Spread, body: dict[str, Any] | None, kept: Sequence[Failure] = ()) -> Distribution:
    """What status says; `body` is what each Secret must be, None where there is no valid token.

    `kept`: namespaces that are not wanted, and refuse that the Secret is taken away.
    """
    template = Template.of_body(body) if body else None
    current = sum(wanted.has(template) for wanted in spread.namespaces) if template else 0
    failures = [wanted.failure for wanted in spread.namespaces if wanted.failure is not None]
    failures = sorted([*failures, *spread.refused, *kept], key=lambda failure: failure.namespace)
    wanted = len(spread.namespaces) + len(spread.refused)
    return Distribution(wanted, current, tuple(failures), digest_of_notes(body) if body else None)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many namespaces are wanted, how many of them have the present token, and why others do not.

    `notes` is the digest of what the Secrets say of the present token, None where there is none.
    """

    wanted: int
    current: int
    failures: tuple[Failure, ...]
    notes: str | None

    @property
    def document(self) -> dict[str, Any]:
        """The part of status."""
        counts = {"wanted": self.wanted, "current": self.current, "failed": len(self.failures)}
        told = [failure.document() for failure in self.failures[:MOST_FAILURES]]
        return {
            "namespaces": {**counts, "summary": f"{self.current}/{self.wanted}"},
            "failures": told or None,
            "notesSHA256": self.notes,
        }

    @property
    def condition(self) -> tuple[str, str, str]:
        """`Distributed`: status, reason and message."""
        have = f"{self.current} of {self.wanted} namespaces have the token"
        if self.failures:
            first = self.failures[0]
            return "False", reasons.INCOMPLETE, f"{have}; `{first.namespace}`: {first.reason}: {first.message}"
        if self.notes is None:
            return "Unknown", reasons.PENDING, "there is no valid token"
        if self.current < self.wanted:
            return "False", reasons.INCOMPLETE, have
        return "True", reasons.COMPLETE, have if self.wanted else "no namespace is wanted"
