"""The Secrets of a ClusterGitHubToken: one in each wanted namespace, the same in every key.

What is decided here is where one has to be written or withdrawn, and what status says of all of them together. Whose
each is says `ownership`, as for a GitHubToken, for each namespace by itself: what one tenant has there harms no other.

Secrets are judged as the watch brings them, with a digest in place of their data. One that was looked at is not written
again while it stays as it is: others may have put keys and labels of theirs beside ours.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.domain.consumer import ownership
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.resources import PREFIX, GitHubToken
from githubtoken_operator.domain.objects.secrets import (
    ADOPT,
    ADOPTED,
    annotations_of,
    controller_uid,
    data_digest,
    is_noted_for,
    labels_of,
)
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import MESSAGE_LIMIT
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact

MOST_FAILURES: Final = 20
"""So many are told in status."""


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
class Place:
    """A wanted namespace that may have the token.

    `secret` is the one of that name, where it has our label. `settled` is what was last found or made right there: the
    version of what it must be, and the resourceVersion. `failure` is why it could not be written, which is tried again
    at `again`, or when the watch tells something else than it did then: `delivered` says whether it had brought one.
    """

    namespace: str
    secret: JSON | None = None
    settled: tuple[str, str] | None = None
    failure: Failure | None = None
    again: datetime | None = None
    delivered: bool = False

    @property
    def version(self) -> str:
        """The resourceVersion of the Secret."""
        return str(self.secret["metadata"].get("resourceVersion", "")) if self.secret is not None else ""

    def has(self, template: Template) -> bool:
        """Whether the Secret is there as it must be."""
        if self.secret is None:
            return False
        wanted = template.of(self.secret)
        return self.settled == (wanted.version, self.version) or wanted.is_like(self.secret)

    def lacks(self, template: Template, now: datetime) -> bool:
        """Whether it is to be written now."""
        waits = self.failure is not None and self.again is not None and self.again > now
        return not waits and not self.has(template)


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
    """

    places: tuple[Place, ...] = ()
    refused: tuple[Failure, ...] = ()
    published: Issued | None = None
    left: tuple[JSON, ...] = ()

    def lacks(self, body: dict[str, Any], issued: Issued, now: datetime) -> bool:
        """Whether the token `issued` is to be written somewhere; `body` is what each Secret must be."""
        if self.is_new(issued):
            return True
        template = Template.of_body(body)
        return any(place.lacks(template, now) for place in self.places)

    def is_new(self, issued: Issued) -> bool:
        """Whether no namespace is known to have the token."""
        return self.published is None or self.published.access.token != issued.access.token


def seal(secret: JSON) -> str:
    """What a Secret, or the body of one, says of its token, as a hash that only status has.

    A tenant may write anything into a Secret of its namespace. After a restart the token to give to all others is taken
    from one of them, and only from one that says what status says.
    """
    notes = annotations_of(secret)
    said = {name: text for name, text in notes.items() if name.startswith(PREFIX) and name not in (ADOPT, ADOPTED)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def is_left(secret: JSON, token: GitHubToken) -> bool:
    """Whether a Secret that nobody wants is this object's to withdraw: it controls it, or was handed it."""
    if controller_uid(secret) == token.uid:
        return True
    return not token.retain and annotations_of(secret).get(ADOPTED) == "true" and is_noted_for(secret, token)


def given_back(secret: JSON) -> dict[str, Any]:
    """What an adopted Secret is without what the operator applied to it: its maker's, as it was before."""
    meta = {key: secret["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": secret["type"]}


def distribution(spread: Spread, body: dict[str, Any] | None, *, ahead: bool = False) -> Distribution:
    """What status says; `body` is what each Secret must be, None where there is no valid token.

    `ahead`: it is about to be written, and what no failure is known of is told as if it had been. So status, which says
    what a token is that may be in any of them, is written once.
    """
    template = Template.of_body(body) if body else None
    current = 0
    if template is not None:
        had = [place.secret is not None and place.failure is None for place in spread.places]
        current = sum(had if ahead else (place.has(template) for place in spread.places))
    failures = [place.failure for place in spread.places if place.failure is not None]
    failures = sorted([*failures, *spread.refused], key=lambda failure: failure.namespace)
    wanted = len(spread.places) + len(spread.refused)
    return Distribution(wanted, current, tuple(failures), seal(body) if body else None)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many namespaces are wanted, how many of them have the present token, and why others do not.

    `seal` is that of the present token, None where there is none.
    """

    wanted: int
    current: int
    failures: tuple[Failure, ...]
    seal: str | None

    @property
    def document(self) -> dict[str, Any]:
        """The part of status."""
        counts = {"wanted": self.wanted, "current": self.current, "failed": len(self.failures)}
        told = [failure.document() for failure in self.failures[:MOST_FAILURES]]
        return {
            "namespaces": {**counts, "summary": f"{self.current}/{self.wanted}"},
            "failures": told or None,
            "notesSHA256": self.seal,
        }

    @property
    def condition(self) -> tuple[str, str, str]:
        """`Distributed`: status, reason and message."""
        have = f"{self.current} of {self.wanted} namespaces have the token"
        if self.failures:
            first = self.failures[0]
            return "False", reasons.INCOMPLETE, f"{have}; `{first.namespace}`: {first.reason}: {first.message}"
        if self.seal is None:
            return "Unknown", reasons.PENDING, "there is no valid token"
        if self.current < self.wanted:
            return "False", reasons.INCOMPLETE, have
        return "True", reasons.COMPLETE, have if self.wanted else "no namespace is wanted"
