"""What is done to the operator while its tokens are used.

A user token's rotation is hit in every step by the fault matrix (docs/fault-matrix.md), where an answer that nobody
else has can be lost. Here a kill waits for a moment in which no user token is being renewed, and asks for the renewal
of all installation tokens just before it.

Each returns, once two replicas are ready again, the moment (of `time.monotonic`) in which it struck.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from e2e.errors import TrialError
from e2e.manifests import NAMESPACE, SUBJECTS, Subject
from e2e.release import Release
from localcluster import ControlPlane
from localcluster.node.node import Node

REFRESH: Final = "githubtoken.dev/refresh-requested-at"
_CALM: Final = timedelta(seconds=5)
_WITHIN: Final = 120.0
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Stage:
    """What the disturbances act upon."""

    cluster: ControlPlane
    node: Node
    release: Release


def roll(stage: Stage) -> float:
    """A rolling update of the operator."""
    struck = time.monotonic()
    stage.release.restart()
    return struck


def kill_container(stage: Stage) -> float:
    """SIGKILL for the leader's container; kubelet starts it again in the same pod, with its journal."""
    leader, container, struck = _about_to_strike(stage)
    stage.node.kill_container(container)
    # Before that the pod's status still says that all is well.
    until(lambda: stage.release.container(leader) != container, "kubelet started the container again")
    stage.release.wait_available()
    return struck


def kill_pod(stage: Stage) -> float:
    """The leader goes as with its node: SIGKILL, its pod and journal gone, its Lease not released."""
    leader, container, struck = _about_to_strike(stage)
    stage.release.delete_now(leader)
    stage.node.kill_container(container)
    until(lambda: _leader(stage.release) != leader, "another replica leads")
    stage.release.wait_available()
    return struck


DISTURBANCES: Final[dict[str, Callable[[Stage], float]]] = {
    "rolling update": roll,
    "the leader's container killed": kill_container,
    "the leader's pod killed and gone": kill_pod,
}


def request_renewal(cluster: ControlPlane, subjects: Iterable[Subject]) -> None:
    """Asks for the renewal of all of them at once."""
    value = f"{REFRESH}={datetime.now(UTC).isoformat()}"
    names = [f"{subject.resource}/{subject.name}" for subject in subjects]
    cluster.kubectl("annotate", "--overwrite", *names, value, f"--namespace={NAMESPACE}")


def found_in(cluster: ControlPlane, subject: Subject) -> Any:  # noqa: ANN401 - the object as JSON
    """The object of a cell as it is."""
    return cluster.get(subject.resource, subject.name, f"--namespace={NAMESPACE}")


def _about_to_strike(stage: Stage) -> tuple[str, str, float]:
    """The leader's pod, its container, and the moment, once nothing is under way."""
    leader = _leader(stage.release)
    container = stage.release.container(leader)
    _calm(stage)
    return leader, container, time.monotonic()


def _calm(stage: Stage) -> None:
    """Returns when no user token is about to be renewed, and all installation tokens are."""
    until(lambda: _is_calm(stage.cluster), "no user token was about to be renewed")
    request_renewal(stage.cluster, (subject for subject in SUBJECTS if subject.kind == "installation"))


def _is_calm(cluster: ControlPlane) -> bool:
    soon = datetime.now(UTC) + _CALM
    users = [found_in(cluster, each) for each in SUBJECTS if each.kind == "user"]
    renewals = [user["status"].get("renewalTime") for user in users]
    return all(renewal is not None and datetime.fromisoformat(renewal) > soon for renewal in renewals)


def _leader(release: Release) -> str:
    until(lambda: bool(release.leader()), "a replica led")
    return release.leader()


def until(done: Callable[[], bool], what: str) -> None:
    """Waits for it. Raises `TrialError` where it takes too long."""
    deadline = time.monotonic() + _WITHIN
    while not done():
        if time.monotonic() > deadline:
            raise TrialError(f"it took longer than {_WITHIN:.0f} s until {what}")
        time.sleep(_POLL_SECONDS)
