"""The operator's pods: its own, which its intents name, and whether another's is known to be gone.

A process names its pod only where the API server has shown it that very pod. So an absent pod is one that was there,
and not one of another cluster, another namespace or a wrong flag. For the same reason nothing is concluded of a pod in
another namespace, which is an installation of its own. What "gone" means stands in `domain.user.pod`.
"""

from __future__ import annotations

import logging
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.domain.user.pod import Pod, is_gone

_NO_RIGHT: Final = "give the ServiceAccount the right to get pods in the operator's namespace (deploy/rbac)"
_NOT_OURS: Final = "it is not there: --operator-namespace, --pod-name and --pod-uid must be those of this very pod"

logger = logging.getLogger(__name__)


class Pods:
    """Asks for pods in the operator's namespace. `own` is the pod of this process, None where it has none."""

    def __init__(self, cluster: Cluster, namespace: str, *, own: Pod | None = None) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.own: Final = own
        self._gone: set[Pod] = set()
        self._said = ""

    async def gone(self, pod: Pod) -> bool:
        """Whether the pod is known to be gone, for ever; where it cannot be asked for, nothing is known."""
        if pod.namespace != self._namespace:
            return False
        if pod not in self._gone:
            try:
                found = await self._cluster.read(Kind.POD, pod.namespace, pod.name)
            except ApiError as error:
                self._warn(f"it is not known whether pod {pod} is gone: {_words(error)}")
                return False
            if not is_gone(pod, found):
                return False
            logger.info("pod %s is gone: a rotation that it announced is not waited for", pod)
            self._gone.add(pod)
        return True

    def _warn(self, text: str) -> None:
        """Logs what is new: a wait asks again and again."""
        if text != self._said:
            self._said = text
            logger.warning("%s", text)


async def own_pod(cluster: Cluster, pod: Pod | None) -> Pod | None:
    """The pod that the process was told to be in, once the API server has shown it; else None, with a warning."""
    if pod is None:
        return None
    try:
        found = await cluster.read(Kind.POD, pod.namespace, pod.name)
        if found is not None and found["metadata"]["uid"] == pod.uid:
            return pod
        why = _NOT_OURS
    except ApiError as error:
        why = _words(error)
    logger.warning(
        "pod %s cannot be seen, so a rotation of this process is waited for if the pod goes in the middle of it: %s",
        pod,
        why,
    )
    return None


def _words(error: ApiError) -> str:
    return f"{error.message}; {_NO_RIGHT}" if isinstance(error, Forbidden) else error.message
