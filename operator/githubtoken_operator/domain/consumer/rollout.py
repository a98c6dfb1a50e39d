"""When a workload is restarted for a new token.

A workload keeps in an annotation of its own which token of which GitHubToken it was last restarted for, so that a
restart is neither forgotten nor repeated by an operator that died in between. The restart itself is an annotation of
its pod template, as `kubectl rollout restart` does it, or `spec.restartAt` of an Argo Rollout, which then replaces its
pods without a new revision (https://argo-rollouts.readthedocs.io/en/stable/features/restart/). Its time keeps restarts
a minute apart, whoever asks for them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.secrets import annotations_of
from githubtoken_operator.domain.objects.specs.github_token import PREFIX, GitHubToken
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import format_time, parse_time

RESTARTED_AT: Final = PREFIX + "restarted-at"
"""On the pod template: a new value is a rollout."""
RESTARTED_FOR: Final = PREFIX + "restarted-for"
"""On the workload: JSON, from the name of a GitHubToken to the mark of the token that the pods have."""
ROLLOUT: Final = "Rollout"
"""Argo's kind."""
RESTARTED: Final = ("Deployment", "StatefulSet", "DaemonSet", ROLLOUT)
"""The kinds of workloads that are restarted."""
REST: Final = timedelta(minutes=1)
"""Between two restarts of one workload."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge this into the workload; `restarts` says whether that is a rollout."""

    body: JSON
    restarts: bool


@dataclass(frozen=True, slots=True)
class Postponed:
    """The workload was restarted a moment ago: look again at that time."""

    at: datetime


def mark(issued: Issued) -> str:
    """Tells one token of a GitHubToken from all others, also of an earlier GitHubToken of that name."""
    return f"{issued.revision}/{issued.access.token.sha256[:12]}"


def all_have_it(token: GitHubToken, issued: Issued) -> bool:
    """Whether status says that every workload of the present spec was restarted for this token, if it had to be."""
    status = token.status
    told = (status.get("restartedRevision"), status.get("tokenSHA256"))
    return token.seen and told == (issued.revision, issued.access.token.sha256_base64)


def is_behind(token: GitHubToken, issued: Issued) -> bool:
    """Whether status says that the workloads have a token from before this one; of those just named it says nothing."""
    told = token.status.get("restartedRevision")
    return told is not None and told < issued.revision


def restart(workload: JSON, name: str, issued: Issued, *, renewed: bool, now: datetime) -> Patch | Postponed | None:
    """What to do to the workload for the token of GitHubToken `name`; None where its pods have it.

    A workload that was never restarted for that GitHubToken has the token if it is the first one, since its pods could
    not start without it, or if the workload was made after it. It also counts as having it where the token was there
    before the workload was named in the spec: `renewed` is false then.
    """
    marks = _marks(workload)
    known = marks.get(name)
    if known == mark(issued):
        return None
    has_it = known is None and (issued.revision == 1 or not renewed or _made_after(workload, issued))
    restarted = _restarted_at(workload)
    if not has_it and restarted is not None and abs(now - restarted) < REST:
        return Postponed(restarted + REST)
    notes = {RESTARTED_FOR: json.dumps({**marks, name: mark(issued)}, sort_keys=True)}
    body: dict[str, Any] = {
        "metadata": {"resourceVersion": workload["metadata"]["resourceVersion"], "annotations": notes}
    }
    if not has_it:
        at = format_time(now)
        of_template = {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}
        body["spec"] = {"restartAt": at} if workload.get("kind") == ROLLOUT else of_template
    return Patch(body, restarts=not has_it)


def _marks(workload: JSON) -> dict[str, str]:
    found = parsed(annotations_of(workload).get(RESTARTED_FOR))
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _made_after(workload: JSON, issued: Issued) -> bool:
    made = parse_time(workload["metadata"].get("creationTimestamp"))
    return made is not None and made > issued.access.created


def _restarted_at(workload: JSON) -> datetime | None:
    if workload.get("kind") == ROLLOUT:
        return parse_time(workload.get("spec", {}).get("restartAt"))
    template = workload.get("spec", {}).get("template", {})
    return parse_time(((template.get("metadata") or {}).get("annotations") or {}).get(RESTARTED_AT))
