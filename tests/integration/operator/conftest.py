"""A world for each test: a namespace on the real API server, Apps at the simulator, and the operator as a process.

API server, simulator and operator are shared by the tests of a worker; each test has a namespace and Apps of its own.
After each test the world looks for secrets where none may be: in the operator's log, in events, and in the status and
annotations of everything in the namespace.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from github_simulator.control_client import App, Control, Installation, Ledger, Request
from github_simulator.process import SimulatorProcess
from githubtoken_operator.domain.vocabulary.redaction import redact
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import OperatorProcess, operator_kubeconfig, running_operator, start_operator

REPOSITORY: Final = Path(__file__).parents[3]
WITHIN: Final = 45.0
"""Seconds until a condition must have come about; it usually takes a tenth of one."""
POLL: Final = 0.1
RIGHTS: Final = (REPOSITORY / "deploy" / "rbac", REPOSITORY / "deploy" / "optional")
"""The rights that the chart can give, the optional ones included."""
ALLOWED_HOSTS: Final = ("--allowed-hosts", "127.0.0.1,localhost")

Object = dict[str, Any]

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
OPERATOR_NAMESPACE: Final = "default"
"""Where the operator looks for the Secrets of ClusterGitHubApps, and keeps what ClusterGitHubTokens keep."""
_NUMBERS = itertools.count(1)

_TOKEN: Final = re.compile(
    r"gh[oprsu]_\w{8,}|github_pat_\w{8,}|eyJ[\w-]{8,}\.eyJ|PRIVATE KEY-----|hv[sbr]\.[\w-]{20,}|(?<![\w.])s\.\w{24}\b"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{16,}")


def pem(
    *, password: bytes | None = None, form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL
) -> str:
    """A new RSA key in PEM."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(serialization.Encoding.PEM, form, protection)
        .decode()
    )


_KEY: Final = pem()
"""One key for most Apps: making one takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The `Ready` condition."""

    status: str
    reason: str
    message: str


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


