"""What one test lives in: what it makes is looked at and waited for here.

At its end it looks for secrets where none may be: in the operator's log, in events, and in the status and annotations
of everything in the namespace.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from github_simulator.control_client import App, Ledger, Request
from github_simulator.process import SimulatorProcess
from githubtoken_operator.domain.vocabulary.redaction import redact
from localcluster.operator_process import OperatorProcess
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE, Belongings
from tests.integration.operator.stage.cluster import POLL, WITHIN, Cluster, Object, empty
from tests.integration.operator.stage.conditions import Ready, ready_of
from tests.integration.operator.stage.leaks import find_secrets


@dataclass
class World(Belongings):
    """A namespace on the API server, Apps at the simulator, and an operator."""

    _log_start: int = 0
    shared: ClassVar[bool] = False
    """Whether a token is had for other namespaces too."""

    def __post_init__(self) -> None:
        self._log_start = self.operator.log.stat().st_size

    def pod(self, name: str, *volumes: Object) -> None:
        """A pod of a node that there is not: nothing runs, and its object can be looked at."""
        spec = {
            "nodeName": "nowhere",
            "volumes": [{"name": f"volume-{number}", **volume} for number, volume in enumerate(volumes)],
            "containers": [{"name": "main", "image": "example.com/main"}],
        }
        # The API server takes no pod before the controller has made the account of a new namespace.
        self.wait_until(lambda: self.get("ServiceAccount", "default"), "the account of pods")
        self.cluster.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}, self.namespace
        )

    # --- looking at things -------------------------------------------------------------------------------------------

    def get(self, kind: str, name: str) -> Object | None:
        return self.cluster.get(kind, self.namespace, name)

    def called(self, name: str) -> str:
        """What messages call a GitHubToken."""
        return f"GitHubToken `{name}`"

    def addressed(self, name: str) -> tuple[str, ...]:
        """What `githubtoken` is told for a GitHubToken."""
        return (name, "-n", self.namespace)

    def owner_of(self, secret: Object) -> str:
        """The GitHubToken that a Secret's annotation names."""
        return str(secret["metadata"]["annotations"]["githubtoken.dev/name"])

    def series(self, name: str) -> str:
        """The labels of an object in the metrics."""
        return f'name="{name}",namespace="{self.namespace}"'

    def found(self, name: str = "ci", *, kind: str = "GitHubToken") -> Object:
        """An object that is there."""
        found = self.get(kind, name)
        assert found is not None
        return found

    def status(self, name: str = "ci", *, kind: str = "GitHubToken") -> Object:
        status: Object = (self.get(kind, name) or {}).get("status", {})
        return status

    def ready(self, name: str = "ci", *, kind: str = "GitHubToken") -> Ready:
        return ready_of(self.get(kind, name) or {})

    def data(self, name: str) -> dict[str, str]:
        """The keys of a Secret as text, empty where there is no Secret. Tokens seen here are canaries from now on."""
        return self.data_in(*self.kept(name))

    def kept(self, name: str) -> tuple[str, str]:
        """Namespace and name of a Secret in the cluster."""
        return self.namespace, name

    def data_in(self, namespace: str, name: str) -> dict[str, str]:
        """The same in any namespace."""
        found = (self.cluster.get("Secret", namespace, name) or {}).get("data") or {}
        decoded = {key: base64.b64decode(value).decode() for key, value in found.items()}
        self.canaries += [decoded[key] for key in ("token", "refresh_token", "device_code") if decoded.get(key)]
        self.canaries += [line for line in decoded.get("tls.key", "").splitlines() if len(line) > 40]
        return decoded

    def events(self, name: str = "ci", *, kind: str = "GitHubToken", reason: str | None = None) -> list[Object]:
        """The events about an object, oldest first."""
        about = [
            event
            # Kubernetes keeps events about cluster-scoped objects in `default`.
            for event in self.cluster.list("Event", "default" if kind.startswith("Cluster") else self.namespace)
            if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == (kind, name)
            and reason in {None, event["reason"]}
        ]
        return sorted(about, key=lambda event: event["metadata"]["creationTimestamp"])

    def wait_events(
        self, name: str = "ci", count: int = 1, *, kind: str = "GitHubToken", reason: str | None = None
    ) -> list[Object]:
        """The same, once there are so many: what status tells is told by an event a moment later."""
        self.wait_until(lambda: len(self.events(name, kind=kind, reason=reason)) >= count, f"{count} events")
        return self.events(name, kind=kind, reason=reason)

    def requests(self, *operations: str, app: App | None = None) -> list[Request]:
        """Requests to GitHub of this world's Apps and of Apps that GitHub does not know, or those of one App."""
        whose = {app.id, app.client_id} if app else {*self._identities, None}
        return [
            request
            for request in self.github.ledger().requests
            if (request.app_id if request.app_id is not None else request.client_id) in whose
            and (not operations or request.operation in operations)
        ]

    def ledger(self) -> Ledger:
        return self.github.ledger()

    def double_spends(self) -> int:
        return sum(spend.app_id in self._identities for spend in self.ledger().double_spends)

    def log(self) -> str:
        """What the operator has logged since this world began."""
        with self.operator.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode()

    def logged(self) -> list[Object]:
        """The operator's log lines about this namespace."""
        lines = [line for line in self.log().splitlines() if self.namespace in line]
        return [json.loads(line) if line.startswith("{") else {"message": line} for line in lines]

    # --- waiting -----------------------------------------------------------------------------------------------------

    def wait_for(
        self,
        name: str,
        condition: Callable[[Object], object],
        *,
        kind: str = "GitHubToken",
        within: float = WITHIN,
    ) -> Object:
        """The object as soon as the condition holds for it; a missing one is `{}`."""
        deadline = time.monotonic() + within
        while True:
            found = self.get(kind, name) or {}
            if condition(found):
                return found
            if time.monotonic() > deadline:
                raise AssertionError(self._tell(kind, name, found))
            time.sleep(POLL)

    def wait_ready(self, name: str = "ci", *, revision: int = 1, **options: Any) -> Object:  # noqa: ANN401
        """Waits until the token is ready, at the revision or a later one."""
        return self.wait_for(
            name,
            lambda token: ready_of(token).status == "True" and token["status"].get("revision", 1) >= revision,
            **options,
        )

    def ready_token(self) -> App:
        """An App, and its GitHubToken `ci` once that is ready."""
        app = self.app()
        self.installation_token()
        self.wait_ready()
        return app

    def ready_user(self) -> App:
        """An App, and the GitHubToken `alice` of its user once that is ready."""
        app = self.app()
        self.user_token(seed=self.sign_in(app))
        self.wait_ready("alice")
        return app

    def wait_reason(self, name: str, reason: str, **options: Any) -> Ready:  # noqa: ANN401
        """Waits until the object is not ready for that reason."""
        return ready_of(
            self.wait_for(
                name, lambda found: ready_of(found).status == "False" and ready_of(found).reason == reason, **options
            )
        )

    def wait_failing(self, name: str = "ci", **options: Any) -> Ready:  # noqa: ANN401
        """Waits until the token is ready although the next one cannot be had."""
        return ready_of(self.wait_for(name, lambda found: "; refresh failing: " in ready_of(found).message, **options))

    def wait_until(self, condition: Callable[[], object], what: str, *, within: float = WITHIN) -> None:
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come about"
            time.sleep(POLL)

    def wait_struck(self, fault: int, what: str) -> None:
        """Waits until a request has met this fault, which strikes once and is gone then."""
        self.wait_until(lambda: all(found["id"] != fault for found in self.github.faults()), what)

    def settle(self, seconds: float = 1.5) -> None:
        """Gives the operator time to do what it must not do."""
        time.sleep(seconds)

    def _tell(self, kind: str, name: str, found: Object) -> str:
        events = [(event["reason"], event["message"]) for event in self.events(name, kind=kind)[-5:]]
        requests = [(request.operation, request.status, request.error) for request in self.requests()[-10:]]
        log = [line.get("message") for line in self.logged()[-10:]]
        shown = {"status": found.get("status"), "events": events, "requests": requests, "log": log}
        return redact(f"{kind} {name} did not come to that: {json.dumps(shown, indent=1)}")

    # --- the end -----------------------------------------------------------------------------------------------------

    def leaks(self) -> list[str]:
        """Where a secret stands that must not, as text that does not repeat it."""
        for secret in self.cluster.list("Secret", self.namespace):
            self.data(secret["metadata"]["name"])
        kept = [secret["metadata"] for secret in self.cluster.list("Secret", self.home)]
        for meta in kept:
            if self.namespace in meta["name"]:
                self.data_in(self.home, meta["name"])
        places: dict[str, str] = {"the log": self.log()}
        for kind in ("GitHubToken", "GitHubApp", "Event"):
            for item in self.cluster.list(kind, self.namespace):
                places[f"{kind} {item['metadata']['name']}"] = json.dumps(item)
        for name in self.cluster_tokens:
            places[f"ClusterGitHubToken {name}"] = json.dumps(self.get("ClusterGitHubToken", name))
            places[f"events of {name}"] = json.dumps(self.events(name, kind="ClusterGitHubToken"))
        for namespace in self.namespaces:
            places[f"events in {namespace}"] = json.dumps(self.cluster.list("Event", namespace))
            for secret in self.cluster.list("Secret", namespace):
                places[f"metadata of a Secret in {namespace}"] = json.dumps(secret["metadata"])
        for name in self.cluster_apps:
            places[f"ClusterGitHubApp {name}"] = json.dumps(self.get("ClusterGitHubApp", name))
            places[f"events of {name}"] = json.dumps(self.events(name, kind="ClusterGitHubApp"))
        for secret in self.cluster.list("Secret", self.namespace):
            places[f"metadata of Secret {secret['metadata']['name']}"] = json.dumps(secret["metadata"])
        places["the metrics"] = self.operator.metrics() if self.operator.process.poll() is None else ""
        return [f"{place} has {what}" for place, text in places.items() for what in find_secrets(text, self.canaries)]


@contextmanager
def world_in(
    cluster: Cluster,
    simulator: SimulatorProcess,
    operator: OperatorProcess,
    namespace: str,
    make: Callable[..., World] = World,
    *,
    home: str = OPERATOR_NAMESPACE,
) -> Iterator[World]:
    """A world; at its end nothing of it is left to do for the operator, and no secret has shown.

    `home` is the operator's namespace.
    """
    simulator.control.reset_ledger()
    world = make(cluster, namespace, simulator, operator, home)
    try:
        yield world
        leaks = world.leaks()
    finally:
        simulator.control.clear_faults()
        cluster.delete("GitHubToken", namespace)
        cluster.delete("GitHubApp", namespace)
        for name in world.cluster_tokens:
            cluster.delete("ClusterGitHubToken", "", name)
        for name in world.namespaces:
            empty(cluster, name)
        for name in world.cluster_apps:
            cluster.delete("ClusterGitHubApp", "", name)
        for secret in cluster.list("Secret", home):
            if namespace in secret["metadata"]["name"]:
                cluster.delete("Secret", home, secret["metadata"]["name"])
    assert leaks == []
