"""What the demo applies: an App, its key, a seed, and two GitHubTokens whose lives are about a minute."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import yaml

from github_simulator.control_client import App, Pair

Manifest = dict[str, Any]

NAMESPACE: Final = "demo"
API_VERSION: Final = "githubtoken.dev/v1alpha1"
INSTALLATION_TOKEN_LIFE: Final = 60
USER_TOKEN_LIFE: Final = 50
"""Seconds; GitHub's own are an hour and 8 hours. They differ so that the two are not always renewed together."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A GitHubToken of the demo, its Secret, and a request of GitHub's API that only its kind of token may make."""

    name: str
    secret: str
    probe: str


ALICE: Final = Watched("alice", "alice", "/user")
CI: Final = Watched("ci", "ci", "/installation/repositories")
WATCHED: Final = (ALICE, CI)


def secrets(app: App, pair: Pair) -> list[Manifest]:
    """What a human would put into the cluster: the App's key and client secret, and the first refresh token."""
    return [
        _secret("acme-app", "app", {"private-key.pem": app.private_key or "", "client-secret": app.client_secret}),
        _secret("alice-seed", "seed", {"refresh_token": pair.refresh_token or ""}),
    ]


def github_app(app: App, *, api_url: str, web_url: str) -> Manifest:
    """The App that both tokens are obtained by."""
    spec = {
        "appID": app.id,
        "clientID": app.client_id,
        "privateKeySecretRef": {"name": "acme-app"},
        "clientSecretSecretRef": {"name": "acme-app"},
        "apiURL": api_url,
        "webURL": web_url,
    }
    return _object("GitHubApp", "acme", spec)


def github_tokens() -> list[Manifest]:
    """A user token, renewed from a refresh token, and an installation token."""
    return [
        _object(
            "GitHubToken",
            ALICE.name,
            {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": "alice-seed"}}},
        ),
        _object(
            "GitHubToken",
            CI.name,
            {"appRef": {"name": "acme"}, "installation": {"owner": "acme", "permissions": {"contents": "read"}}},
        ),
    ]


def in_short(manifest: Manifest) -> str:
    """The manifest as YAML without what goes without saying."""
    shown = {"kind": manifest["kind"], "metadata": {"name": manifest["metadata"]["name"]}, "spec": manifest["spec"]}
    text: str = yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=110)
    return text


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _secret(name: str, role: str, values: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"githubtoken.dev/role": role}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
