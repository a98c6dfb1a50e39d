"""Pods of the operator, which intents name: when is the process that announced a rotation known to be gone?

    gone     there is no object of that name, or it is another one's (uid); or kubelet said that the pod has ended for
             good (`Failed`, `Succeeded`) and that each of its containers has terminated
    unknown  everything else, and so the intent is waited for: a pod that runs, ends, restarts its container (its
             journal may have the pair), or whose node does not answer; a phase that somebody else than kubelet wrote

An object that is gone does not prove that its process is. After a deletion by force kubelet may still be ending it, and
on a node that is cut off it goes on for as long as that lasts. What such a process can still do:

    send       no: who asks here holds the Lease, so the other's is over, and check B refuses; one that is frozen right
               after check B is the rest that every Lease has
    write      no: its ServiceAccount's token is bound to the pod, and the API server refuses it once the object is
               gone. Nobody can save a pair that it still gets, however long is waited
    receive    yes: its request may be under way when ours is sent. GitHub takes one of the two, and refuses the other
               without harm to the winner's pair

Where the API server lets it in all the same (for seconds, as it remembers tokens; or with other credentials), a late
pair is saved under its resourceVersion and makes a refusal void. So no pair is lost or overwritten by not waiting.

A predecessor in the same pod whose holder is another one (its journal was taken away) is not known to be gone: the pod
runs, and nothing tells it from a second process in it. It is waited for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

POD_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
POD_UID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_ENDED: Final = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod; a later one of the same name has another uid."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def read(cls, raw: object) -> Self | None:
        """The pod that an intent names; None where there is none, or no valid one: the name becomes part of a URL."""
        found = mapping(raw)
        parts = {key: str(found.get(key, "")) for key in ("namespace", "name", "uid")}
        rules = {"namespace": _NAMESPACE, "name": POD_NAME, "uid": POD_UID}
        return cls(**parts) if all(rules[key].fullmatch(text) for key, text in parts.items()) else None

    @property
    def content(self) -> dict[str, Any]:
        """What an intent says of it."""
        return {"namespace": self.namespace, "name": self.name, "uid": self.uid}


def is_gone(pod: Pod, found: JSON | None) -> bool:
    """Whether the pod is known to be gone, where `found` is what the API server has under its name."""
    if found is None or found["metadata"]["uid"] != pod.uid:
        return True
    status = found.get("status") or {}
    # The phase alone may be the work of the control plane, which has not asked a node that does not answer.
    containers = status.get("containerStatuses") or []
    terminated = bool(containers) and all("terminated" in (each.get("state") or {}) for each in containers)
    return status.get("phase") in _ENDED and terminated
