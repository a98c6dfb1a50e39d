"""Which token a pod has, by how it reads the Secret and when it began."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.pods import Use, use_of
from githubtoken_operator.commands.terminal.checks import Check, Look
from tests.unit.builders import NOW
from tests.unit.commands.chain.chains import DENIED, walked
from tests.unit.commands.snapshots import at, snapshot

FILES: dict[str, Any] = {"volumes": [{"name": "v", "secret": {"secretName": "ci"}}]}
PROJECTED: dict[str, Any] = {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "ci"}}]}}]}
MOUNT: dict[str, Any] = {"volumeMounts": [{"name": "v", "mountPath": "/t"}]}
SUB_PATH: dict[str, Any] = {"volumeMounts": [{"name": "v", "mountPath": "/t/token", "subPath": "token"}]}
ENV: dict[str, Any] = {"env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "ci", "key": "token"}}}]}
ENV_FROM: dict[str, Any] = {"envFrom": [{"secretRef": {"name": "ci"}}]}
ISSUED = at(-timedelta(minutes=1))
BEFORE, AFTER = at(-timedelta(minutes=30)), at(-timedelta(seconds=20))


def pod(container: Any, *, started: str = BEFORE, touched: str = "", **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    notes = {"annotations": {"githubtoken.dev/synced-revision": touched}} if touched else {}
    status = {
        "startTime": BEFORE,
        "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": started}}}],
    }
    containers = [{"name": "main", "image": "example.com/main", **container}]
    return {"metadata": {"name": "web", **notes}, "spec": {"containers": containers, **spec}, "status": status}


def judged(*pods: dict[str, Any], issued: str | None = ISSUED) -> list[Check]:
    found: list[dict[str, Any]] | ApiError = list(pods)
    checks = walked(snapshot(status={"issuedTime": issued}), pods=Look(found))
    return [check for name, check in checks.items() if name.startswith("Pod")]


@pytest.mark.parametrize(
    ("body", "state", "says"),
    [
        (pod(MOUNT, **FILES), "ok", "mounts it; revision 3 within a minute"),
        (pod(MOUNT, **PROJECTED), "ok", "mounts it; revision 3 within a minute"),
        (pod(MOUNT, touched="3/abc", **FILES), "ok", "mounts it; was told of revision 3"),
        (pod(MOUNT, touched="2", **FILES), "ok", "mounts it; revision 3 within a minute"),
        (pod(SUB_PATH, **FILES), "warning", "read the token once, before revision 3 was issued"),
        (pod(SUB_PATH, started=AFTER, **FILES), "ok", "read revision 3 when it started"),
        (pod(ENV), "warning", "read the token once, before revision 3 was issued"),
        (pod(ENV_FROM), "warning", "read the token once, before revision 3 was issued"),
        (pod(ENV, started=AFTER), "ok", "read revision 3 when it started"),
        (pod({}, **FILES), "ok", "has it as a volume that no container mounts"),
    ],
)
def test_a_pod_says_which_token_it_has(body: dict[str, Any], state: str, says: str) -> None:
    (check,) = judged(body)
    assert (check.name, check.state, check.says) == ("Pod web", state, says)


def test_after_two_minutes_kubelet_has_brought_a_token_into_every_volume() -> None:
    (check,) = judged(pod(MOUNT, **FILES), issued=at(-timedelta(minutes=3)))
    assert check.says == "mounts it; revision 3 by now"


def test_a_pod_that_waits_for_the_first_token_has_none() -> None:
    (check,) = judged(pod(MOUNT, **FILES), issued=None)
    assert check.says == "reads it; there is no token yet"


@pytest.mark.parametrize("container", [{}, {"env": [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {}}]}])
def test_a_pod_that_does_not_read_the_secret_is_none_of_it(container: dict[str, Any]) -> None:
    other: dict[str, Any] = {
        "volumes": [{"name": "v", "secret": {"secretName": "other"}}, {"name": "w", "emptyDir": {}}]
    }
    assert use_of(pod(container, **other), "ci") is None
    (check,) = judged(pod(container, **other))
    assert check.says == "none reads Secret ci"


def test_a_container_that_does_not_run_counts_from_the_start_of_its_pod() -> None:
    body = pod(ENV)
    body["status"]["containerStatuses"] = [{"name": "main", "state": {"waiting": {}}}]
    assert use_of(body, "ci") == Use("web", follows=False, once=True, started=NOW - timedelta(minutes=30), touched="")


def test_many_pods_are_cut_and_the_stale_ones_stand_first() -> None:
    fresh = [pod(MOUNT, **FILES) for _ in range(30)]
    for number, body in enumerate(fresh):
        body["metadata"] = {"name": f"web-{number:02}"}
    found = judged(*fresh, pod(ENV))
    assert (found[0].name, found[0].state) == ("Pod web", "warning")
    assert (found[-1].name, found[-1].says, len(found)) == ("Pods", "and 11 more", 21)


def test_pods_that_may_not_be_listed_are_told_in_their_place() -> None:
    check = walked(pods=Look(DENIED))["Pods"]
    assert (check.state, check.says) == ("unknown", "not readable for you (User x cannot get it)")