@dataclass
class World:
    """What one test lives in. Names are of objects in its namespace."""

    cluster: Cluster
    namespace: str
    simulator: SimulatorProcess
    operator: OperatorProcess
    home: str = OPERATOR_NAMESPACE
    canaries: list[str] = field(default_factory=list, repr=False)
    cluster_apps: list[str] = field(default_factory=list)
    cluster_tokens: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    _identities: set[int | str | None] = field(default_factory=set)
    _log_start: int = 0
    shared: ClassVar[bool] = False
    """Whether a token is had for other namespaces too."""

    def __post_init__(self) -> None:
        self._log_start = self.operator.log.stat().st_size

    @property
    def github(self) -> Control:
        return self.simulator.control

    @property
    def account(self) -> str:
        """An organisation of this test alone."""
        return f"acme-{self.namespace}"

    # --- making things -----------------------------------------------------------------------------------------------

    def register(self, *, own_key: bool = False, **settings: Any) -> App:  # noqa: ANN401 - the simulator's settings
        """An App at the simulator, not yet known to the cluster."""
        key: dict[str, Any] = {} if own_key else {"private_key": _KEY}
        app = self.github.create_app(f"bot-{self.namespace}-{next(_NUMBERS)}", **key, **settings)
        self.canaries += [app.client_secret, *(line for line in (app.private_key or "").splitlines() if len(line) > 40)]
        return app

    def install(self, app: App, **settings: Any) -> Installation:  # noqa: ANN401 - the simulator's settings
        return self.github.install(
            app, self.account, **{"repositories": ["website", "api"], "permissions": {"contents": "write"}, **settings}
        )

    def app(self, name: str = "acme", *, installed: bool = True, **settings: Any) -> App:  # noqa: ANN401 - as above
        """An App at the simulator, installed on `account`, with its Secret and GitHubApp."""
        app = self.register(**settings)
        if installed:
            self.install(app)
        self.app_secret(app, f"{name}-app")
        self.github_app(app, name)
        return app

    def app_secret(
        self, app: App, name: str = "acme-app", *, namespace: str | None = None, **changes: str | None
    ) -> None:
        """The Secret of an App; keys are given with `_` for `-` and `.`, and None leaves one out."""
        data = {"private-key.pem": app.private_key, "client-secret": app.client_secret}
        data |= {
            {"private_key_pem": "private-key.pem", "client_secret": "client-secret"}[k]: v for k, v in changes.items()
        }
        present = {key: value for key, value in data.items() if value is not None}
        self.secret(name, present, role="app", namespace=namespace)

    def cluster_app(self, app: App, name: str | None = None, **spec: Any) -> str:  # noqa: ANN401 - fields of any kind
        """A ClusterGitHubApp with its Secret in the operator's namespace, named as nobody else's."""
        name = name or f"acme-{self.namespace}"
        self.cluster_apps.append(name)
        self.app_secret(app, f"{name}-app", namespace=self.home)
        self.github_app(app, name, kind="ClusterGitHubApp", **spec)
        return name

    def github_app(self, app: App, name: str = "acme", *, kind: str = "GitHubApp", **spec: Any) -> None:  # noqa: ANN401
        """A GitHubApp; a field that is None is left out."""
        whole = {
            "appID": app.id,
            "clientID": app.client_id,
            "privateKeySecretRef": {"name": f"{name}-app"},
            "clientSecretSecretRef": {"name": f"{name}-app"},
            "apiURL": self.simulator.api_url,
            "webURL": self.simulator.web_url,
            **spec,
        }
        self._identities |= {app.id, app.client_id, *(whole[key] for key in ("appID", "clientID") if whole[key])}
        self.create(kind, name, {key: value for key, value in whole.items() if value is not None})

    def installation_token(
        self,
        name: str = "ci",
        *,
        app: str = "acme",
        secret: Object | None = None,
        **source: Any,  # noqa: ANN401
    ) -> None:
        """A GitHubToken of the installation on `account`, or of what `source` says."""
        selected = {"id", "owner", "repository", "enterprise"} & source.keys()
        installation = source if selected else {"owner": self.account, **source}
        self.token(
            name, {"appRef": {"name": app}, "installation": installation, **({"secret": secret} if secret else {})}
        )

    def user_token(self, name: str = "alice", *, app: str = "acme", seed: str | None = None) -> None:
        """A GitHubToken of a user, and the Secret with its seed if there is one."""
        if seed is not None:
            self.seed(name, seed)
        self.token(name, {"appRef": {"name": app}, "user": {"seedSecretRef": {"name": f"{name}-seed"}}})

    def seed(self, name: str, refresh_token: str) -> None:
        """The seed's Secret of a user token, made or changed."""
        self.secret(f"{name}-seed", {"refresh_token": refresh_token}, role="seed")

    def sign_in(self, app: App, user: str = "alice", **settings: Any) -> str:  # noqa: ANN401 - the simulator's
        """A refresh token of a fresh sign-in."""
        refresh_token = self.github.sign_in(app, user, **settings).refresh_token
        assert refresh_token is not None
        self.canaries.append(refresh_token)
        return refresh_token

    def made_by_hand(self, user: str = "alice", *, life: float | None = 30 * 86400, **settings: Any) -> str:  # noqa: ANN401
        """A personal token that a human made at GitHub."""
        token = self.github.create_personal_token(user, life=life, **settings)
        self.canaries.append(token)
        return token

    def personal_token(self, token: str | None, name: str = "robot", *, role: str | None = "seed", **spec: Any) -> None:  # noqa: ANN401
        """A GitHubToken for the personal token in Secret `NAME-pat`, and that Secret if there is a token."""
        if token is not None:
            self.secret(f"{name}-pat", {"token": token}, role=role)
        urls = {"apiURL": self.simulator.api_url, "webURL": self.simulator.web_url}
        self.token(name, {"personal": {"secretRef": {"name": f"{name}-pat"}, **urls}, **spec})

    def token(self, name: str, spec: Mapping[str, Any]) -> None:
        self.create("GitHubToken", name, spec)

    def cluster_token(self, spec: Mapping[str, Any], name: str | None = None) -> str:
        """A ClusterGitHubToken, named as nobody else's."""
        name = name or f"pull-{self.namespace}"
        self.cluster_tokens.append(name)
        self.create("ClusterGitHubToken", name, spec)
        return name

    def another_namespace(self, suffix: str, **labels: str) -> str:
        """A namespace beside the test's own, with these labels and one that names the test."""
        name = f"{self.namespace}-{suffix}"
        labels = {"test": self.namespace, **labels}
        self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, "")
        self.namespaces.append(name)
        return name

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        manifest = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.cluster.create(manifest, self.namespace)

    def secret(
        self,
        name: str,
        data: Mapping[str, str],
        *,
        role: str | None = None,
        annotations: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        """A Secret of somebody else than the operator; one that is there is replaced."""
        where = namespace or self.namespace
        labels = {"githubtoken.dev/role": role} if role else {}
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": labels, "annotations": dict(annotations or {})},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }
        if self.cluster.get("Secret", where, name) is None:
            self.cluster.create(manifest, where)
        else:
            self.cluster.send("PUT", "Secret", where, name, manifest).raise_for_status()

    def secret_key(self, name: str, key: str, value: str) -> None:
        """Somebody changes one key of a Secret."""
        self.patch(name, {"data": {key: base64.b64encode(value.encode()).decode()}}, kind="Secret")

    def patch(self, name: str, patch: Mapping[str, Any], *, kind: str = "GitHubToken") -> None:
        self.cluster.patch(kind, self.namespace, name, patch)

    def change(self, name: str, *, kind: str = "GitHubToken", **spec: Any) -> None:  # noqa: ANN401 - fields of any kind
        """Changes fields of a spec."""
        self.patch(name, {"spec": spec}, kind=kind)

    def annotate(self, name: str, *, kind: str = "GitHubToken", **annotations: str | None) -> None:
        """Sets our annotations, given with `_` for `-`."""
        ours = {f"githubtoken.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.patch(name, {"metadata": {"annotations": ours}}, kind=kind)

    def workload(self, name: str = "web", *, kind: str = "Deployment") -> None:
        """A workload whose pods read Secret `ci` once, at their start."""
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "ci", "key": "token"}}}]
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": "example.com/main", "env": env}]},
        }
        spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
        version = "argoproj.io/v1alpha1" if kind == "Rollout" else "apps/v1"
        self.cluster.create(
            {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}, self.namespace
        )

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

    def delete(self, kind: str, name: str) -> None:
        self.cluster.delete(kind, self.namespace, name)

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
        return self.data_in(self.namespace, name)

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


