"""An App as its spec has it, with the defaults."""

from __future__ import annotations

from githubtoken_operator.domain.apps.admission import AllowedNamespaces
from githubtoken_operator.domain.objects.specs.github_app import parse_app
from githubtoken_operator.domain.objects.specs.sources import KeyRef
from githubtoken_operator.domain.vocabulary.model import UNLIMITED, Limits, Server
from tests.unit.builders import cluster_app_body, githubapp


def test_an_app_is_read_with_its_defaults() -> None:
    found = githubapp(clientID=None, privateKeySecretRef={"name": "key"}, clientSecretSecretRef=None)
    assert (found.app_id, found.client_id) == (12345, None)
    assert found.server == Server("https://api.github.com", "https://github.com")
    assert found.private_key == KeyRef("key", "private-key.pem")
    assert found.client_secret is None
    assert found.limits == UNLIMITED
    assert found.kind == "GitHubApp"


def test_a_cluster_app_admits_the_operators_namespace_unless_it_says_otherwise() -> None:
    found = parse_app(cluster_app_body())
    assert (found.kind, found.namespace) == ("ClusterGitHubApp", "")
    assert found.allowed_namespaces == AllowedNamespaces("Same")
    selector = {"matchLabels": {"team": "web"}}
    found = parse_app(cluster_app_body(allowedNamespaces={"from": "Selector", "selector": selector}))
    assert found.allowed_namespaces == AllowedNamespaces("Selector", selector)


def test_the_limits_of_an_app_are_read() -> None:
    found = githubapp(maxPermissions={"metadata": "read", "contents": "write"}, allowedRepositories=["b/*", "a/x"])
    assert found.limits == Limits((("contents", "write"), ("metadata", "read")), ("a/x", "b/*"))
