"""One GitHubToken or ClusterGitHubToken as it was read: what the commands look at of the API object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from githubtoken_operator.commands.terminal.layout import named
from githubtoken_operator.domain.objects.specs.github_token import ECHO_LIMIT
from githubtoken_operator.domain.vocabulary.conditions import (
    NEEDS_HUMAN,
    READY,
    find_condition,
    needs_human,
    ready_in_words,
    ready_of,
)
from githubtoken_operator.domain.vocabulary.model import JSON


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A GitHubToken at one moment. What the operator has not written yet is an empty text.

    A ClusterGitHubToken has no namespace ("").
    """

    body: JSON

    @property
    def namespace(self) -> str:
        """`metadata.namespace`."""
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return "GitHubToken" if self.namespace else "ClusterGitHubToken"

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """`metadata.uid`, which tells a deleted object from one of the same name."""
        return str(self.body["metadata"]["uid"])

    @property
    def label(self) -> str:
        """`namespace/name`, as the lines of a command name it."""
        return named(self.namespace, self.name)

    @property
    def spec(self) -> JSON:
        """`spec`."""
        return self.body.get("spec") or {}

    @property
    def status(self) -> JSON:
        """`status`, empty before the operator has seen the object."""
        return self.body.get("status") or {}

    @property
    def ready(self) -> str:
        """The status of `Ready`."""
        return ready_of(self.status)[0]

    @property
    def reason(self) -> str:
        """The reason of `Ready`."""
        return ready_of(self.status)[1]

    @property
    def message(self) -> str:
        """The message of `Ready`."""
        return str((find_condition(self.status, READY) or {}).get("message", ""))

    @property
    def told(self) -> str:
        """Reason and message of `Ready`."""
        return ready_in_words(self.status)

    @property
    def needs_human(self) -> str | None:
        """The reason of `NeedsHuman`, while somebody must act."""
        return needs_human(self.status)

    @property
    def human_task(self) -> str:
        """Reason and message of `NeedsHuman`, while somebody must act."""
        found = find_condition(self.status, NEEDS_HUMAN)
        return f"{found['reason']}: {found['message']}" if found else ""

    @property
    def secret(self) -> str:
        """The name of the consumer's Secret."""
        named = (self.spec.get("secret") or {}).get("name")
        return str(self.status.get("secretName") or named or self.name)

    @property
    def app(self) -> str:
        """The name of the App; a personal token has none."""
        return str((self.spec.get("appRef") or {}).get("name", ""))

    @property
    def spread(self) -> str:
        """How many of the wanted namespaces have a ClusterGitHubToken's Secret, `199/200`."""
        return str((self.status.get("namespaces") or {}).get("summary", ""))

    @property
    def suspended(self) -> bool:
        """Whether the operator leaves it alone."""
        return bool(self.spec.get("suspend"))

    @property
    def failures(self) -> tuple[int, str] | None:
        """How often it has failed, and when last; it changes with every failed attempt. None where it did not."""
        count = self.status.get("failedAttempts")
        return (int(count), str(self.status.get("lastFailureTime"))) if count else None

    def request(self, annotation: str) -> str:
        """A request annotation as status will echo it."""
        annotations = self.body["metadata"].get("annotations") or {}
        return str(annotations.get(annotation, ""))[:ECHO_LIMIT]


def in_order(bodies: Iterable[JSON]) -> list[Snapshot]:
    """By namespace and name."""
    return sorted(map(Snapshot, bodies), key=lambda token: (token.namespace, token.name))
