"""The pods that read the Secret, and which token each of them has, where that is known.

A file of a volume follows the Secret: within about a minute by kubelet itself, at once where the operator touched the
pod (`propagation: Immediate`). An environment variable, and a file mounted by `subPath`, are read once, when the
container starts, and stay as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal.checks import Check, cut, unseen
from githubtoken_operator.domain.consumer.mounts import SYNCED_REVISION, secrets_of
from githubtoken_operator.domain.objects.secrets import annotations_of
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

KUBELET: Final = timedelta(minutes=2)
"""After so long kubelet has brought a new Secret into a volume: it looks once a minute, and may have cached it."""


@dataclass(frozen=True, slots=True)
class Use:
    """How one pod reads a Secret; `started` is when the first container that reads it once did so."""

    pod: str
    follows: bool
    once: bool
    started: datetime | None
    touched: str


def use_of(pod: JSON, secret: str) -> Use | None:
    """None where the pod does not read the Secret."""
    spec = pod.get("spec") or {}
    volumes = {volume["name"] for volume in spec.get("volumes") or () if secret in secrets_of(volume)}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    mounts = [(each["name"], m) for each in containers for m in each.get("volumeMounts") or () if m["name"] in volumes]
    reading_once = {name for name, mount in mounts if mount.get("subPath") or mount.get("subPathExpr")}
    reading_once |= {each["name"] for each in containers if secret in _environment(each)}
    if not volumes and not reading_once:
        return None
    return Use(
        pod=pod["metadata"]["name"],
        follows=any(not (mount.get("subPath") or mount.get("subPathExpr")) for _, mount in mounts),
        once=bool(reading_once),
        started=_started(pod, reading_once),
        touched=str(annotations_of(pod).get(SYNCED_REVISION) or "").partition("/")[0],
    )


def checks(chain: Chain) -> list[Check]:
    """A line for each pod; one where none reads the Secret, or where pods may not be seen."""
    if chain.pods is None:
        return []
    found = chain.pods.found
    if isinstance(found, ApiError):
        return [unseen("Pods", found)]
    uses = [use for pod in found or () if (use := use_of(pod, chain.token.secret)) is not None]
    if not uses:
        return [Check("Pods", "ok", f"none reads Secret {chain.token.secret}")]
    judged = sorted((judge(use, chain) for use in uses), key=lambda check: (check.state == "ok", check.name))
    return cut(judged, "Pods")


def judge(use: Use, chain: Chain) -> Check:
    """Which token the pod has, by what is known of both."""
    name, status = f"Pod {use.pod}", chain.token.status
    issued, revision = parse_time(status.get("issuedTime")), str(status.get("revision", "?"))
    if issued is None:
        return Check(name, "ok", "reads it; there is no token yet")
    since_then = use.started is not None and use.started >= issued
    if use.once and since_then:
        return Check(name, "ok", f"read revision {revision} when it started")
    if use.once:
        restart = "restart it, mount a volume instead, or name its workload in `restartTargets`"
        return Check(name, "warning", f"read the token once, before revision {revision} was issued", restart)
    if use.touched == revision:
        return Check(name, "ok", f"mounts it; was told of revision {revision}")
    if not use.follows:
        return Check(name, "ok", "has it as a volume that no container mounts")
    if since_then or chain.now - issued >= KUBELET:
        return Check(name, "ok", f"mounts it; revision {revision} by now")
    return Check(name, "ok", f"mounts it; revision {revision} within a minute")


def _environment(container: JSON) -> Iterator[str]:
    for each in container.get("env") or ():
        yield str(((each.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name"))
    for each in container.get("envFrom") or ():
        yield str((each.get("secretRef") or {}).get("name"))


def _started(pod: JSON, containers: set[str]) -> datetime | None:
    """When the first of these containers started; the pod's own start where it is not known of any."""
    status = pod.get("status") or {}
    told = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    running = [(each.get("state") or {}).get("running") or {} for each in told if each["name"] in containers]
    times = [time for each in running if (time := parse_time(each.get("startedAt"))) is not None]
    return min(times, default=None) or parse_time(status.get("startTime"))
