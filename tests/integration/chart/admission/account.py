"""The operator's account at the API server: what its rights and the admission policies let it do."""

from __future__ import annotations

import itertools
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from localcluster.operator_process import NAMESPACE, SERVICE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcluster import ControlPlane

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Account:
    """Requests under the operator's ServiceAccount; paths of resources are below `namespace`."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        token = control_plane.kubectl("create", "token", SERVICE_ACCOUNT, f"--namespace={NAMESPACE}").strip()
        self.namespace = namespace
        self._http = httpx.Client(
            base_url=control_plane.server,
            verify=ssl.create_default_context(cafile=str(control_plane.ca_file)),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def send(
        self,
        method: str,
        resource: str,
        body: object = None,
        *,
        group: str = "",
        content_type: str = "application/json",
    ) -> httpx.Response:
        """`resource` is `secrets/ci`, `pods/web/status`; `group` is `apps/v1`, and "" the core group.

        What begins with "cluster" is of no namespace.
        """
        prefix = f"/apis/{group}" if group else "/api/v1"
        query = "?fieldManager=test&force=true" if content_type == APPLY else ""
        where = "" if resource.startswith("cluster") else f"namespaces/{self.namespace}/"
        path = f"{prefix}/{where}{resource}{query}"
        return self._http.request(method, path, json=body, headers={"Content-Type": content_type})

    def patch(self, patch: dict[str, Any], resource: str = "pods/web/status", *, group: str = "") -> httpx.Response:
        return self.send("PATCH", resource, patch, group=group, content_type=MERGE)

    def close(self) -> None:
        self._http.close()


@contextmanager
def account_in(control_plane: ControlPlane, namespace: str) -> Iterator[Account]:
    """The account, whose connections are closed also where a fixture fails that waits for a policy."""
    account = Account(control_plane, namespace)
    try:
        yield account
    finally:
        account.close()


def wait_until_refused(ask: Callable[[str], httpx.Response]) -> None:
    """Asks for what a policy forbids until it does: the API server takes a moment to see a new one, and a new right.

    `ask` is given another text each time: what it wrote before the policy was in force changes nothing any more, and no
    policy refuses that.
    """
    deadline = time.monotonic() + 60
    for text in map(str, itertools.count(1000)):
        if (answer := ask(text)).status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            return
        assert time.monotonic() < deadline, f"the policy is not in force: {answer.text}"
        time.sleep(0.1)
