"""The API server as an administrator sees it."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from localcluster import ControlPlane

Object = dict[str, Any]

WITHIN: Final = 45.0
"""Seconds until a condition must have come about; it usually takes a tenth of one."""
POLL: Final = 0.1
_PATHS: Final = {
    "Namespace": "/api/v1/namespaces",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "Event": "/api/v1/namespaces/{}/events",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "GitHubToken": "/apis/githubtoken.dev/v1alpha1/namespaces/{}/githubtokens",
    "GitHubApp": "/apis/githubtoken.dev/v1alpha1/namespaces/{}/githubapps",
    "ClusterGitHubApp": "/apis/githubtoken.dev/v1alpha1/clustergithubapps",
    "ClusterGitHubToken": "/apis/githubtoken.dev/v1alpha1/clustergithubtokens",
}


class Cluster:
    """The API server as an administrator sees it, without a client library in between."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        context = ssl.create_default_context(cafile=str(control_plane.ca_file))
        headers = {"Authorization": f"Bearer {control_plane.token}"}
        self._http = httpx.Client(base_url=control_plane.server, verify=context, headers=headers, timeout=30)

    def close(self) -> None:
        self._http.close()

    def send(self, method: str, kind: str, namespace: str, name: str = "", body: object = None) -> httpx.Response:
        path = _PATHS[kind].format(namespace) + (f"/{name}" if name else "")
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        deadline = time.monotonic() + WITHIN
        while True:
            answer = self._http.request(method, path, json=body, headers=headers)
            # So it answers for a moment after a CRD was changed ("storage is (re)initializing").
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                return answer
            time.sleep(POLL)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        answer = self.send("GET", kind, namespace, name)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _object(answer)

    def list(self, kind: str, namespace: str) -> list[Object]:
        items: list[Object] = _object(self.send("GET", kind, namespace))["items"]
        return items

    def create(self, manifest: Mapping[str, Any], namespace: str) -> Object:
        return _object(self.send("POST", manifest["kind"], namespace, body=manifest))

    def patch(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        return _object(self.send("PATCH", kind, namespace, name, patch))

    def delete(self, kind: str, namespace: str, name: str = "") -> None:
        """Deletes one object, or all of them; what is not there is deleted already."""
        answer = self.send("DELETE", kind, namespace, name)
        assert answer.is_success or answer.status_code == httpx.codes.NOT_FOUND, answer.text


def _object(answer: httpx.Response) -> Object:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    found: Object = answer.json()
    return found


@contextmanager
def new_namespace(cluster: Cluster, name: str | None = None, *, deleted: bool = False) -> Iterator[str]:
    """A namespace, by default with a name of its own. It is emptied at the end, or its deletion is asked for.

    A deletion costs the control plane as much as all else that a short test does: of each of 70 kinds it asks what is
    in there.
    """
    name = name or f"test-{secrets.token_hex(4)}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "")
    yield name
    if deleted:
        cluster.delete("Namespace", "", name)
    else:
        empty(cluster, name)


def empty(cluster: Cluster, namespace: str) -> None:
    """Asks for the deletion of all that an operator looks at in a namespace."""
    for kind in ("GitHubToken", "GitHubApp", "Secret"):
        cluster.delete(kind, namespace)
