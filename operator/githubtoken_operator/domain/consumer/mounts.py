"""Which pods hold a copy of a Secret in their file systems, and how kubelet is made to bring a newer one now.

kubelet looks at the Secrets of a pod whenever the pod changes, so that a new value of an annotation is enough. Of a pod
nothing is kept but what that needs: whole pods are some 8 KB each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.rollout import mark
from githubtoken_operator.domain.objects.secrets import annotations_of
from githubtoken_operator.domain.objects.specs.github_token import PREFIX
from githubtoken_operator.domain.vocabulary.model import JSON

SYNCED_REVISION: Final = PREFIX + "synced-revision"
"""On a pod: a new value makes kubelet sync its volumes now."""
BROUGHT_WITHIN: Final = timedelta(minutes=2)
"""kubelet looks at a pod's volumes by itself every minute or minute and a half."""
SELECTED: Final = "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!="
"""The field selector of pods that a kubelet has and that have not ended.

A pod is Pending while its init containers run, which may read the token: so this is not `status.phase=Running`.
"""


@dataclass(slots=True)
class Mounts:
    """The Secrets that one pod mounts, and the value of our annotation on it, which we change."""

    pod: str
    secrets: frozenset[str]
    synced: str | None
    namespace: str = ""


def mounts_of(pod: JSON) -> Mounts | None:
    """None where the pod mounts no Secret, or is one that `SELECTED` leaves out or that goes."""
    if (
        not pod.get("spec", {}).get("nodeName")
        or "deletionTimestamp" in pod["metadata"]
        or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    ):
        return None
    secrets = frozenset(name for volume in pod["spec"].get("volumes") or () for name in secrets_of(volume))
    if not secrets:
        return None
    meta = pod["metadata"]
    return Mounts(meta["name"], secrets, annotations_of(pod).get(SYNCED_REVISION), meta["namespace"])


def may_lag(issued: Issued, now: datetime) -> bool:
    """Whether kubelet may not have brought this token into all pods by itself yet."""
    return now - issued.access.created < BROUGHT_WITHIN


def must_touch(mounts: Mounts, secret: str, issued: Issued) -> bool:
    """Whether the pod mounts the Secret and is not known to be touched for this token."""
    return secret in mounts.secrets and mounts.synced != mark(issued)


def touch(mounts: Mounts, issued: Issued) -> JSON:
    """Merge this into the status subresource of the pod; `mounts` remembers it.

    The value has to change: another GitHubToken, or an earlier one of that name, may have left the same revision.
    """
    revision = str(issued.revision)
    mounts.synced = mark(issued) if mounts.synced == revision else revision
    return {"metadata": {"annotations": {SYNCED_REVISION: mounts.synced}}}


def secrets_of(volume: JSON) -> list[str]:
    """The names of the Secrets that a volume brings."""
    sources = (volume.get("projected") or {}).get("sources") or ()
    names = [(volume.get("secret") or {}).get("secretName"), *((it.get("secret") or {}).get("name") for it in sources)]
    return [name for name in names if name]
