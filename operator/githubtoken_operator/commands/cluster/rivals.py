"""Others that write Secrets with GitHub's tokens: where their objects are, and which Secret each of them writes.

external-secrets: https://external-secrets.io/latest/api/externalsecret/ and its generators; github-token-manager:
https://github.com/isometry/github-token-manager.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "externalsecrets": (
        "/apis/external-secrets.io/v1/{where}externalsecrets",
        "/apis/external-secrets.io/v1beta1/{where}externalsecrets",
    ),
    "githubaccesstokens": ("/apis/generators.external-secrets.io/v1alpha1/{where}githubaccesstokens",),
    "clustergenerators": ("/apis/generators.external-secrets.io/v1alpha1/clustergenerators",),
    "apps": ("/apis/github.as-code.io/v1/{where}apps",),
    "tokens": ("/apis/github.as-code.io/v1/{where}tokens",),
    "clustertokens": ("/apis/github.as-code.io/v1/clustertokens",),
}
"""The collections, the newest version first; `where` is empty or a namespace."""
KINDS: Final[Mapping[str, str]] = {
    "externalsecrets": "ExternalSecret",
    "githubaccesstokens": "GithubAccessToken",
    "clustergenerators": "ClusterGenerator",
    "apps": "App",
    "tokens": "Token",
    "clustertokens": "ClusterToken",
}


def paths(plural: str, namespace: str) -> list[str]:
    """Where the objects are, in a namespace or in all ("")."""
    where = f"namespaces/{namespace}/" if namespace else ""
    return [path.format(where=where) for path in PLACES[plural]]


def target(kind: str, body: JSON) -> tuple[str, str] | None:
    """Namespace and name of the Secret that an object writes; None for a kind that writes none."""
    meta, spec = body["metadata"], mapping(body.get("spec"))
    part = mapping(spec.get("target" if kind == "ExternalSecret" else "secret"))
    if kind not in {"ExternalSecret", "Token", "ClusterToken"}:
        return None
    namespace = part.get("namespace") if kind == "ClusterToken" else meta.get("namespace")
    return str(namespace or ""), str(part.get("name") or meta["name"])
