"""Whom a new token is told to: workloads that are restarted for it, and pods that are touched.

A workload keeps in an annotation of its own which token of which GitHubToken it was last restarted for, so that a
restart is neither forgotten nor repeated by an operator that died in between. The restart itself is an annotation of
its pod template, as `kubectl rollout restart` does it; its time keeps restarts a minute apart, whoever asks for them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.domain.consumer import Issued
from githubtoken_operator.domain.model import JSON
from githubtoken_operator.domain.resources import PREFIX
from githubtoken_operator.domain.secrets import annotations_of
from githubtoken_operator.domain.times import format_time, parse_time

RESTARTED_AT: Final = PREFIX + "restarted-at"
"""On the pod template: a new value is a rollout."""
RESTARTED_FOR: Final = PREFIX + "restarted-for"
"""On the workload: JSON, from the name of a GitHubToken to the mark of the token that the pods have."""
SYNCED_REVISION: Final = PREFIX + "synced-revision"
"""On a pod: a new value makes kubelet sync its volumes now."""
REST: Final = timedelta(minutes=1)
"""Between two restarts of one workload."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge this into the workload; `restarts` says whether that is a rollout."""

    body: JSON
    restarts: bool


@dataclass(frozen=True, slots=True)
class Later:
    """The workload was restarted a moment ago: look again at that time."""

    at: datetime


def mark(issued: Issued) -> str:
    """Tells one token of a GitHubToken from all others, also of an earlier GitHubToken of that name."""
    return f"{issued.revision}/{issued.access.token.sha256[:12]}"


def restart(workload: JSON, name: str, issued: Issued, *, renewed: bool, now: datetime) -> Patch | Later | None:
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
        return Later(restarted + REST)
    notes = {RESTARTED_FOR: json.dumps({**marks, name: mark(issued)}, sort_keys=True)}
    body: dict[str, Any] = {
        "metadata": {"resourceVersion": workload["metadata"]["resourceVersion"], "annotations": notes}
    }
    if not has_it:
        body["spec"] = {"template": {"metadata": {"annotations": {RESTARTED_AT: format_time(now)}}}}
    return Patch(body, restarts=not has_it)


def touch(pod: JSON, issued: Issued) -> JSON:
    """Merge this into the status subresource of a pod that mounts the Secret.

    The value has to change: another GitHubToken, or an earlier one of that name, may have left the same revision.
    """
    revision = str(issued.revision)
    value = mark(issued) if annotations_of(pod).get(SYNCED_REVISION) == revision else revision
    return {"metadata": {"annotations": {SYNCED_REVISION: value}}}


def must_touch(pod: JSON, secret: str, issued: Issued) -> bool:
    """Whether the pod runs somewhere, mounts the Secret and is not known to be touched for this token."""
    return (
        bool(pod.get("spec", {}).get("nodeName"))
        and "deletionTimestamp" not in pod["metadata"]
        and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        and annotations_of(pod).get(SYNCED_REVISION) != mark(issued)
        and any(_holds(volume, secret) for volume in pod["spec"].get("volumes") or ())
    )


def _holds(volume: JSON, secret: str) -> bool:
    sources = (volume.get("projected") or {}).get("sources") or ()
    names = [(volume.get("secret") or {}).get("secretName"), *((it.get("secret") or {}).get("name") for it in sources)]
    return secret in names


def _marks(workload: JSON) -> dict[str, str]:
    try:
        found = json.loads(annotations_of(workload).get(RESTARTED_FOR, "{}"))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _made_after(workload: JSON, issued: Issued) -> bool:
    made = parse_time(workload["metadata"].get("creationTimestamp"))
    return made is not None and made > issued.access.created


def _restarted_at(workload: JSON) -> datetime | None:
    template = workload.get("spec", {}).get("template", {})
    return parse_time(((template.get("metadata") or {}).get("annotations") or {}).get(RESTARTED_AT))
