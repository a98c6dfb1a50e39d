"""Objects of other operators, written from their documented fields."""

from __future__ import annotations

from typing import Any


def generator(name: str = "acme", namespace: str = "team", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - fields
    whole = {
        "appID": "12345",
        "installID": "678",
        "auth": {"privateKey": {"secretRef": {"name": "acme-key", "key": "app.pem"}}},
        **spec,
    }
    return {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "GithubAccessToken",
        "metadata": {"name": name, "namespace": namespace},
        "spec": whole,
    }


def cluster_generator(name: str = "acme") -> dict[str, Any]:
    spec = {"kind": "GithubAccessToken", "generator": {"githubAccessTokenSpec": generator()["spec"]}}
    return {
        "apiVersion": "generators.external-secrets.io/v1alpha1",
        "kind": "ClusterGenerator",
        "metadata": {"name": name},
        "spec": spec,
    }


def external_secret(
    name: str = "ci",
    *,
    of: str = "acme",
    kind: str = "GithubAccessToken",
    target: dict[str, Any] | None = None,
    **spec: Any,  # noqa: ANN401 - fields of any kind
) -> dict[str, Any]:
    ref = {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind, "name": of}
    whole = {"dataFrom": [{"sourceRef": {"generatorRef": ref}}], **({"target": target} if target else {}), **spec}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "team"},
        "spec": whole,
    }


def manager(kind: str, name: str, namespace: str = "", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of any kind
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "github.as-code.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def app(name: str = "acme", namespace: str = "team", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    whole = {"appID": 12345, "installationID": 678, "provider": "secret", "keyRef": {"name": "acme-key"}, **spec}
    return manager("App", name, namespace, **{key: value for key, value in whole.items() if value is not None})