def conditions_of(item: Mapping[str, Any]) -> dict[str, str]:
    """The reasons of the conditions that are True beside `Ready` and `Distributed`, by their types."""
    found = item.get("status", {}).get("conditions", ())
    beside = [each for each in found if each["type"] not in {"Ready", "Distributed"}]
    return {each["type"]: each["reason"] for each in beside if each["status"] == "True"}


def ready_of(item: Mapping[str, Any]) -> Ready:
    """The `Ready` condition of an object."""
    for found in item.get("status", {}).get("conditions", ()):
        if found["type"] == "Ready":
            return Ready(found["status"], found["reason"], found["message"])
    return Ready("Unknown", "", "")


def find_secrets(text: str, canaries: list[str]) -> list[str]:
    """What kinds of secrets the text holds, plain or as base64 at any offset."""
    unique = set(canaries)
    found = [f"a canary ({len(canary)} characters)" for canary in unique if canary in text]
    found += [f"something like `{match[:6]}…`" for match in _TOKEN.findall(text)]
    for run in _BASE64.findall(text):
        for offset in range(4):
            part = run[offset:]
            decoded = base64.b64decode(part + "A" * (-len(part) % 4)).decode("latin-1")
            found += [f"something like `{match[:6]}…` as base64" for match in _TOKEN.findall(decoded)]
            found += ["a canary as base64" for canary in unique if canary in decoded]
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both_kinds` is asked of GitHubTokens, and once more of ClusterGitHubTokens."""
    ask_both_kinds(metafunc, "world")


def ask_both_kinds(metafunc: pytest.Metafunc, fixture: str) -> None:
    """Parametrises the fixture by the kind of the tokens, where the test is marked."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "both_kinds" in marks and fixture in metafunc.fixturenames:
        kinds = ["GitHubToken"] if "only_githubtoken" in marks else ["GitHubToken", "ClusterGitHubToken"]
        metafunc.parametrize(fixture, kinds, indirect=True)


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
            cluster.delete("Namespace", "", name)
        for name in world.cluster_apps:
            cluster.delete("ClusterGitHubApp", "", name)
        for secret in cluster.list("Secret", home):
            if namespace in secret["metadata"]["name"]:
                cluster.delete("Secret", home, secret["metadata"]["name"])
    assert leaks == []


@contextmanager
def new_namespace(cluster: Cluster, name: str | None = None) -> Iterator[str]:
    """A namespace, by default with a name of its own; its deletion is asked for, but not waited for."""
    name = name or f"test-{secrets.token_hex(4)}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "")
    yield name
    cluster.delete("Namespace", "", name)


# --- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """Another than that of the tests elsewhere: the shared operator would touch their objects until the worker ends."""
    with ControlPlane(binaries, crds=REPOSITORY / "deploy" / "crds") as plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    cluster = Cluster(control_plane)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def enterprise_server() -> Iterator[SimulatorProcess]:
    """A GitHub Enterprise Server with a private CA."""
    with SimulatorProcess("--ghes", "--tls") as simulator:
        yield simulator


@pytest.fixture(scope="session")
def operator(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator that the tests of a worker share. It has the chart's rights and no others."""
    log = tmp_path_factory.mktemp("operator") / "log"
    kubeconfig = operator_kubeconfig(control_plane, *RIGHTS)
    with running_operator(kubeconfig, log, *ALLOWED_HOSTS, "--log-level", "debug") as operator:
        yield operator


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A new namespace, made without kubectl: these tests are many."""
    with new_namespace(cluster) as name:
        yield name


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    simulator: SimulatorProcess,
    operator: OperatorProcess,
    namespace: str,
) -> Iterator[World]:
    """A world whose operator is shared. The operator is alive at its end, and has met nothing that nobody foresaw."""
    # It is made from this module's `World`.
    from tests.integration.operator.cluster_world import ClusterWorld  # noqa: PLC0415

    make = ClusterWorld if getattr(request, "param", "") == "ClusterGitHubToken" else World
    with world_in(cluster, simulator, operator, namespace, make) as world:
        yield world
    assert operator.process.poll() is None, "the operator ended"
    assert "Traceback" not in world.log(), "the log has a traceback"


@pytest.fixture
def enterprise(
    cluster: Cluster, enterprise_server: SimulatorProcess, operator: OperatorProcess, namespace: str
) -> Iterator[World]:
    """A world on an Enterprise Server, whose operator is shared."""
    with world_in(cluster, enterprise_server, operator, namespace) as world:
        yield world
    assert "Traceback" not in world.log(), "the log has a traceback"


# --- an operator of its own, on a control plane where no other runs --------------------------------------------------


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries) -> Iterator[ControlPlane]:
    """One for the module: its tests are one group of xdist, or each worker would start another."""
    with ControlPlane(binaries, crds=REPOSITORY / "deploy" / "crds") as plane:
        yield plane


@pytest.fixture(scope="module")
def cluster_apart(plane_apart: ControlPlane) -> Iterator[Cluster]:
    cluster = Cluster(plane_apart)
    yield cluster
    cluster.close()


@pytest.fixture
def start(plane_apart: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts a process of the operator, with the chart's rights or another kubeconfig; all write one log."""
    rights = operator_kubeconfig(plane_apart, *RIGHTS)
    with ExitStack() as stack:

        def start_one(
            kubeconfig: Path | None = None,
            *more: str,
            environment: Mapping[str, str] | None = None,
            program: Sequence[str] = ("-m", "githubtoken_operator"),
        ) -> OperatorProcess:
            flags = (*ALLOWED_HOSTS, "--log-level", "debug", *more)
            operator = start_operator(
                kubeconfig or rights, tmp_path / "log", *flags, environment=environment, program=program
            )
            stack.callback(operator.stop)
            operator.wait_ready()
            return operator

        yield start_one


@pytest.fixture
def apart(
    cluster_apart: Cluster, simulator: SimulatorProcess, start: Callable[..., OperatorProcess]
) -> Iterator[World]:
    """A world with an operator of its own, which the test may end and start again."""
    with new_namespace(cluster_apart) as name, world_in(cluster_apart, simulator, start(), name) as world:
        yield world
    assert "Traceback" not in world.log(), "the log has a traceback"
