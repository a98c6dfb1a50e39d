"""Builders: objects and values that are right in every respect, so that a test names only what it is about."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.specs.github_app import GitHubApp, parse_app
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken, parse_token
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, App, Server, Token

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "team"


def githubtoken_body(
    name: str = "ci",
    *,
    uid: str = "uid-ci",
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
    status: JSON | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A GitHubToken, of an installation's token unless `spec` says otherwise."""
    wanted = {"appRef": {"name": "acme"}, **spec}
    if not wanted.keys() & {"user", "installation", "personal"}:
        wanted["installation"] = {"id": 678}
    return {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "generation": generation,
            "resourceVersion": "7",
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": wanted,
        "status": dict(status) if status is not None else {"observedGeneration": -1},
    }


def user_body(name: str = "ci", **settings: Any) -> dict[str, Any]:
    """A GitHubToken of a user's token that starts from the seed in Secret `alice-seed`."""
    return githubtoken_body(name, **{"user": {"seedSecretRef": {"name": "alice-seed"}}, **settings})


def personal_body(name: str = "ci", **settings: Any) -> dict[str, Any]:
    """A GitHubToken of the personal token in Secret `my-pat`."""
    body = githubtoken_body(name, **{"personal": {"secretRef": {"name": "my-pat"}}, **settings})
    del body["spec"]["appRef"]
    return body


def personal_githubtoken(name: str = "ci", **settings: Any) -> GitHubToken:
    return parse_token(personal_body(name, **settings))


def githubtoken(name: str = "ci", **settings: Any) -> GitHubToken:
    return parse_token(githubtoken_body(name, **settings))


def user_githubtoken(name: str = "ci", **settings: Any) -> GitHubToken:
    return parse_token(user_body(name, **settings))


def seen(token: GitHubToken) -> GitHubToken:
    """The same after the operator wrote a status about its present spec."""
    return replace(token, status={**token.status, "observedGeneration": token.generation})


def app_body(
    name: str = "acme",
    *,
    generation: int = 1,
    status: JSON | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A GitHubApp with a private key and a client secret. A field that is None is left out."""
    wanted = {
        "appID": 12345,
        "clientID": "Iv23acme",
        "privateKeySecretRef": {"name": "acme-app", "key": "private-key.pem"},
        "clientSecretSecretRef": {"name": "acme-app", "key": "client-secret"},
        **spec,
    }
    return {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubApp",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "generation": generation,
            "resourceVersion": "3",
        },
        "spec": {field: value for field, value in wanted.items() if value is not None},
        "status": dict(status) if status is not None else {"observedGeneration": -1},
    }


def cluster_app_body(name: str = "acme", **spec: Any) -> dict[str, Any]:
    """The same as a ClusterGitHubApp, whose Secrets are in the operator's namespace."""
    body = {**app_body(name, **spec), "kind": "ClusterGitHubApp"}
    del body["metadata"]["namespace"]
    return body


def namespace_body(labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The namespace that all objects are in."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": dict(labels or {})}}


def githubapp(name: str = "acme", **settings: Any) -> GitHubApp:
    return parse_app(app_body(name, **settings))


def app(**changes: Any) -> App:
    """An App as requests need it, on github.com."""
    server = Server("https://api.github.com", "https://github.com")
    of_server = {name: changes.pop(name) for name in Server.__slots__ if name in changes}
    made = App(12345, "Iv23acme", replace(server, **of_server), client_secret=Token("the-client-secret"))
    return replace(made, **changes)


def pod_body(name: str = "operator-a", uid: str = "uid-pod-a", **status: Any) -> dict[str, Any]:
    """A pod of the operator, which runs unless `status` says something else."""
    running = {"phase": "Running", "containerStatuses": [{"name": "operator", "state": {"running": {}}}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid},
        "status": running | status,
    }


def secret(
    name: str = "ci",
    data: Mapping[str, str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: str | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """A Secret as the API server gives it; `owner` is the uid of its controller."""
    meta: dict[str, Any] = {"name": name, "namespace": NAMESPACE, "uid": f"uid-secret-{name}", "resourceVersion": "5"}
    if labels:
        meta["labels"] = dict(labels)
    if annotations:
        meta["annotations"] = dict(annotations)
    if owner:
        meta["ownerReferences"] = [{"kind": "GitHubToken", "name": name, "uid": owner, "controller": True}]
    encoded = {key: b64encode(text.encode()).decode() for key, text in (data or {}).items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": encoded, **rest}


def access_token(
    number: int = 1, *, created: datetime = NOW, life: timedelta | None = timedelta(hours=1)
) -> AccessToken:
    """An installation's token; `life` None: one that does not expire."""
    return AccessToken(
        token=Token(f"ghs_token{number}"),
        type="bearer",
        created=created,
        expires_at=created + life if life is not None else None,
    )


def pair(number: int = 1, *, created: datetime = NOW) -> AccessToken:
    """A user's token with its refresh token, with the lives that GitHub gives."""
    return AccessToken(
        token=Token(f"ghu_token{number}"),
        type="bearer",
        created=created,
        expires_at=created + timedelta(seconds=28_800),
        refresh_token=Token(f"ghr_refresh{number}"),
        refresh_expires_at=created + timedelta(seconds=15_811_200),
    )


def issued(token: GitHubToken | None = None, *, number: int = 1, access: AccessToken | None = None) -> Issued:
    """A token that was obtained for what `token` says, as its `number`-th."""
    return Issued(access or access_token(number), number, consumer.spec_hash(token or githubtoken(), app()))


def published(token: GitHubToken, held: Issued) -> dict[str, Any]:
    """The consumer's Secret as the API server has it after `held` was published."""
    body = consumer.render(token, held, app().server)
    body["metadata"] |= {"uid": f"uid-secret-{token.secret.name}", "resourceVersion": "5"}
    return body


def observation(token: GitHubToken | None = None, **changes: Any) -> Observation:
    """What is seen of a GitHubToken that has no token yet, with nothing in its way."""
    subject = token or githubtoken()
    for_it, server = consumer.spec_hash(subject, app()), app().server
    empty = Observation(now=NOW, token=subject, secret=None, spec_hash=for_it, server=server)
    if "due" in changes:
        due = changes.pop("due")
        changes["renewal"] = Renewal(due) if due else None
    return replace(empty, **changes)


def settled(token: GitHubToken | None = None, **changes: Any) -> Observation:
    """What is seen of a GitHubToken that has a fresh token, published, with nothing to do."""
    subject = seen(token or githubtoken())
    held = issued(subject)
    return observation(
        subject, **{"issued": held, "secret": published(subject, held), "due": NOW + timedelta(minutes=39), **changes}
    )
