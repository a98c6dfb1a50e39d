"""The world of a test whose GitHubTokens are ClusterGitHubTokens, so that what holds for the one is asked of the other.

Each of them wants the test's own namespace and no other. What a GitHubToken has in its namespace is in the operator's
here: the App's Secret, seeds, personal tokens and credentials, named as nobody else's. A refusal of the consumer's
Secret is no state of the object but a failure of the one namespace, and is waited for as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.integration.operator.stage.cluster import Object
from tests.integration.operator.stage.conditions import Ready, ready_of
from tests.integration.operator.stage.world import World

_KEPT_AT_HOME: Final = ("-app", "-credential", "-pat", "-seed")
"""How the names of Secrets end that are not for consumers."""
_KINDS: Final = {"GitHubToken": "ClusterGitHubToken", "GitHubApp": "ClusterGitHubApp"}


class ClusterWorld(World):
    """Names are of objects in the test's namespace, as elsewhere; what is of the cluster has the namespace behind."""

    shared = True

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        if kind == "GitHubToken":
            spec = self._wanted_here(name, spec)
            self.cluster_tokens.append(self._full(name))
        elif kind in {"GitHubApp", "ClusterGitHubApp"}:
            spec = {"allowedNamespaces": {"from": "All"}, **self._at_home(spec)}
            self.cluster_apps.append(self._full(name))
        super().create(_KINDS.get(kind, kind), self._full(name) if kind in _KINDS else name, spec)

    def get(self, kind: str, name: str) -> Object | None:
        return self.cluster.get(*self._place(kind, name))

    def delete(self, kind: str, name: str) -> None:
        self.cluster.delete(*self._place(kind, name))

    def patch(self, name: str, patch: Mapping[str, Any], *, kind: str = "GitHubToken") -> None:
        if kind in _KINDS and patch.get("spec"):
            patch = {**patch, "spec": self._at_home(patch["spec"])}
        self.cluster.patch(*self._place(kind, name), patch)

    def secret(self, name: str, data: Mapping[str, str], *, namespace: str | None = None, **options: Any) -> None:  # noqa: ANN401
        _, where, full = self._place("Secret", name)
        super().secret(full, data, namespace=namespace or where, **options)

    def kept(self, name: str) -> tuple[str, str]:
        return self._place("Secret", name)[1:]

    def events(self, name: str = "ci", *, kind: str = "GitHubToken", reason: str | None = None) -> list[Object]:
        of_cluster = kind in _KINDS
        if of_cluster and reason == "SecretConflict":
            # The namespace is told, about the Secret that is there.
            about = self.cluster.list("Event", self.namespace)
            return [event for event in about if event["reason"] == reason]
        return super().events(self._full(name) if of_cluster else name, kind=_KINDS.get(kind, kind), reason=reason)

    def called(self, name: str) -> str:
        return f"ClusterGitHubToken `{self._full(name)}`"

    def addressed(self, name: str) -> tuple[str, ...]:
        return ("--cluster", self._full(name))

    def owner_of(self, secret: Object) -> str:
        """The name that the test has given it."""
        name: str = secret["metadata"]["annotations"]["githubtoken.dev/cluster-name"]
        return name.removesuffix(f"-{self.namespace}")

    def wait_ready(self, name: str = "ci", *, revision: int = 1, **options: Any) -> Object:  # noqa: ANN401
        """Waits until the token is ready, and the namespace has it; an App has no namespaces."""
        if options.get("kind", "GitHubToken") not in {"GitHubToken", "ClusterGitHubToken"}:
            return super().wait_ready(name, revision=revision, **options)

        def ready(found: Object) -> bool:
            told = {each["type"]: each["status"] for each in found.get("status", {}).get("conditions", ())}
            right = told.get("Ready") == told.get("Distributed") == "True"
            return right and bool(found["status"].get("revision", 1) >= revision)

        return self.wait_for(name, ready, **options)

    def series(self, name: str) -> str:
        return f'name="{self._full(name)}",namespace=""'

    def wait_reason(self, name: str, reason: str, **options: Any) -> Ready:  # noqa: ANN401
        """Waits until the object, or its one namespace, says that reason."""

        def told(found: Object) -> Ready | None:
            ready = ready_of(found)
            if ready.status == "False" and ready.reason == reason:
                return ready
            failures = found.get("status", {}).get("failures") or ()
            return next((Ready("False", reason, it["message"]) for it in failures if it["reason"] == reason), None)

        ready = told(self.wait_for(name, told, **options))
        assert ready is not None
        return ready

    def _full(self, name: str) -> str:
        return name if name.endswith(self.namespace) else f"{name}-{self.namespace}"

    def _place(self, kind: str, name: str) -> tuple[str, str, str]:
        """Kind, namespace and name in the cluster."""
        if kind in _KINDS:
            return _KINDS[kind], "", self._full(name)
        if kind == "Secret" and name.endswith(_KEPT_AT_HOME):
            return kind, self.home, self._full(name)
        return kind, self.namespace, name

    def _wanted_here(self, name: str, spec: Mapping[str, Any]) -> Object:
        secret = {"name": name, **(spec.get("secret") or {})}
        wanted: Object = {**self._at_home(spec), "secret": secret, "namespaces": {"names": [self.namespace]}}
        if "appRef" in wanted:
            wanted["appRef"] = {"name": self._full(wanted["appRef"]["name"])}
        if "user" in wanted:
            kept = wanted["user"].get("credentialSecretName", self._full(f"{name}-credential"))
            wanted["user"] = {**wanted["user"], "credentialSecretName": kept}
        return wanted

    def _at_home(self, part: Mapping[str, Any]) -> Object:
        """The same with the names that the Secrets have in the operator's namespace."""
        found: Object = {}
        for key, value in part.items():
            if isinstance(value, Mapping) and key.endswith(("SecretRef", "secretRef")) and "name" in value:
                found[key] = {**value, "name": self._full(value["name"])}
            elif key == "credentialSecretName":
                found[key] = self._full(value)
            else:
                found[key] = self._at_home(value) if key in {"user", "personal"} else value
        return found
