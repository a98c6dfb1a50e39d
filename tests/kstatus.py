"""What kstatus makes of a custom resource, by the rules that its README and its `Compute` document.

helm 4 (`--wait`), Flux and `kapp` go by it. Rules that say something end the search:

    deletionTimestamp                                          Terminating
    status.observedGeneration is not metadata.generation       InProgress
    the first of the conditions Reconciling=True, Stalled=True InProgress, Failed
    Ready=True; Ready of another status                        Current; InProgress
    nothing of all that                                        Current

https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CURRENT, IN_PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"


def kstatus(item: Mapping[str, Any]) -> str:
    """The status of an object as the API server has it."""
    meta, status = item["metadata"], item.get("status") or {}
    if meta.get("deletionTimestamp"):
        return TERMINATING
    if status.get("observedGeneration", meta.get("generation")) != meta.get("generation"):
        return IN_PROGRESS
    conditions = status.get("conditions") or []
    for found in conditions:
        if found["status"] == "True" and found["type"] in {"Reconciling", "Stalled"}:
            return IN_PROGRESS if found["type"] == "Reconciling" else FAILED
    ready = next((found["status"] for found in conditions if found["type"] == "Ready"), "True")
    return CURRENT if ready == "True" else IN_PROGRESS
