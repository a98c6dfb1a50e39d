"""When a pod is known to be gone, and what an intent may say of one."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.user.pod import Pod, is_gone
from tests.unit.builders import NAMESPACE, pod_body

POD = Pod(NAMESPACE, "operator-a", "uid-pod-a")
TERMINATED = {"name": "operator", "state": {"terminated": {"exitCode": 137}}}
RUNNING = {"name": "operator", "state": {"running": {}}}
WAITING = {"name": "operator", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}


def ending() -> dict[str, Any]:
    body = pod_body()
    body["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    return body


@pytest.mark.parametrize(
    ("found", "gone"),
    [
        pytest.param(None, True, id="there is none"),
        pytest.param(pod_body(uid="uid-of-a-later-one"), True, id="a later one has its name"),
        pytest.param(pod_body(phase="Failed", containerStatuses=[TERMINATED]), True, id="evicted"),
        pytest.param(pod_body(phase="Succeeded", containerStatuses=[TERMINATED]), True, id="ended"),
        pytest.param(pod_body(), False, id="it runs"),
        pytest.param(ending(), False, id="it is asked to end, and may be saving a pair"),
        pytest.param(pod_body(phase="Running", containerStatuses=[TERMINATED]), False, id="its container comes back"),
        pytest.param(pod_body(phase="Running", containerStatuses=[WAITING]), False, id="its container crashes"),
        pytest.param(pod_body(phase="Failed"), False, id="failed, as the control plane says of a node that is away"),
        pytest.param(
            pod_body(phase="Failed", containerStatuses=[TERMINATED, RUNNING]), False, id="failed, and half of it runs"
        ),
        pytest.param(pod_body(phase="Failed", containerStatuses=[]), False, id="failed, and nothing of containers"),
        pytest.param(pod_body(phase="Unknown"), False, id="unknown"),
        pytest.param(pod_body() | {"status": {}}, False, id="no status yet"),
    ],
)
def test_a_pod_is_known_to_be_gone(found: dict[str, Any] | None, *, gone: bool) -> None:
    assert is_gone(POD, found) is gone


def test_a_pod_is_read_as_it_was_written() -> None:
    assert Pod.read(POD.content) == POD


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(None, id="none"),
        pytest.param("operator-a/uid", id="a text"),
        pytest.param({"name": "operator-a", "uid": "u"}, id="no namespace"),
        pytest.param({**POD.content, "uid": ""}, id="no uid"),
        pytest.param({**POD.content, "name": "../secrets/x"}, id="a path as a name"),
        pytest.param({**POD.content, "namespace": "a/b"}, id="a path as a namespace"),
        pytest.param({**POD.content, "name": "a?b"}, id="a query as a name"),
        pytest.param({**POD.content, "name": ["a"]}, id="a list as a name"),
    ],
)
def test_what_is_no_pod_is_none(raw: object) -> None:
    assert Pod.read(raw) is None
