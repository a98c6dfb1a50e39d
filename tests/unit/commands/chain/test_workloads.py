"""Whether a workload of `restartTargets` has the present token."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.terminal.checks import Check, Look
from tests.unit.commands.chain.chains import DENIED, walked
from tests.unit.commands.snapshots import snapshot

DIGEST = hashlib.sha256(b"a token")
PRESENT = f"3/{DIGEST.hexdigest()[:12]}"


def workload(mark: str | None, *, replicas: int = 2, new: int = 2, seen: int = 4) -> dict[str, Any]:
    notes = {"githubtoken.dev/restarted-for": json.dumps({"ci": mark})} if mark else {}
    return {
        "metadata": {"name": "web", "generation": 4, "annotations": notes},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": seen, "updatedReplicas": new},
    }


def judged(found: dict[str, Any] | ApiError | None, **status: Any) -> Check:  # noqa: ANN401 - fields of any kind
    sha = base64.b64encode(DIGEST.digest()).decode()
    token = snapshot(status={"tokenSHA256": sha, **status}, restartTargets=[{"kind": "Deployment", "name": "web"}])
    return walked(token, workloads=[("Deployment web", Look(found))])["Deployment web"]


@pytest.mark.parametrize(
    ("found", "state", "says"),
    [
        (workload(PRESENT), "ok", "has revision 3"),
        (workload(PRESENT, new=1), "warning", "rolls out for revision 3: 1 of 2 pods are new"),
        (workload(PRESENT, seen=3), "warning", "rolls out for revision 3: 2 of 2 pods are new"),
        (workload("2/abc"), "warning", "was not restarted for revision 3 yet (revision 2 was the last)"),
        (workload("3/abc"), "warning", "was not restarted for revision 3 yet (revision 3 was the last)"),
        (workload(None), "warning", "was not restarted for revision 3 yet"),
        (None, "failed", "is not there"),
        (DENIED, "unknown", "not readable for you (User x cannot get it)"),
    ],
)
def test_a_workload_says_which_token_its_pods_have(
    found: dict[str, Any] | ApiError | None, state: str, says: str
) -> None:
    check = judged(found)
    assert (check.state, check.says) == (state, says)


def test_a_daemon_set_counts_its_nodes() -> None:
    daemons = workload(PRESENT)
    daemons["status"] = {"observedGeneration": 4, "desiredNumberScheduled": 3, "updatedNumberScheduled": 1}
    assert judged(daemons).says == "rolls out for revision 3: 1 of 3 pods are new"


def test_nothing_is_restarted_for_a_token_that_is_not_there() -> None:
    assert judged(workload(None), revision=None).says == "is there; there is no token yet"


def test_an_annotation_that_somebody_spoilt_is_no_restart() -> None:
    spoilt = workload(None)
    spoilt["metadata"]["annotations"] = {"githubtoken.dev/restarted-for": "["}
    assert judged(spoilt, tokenSHA256="not base64").says == "was not restarted for revision 3 yet"
