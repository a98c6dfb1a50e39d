"""What the API server must accept, among it the largest objects that the schema allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import ALL_NAMESPACES, APP, base64_of, fits_the_cluster, installation, manifest

if TYPE_CHECKING:
    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes

SECRET_REF = {"name": "s"}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def keys(count: int, length: int) -> list[str]:
    """So many different keys of exactly this length."""
    return [f"{number:03}".rjust(length, "x") for number in range(count)]


def permission_names(count: int) -> list[str]:
    return [f"{chr(97 + number // 26)}{chr(97 + number % 26)}".rjust(64, "p") for number in range(count)]


SECRET_NAME = {"secret": {"name": "ci-token"}}

TOKENS = [
    pytest.param(installation(id=1), id="an installation by its number"),
    pytest.param(installation(id=2**63 - 1), id="an installation by the largest number"),
    pytest.param(installation(owner="acme"), id="an installation by its owner"),
    pytest.param(installation(owner="octo_cat_acme"), id="an owner with underscores, as managed users have"),
    pytest.param(installation(owner="acme-"), id="an owner that ends with a hyphen, as old accounts do"),
    pytest.param(installation(owner="a" * 100), id="the longest owner"),
    pytest.param(installation(repository="acme/website"), id="an installation by a repository"),
    pytest.param(installation(repository="acme/.github"), id="a repository that begins with a dot"),
    pytest.param(installation(repository="acme/a..b"), id="a repository with dots inside"),
    pytest.param(installation(owner="acme", repositories=["website", ".github"]), id="narrowed by names"),
    pytest.param(installation(owner="acme", repositoryIDs=[1, 2]), id="narrowed by numbers"),
    pytest.param(
        installation(
            id=1, permissions={"contents": "read", "pull_requests": "write", "organization_projects": "admin"}
        ),
        id="narrowed by permissions",
    ),
    pytest.param(installation(repository="acme/website", permissions={"contents": "read"}), id="narrowed by both"),
    pytest.param(
        {"appRef": {"kind": "ClusterGitHubApp", "name": "acme"}, "installation": {"id": 1}}, id="a cluster's App"
    ),
    pytest.param({"appRef": APP, "user": {}}, id="a user token that takes up a credential"),
    pytest.param({"appRef": APP, "user": {"seedSecretRef": SECRET_REF}}, id="a user token from a seed"),
    pytest.param(
        {"appRef": APP, "user": {"seedSecretRef": {"name": "s", "key": "_t.0-1"}}}, id="a seed under another key"
    ),
    pytest.param({"appRef": APP, "user": {"deviceFlow": {}}}, id="a user token by device flow"),
    pytest.param(
        {"appRef": APP, "user": {"deviceFlow": {"scopes": ["repo", "read:org"]}, "login": "alice_acme"}},
        id="a device flow with scopes for one user",
    ),
    pytest.param({"appRef": APP, "user": {"deviceFlow": {"scopes": []}}}, id="a device flow without scopes"),
    pytest.param({"appRef": APP, "user": {"credentialSecretName": "pair.example"}}, id="a credential of another name"),
    pytest.param({"personal": {"secretRef": SECRET_REF}}, id="a personal token"),
    pytest.param(
        {
            "personal": {
                "secretRef": {"name": "s", "key": "pat"},
                "apiURL": "https://ghe.example/api/v3",
                "webURL": "https://ghe.example",
                "caBundle": base64_of(CERTIFICATE),
            },
            "renewBefore": "336h",
        },
        id="a personal token of another host",
    ),
    pytest.param({**installation(id=1), "secret": {}}, id="an empty secret"),
    pytest.param({**installation(id=1), "secret": {"name": "a.b-c"}}, id="a Secret with dots in its name"),
    pytest.param(
        {
            **installation(id=1),
            "secret": {"labels": {"team": "web", "example.com/x": ""}, "annotations": {"example.com/y": "any text: ✓"}},
        },
        id="labels and annotations of others",
    ),
    pytest.param(
        {
            **installation(id=1),
            "secret": {"annotations": {"reflector.v1.k8s.emberstack.com/reflection-allowed": "true"}},
        },
        id="a prefix in which k8s is not the end",
    ),
    pytest.param(
        {**installation(id=1), "secret": {"formats": ["BasicAuth", "GitCredentials", "Netrc", "GHHosts", "Env"]}},
        id="several formats",
    ),
    pytest.param(
        {**installation(id=1), "secret": {"type": "Opaque", "formats": ["BasicAuth"]}}, id="an Opaque user name"
    ),
    pytest.param(
        {**installation(id=1), "secret": {"type": "kubernetes.io/basic-auth", "formats": ["BasicAuth", "Env"]}},
        id="basic-auth as type",
    ),
    pytest.param(
        {
            **installation(id=1),
            "secret": {"type": "kubernetes.io/dockerconfigjson", "formats": ["DockerConfigJSON"]},
        },
        id="dockerconfigjson as type",
    ),
    pytest.param(
        {**installation(id=1), "secret": {"formats": ["DockerConfigJSON"]}}, id="a format that decides on the type"
    ),
    pytest.param({**installation(owner="acme"), "secret": {"formats": ["ArgoCDRepository"]}}, id="Argo CD by owner"),
    pytest.param(installation(enterprise="acme-inc", permissions={"enterprise_people": "read"}), id="an enterprise"),
    pytest.param(
        {
            **installation(owner="acme"),
            "secret": {"type": "kubernetes.io/basic-auth", "formats": ["ArgoCDRepository"]},
        },
        id="Argo CD with a user name",
    ),
    pytest.param({**installation(id=1), "secret": {"type": "Opaque"}}, id="the default type"),
    pytest.param(
        {**installation(repository="a/b"), "secret": {"formats": ["ArgoCDRepository"]}}, id="Argo CD by repository"
    ),
    pytest.param(
        {
            **installation(id=1),
            "secret": {
                "data": {"config.ini": "[github]\ntoken = ${token}\nuntil = ${expires_at}\nprice = $$5\n", "empty": ""}
            },
        },
        id="templates",
    ),
    pytest.param(
        {
            **installation(id=1),
            "secret": {
                "data": {
                    "short": "${token} ${type} ${scope} ${created}",
                    "as.kubernetes": "$(token) $(expires_at) $$(token) $$5",
                    "times": "${expires_in} ${expires_at} ${refresh_expires_in} ${refresh_expires_at}",
                }
            },
        },
        id="every property in a template",
    ),
    *(
        pytest.param({**installation(id=1), "renewBefore": value}, id=f"renewed {value} before")
        for value in ("2m", "20m", "120s", "1h30m", "0.5h", "1h0m30s", "4380h")
    ),
    pytest.param({**installation(id=1), "renewBeforePercentage": 1}, id="the smallest percentage"),
    pytest.param({**installation(id=1), "renewBeforePercentage": 99}, id="the largest percentage"),
    pytest.param({**installation(id=1), "deletionPolicy": "Revoke"}, id="revoked in the end"),
    pytest.param({"personal": {"secretRef": SECRET_REF}, "deletionPolicy": "Retain"}, id="a personal token that stays"),
    pytest.param(
        {
            **installation(id=1),
            "restartTargets": [{"kind": "Deployment", "name": "web"}, {"kind": "StatefulSet", "name": "web"}],
            "propagation": "Immediate",
            "suspend": True,
        },
        id="everything that has to do with pods",
    ),
]

_MARGINS = {
    "secret": {
        "name": "n" * 253,
        "labels": {f"{'d' * 253}/{key}": "v" * 63 for key in keys(32, 63)},
        "annotations": {f"{'d' * 253}/{key}": "v" * 4096 for key in keys(32, 63)},
        "formats": ["BasicAuth", "GitCredentials", "Netrc", "GHHosts", "ArgoCDRepository", "Env"],
        "data": dict.fromkeys(keys(32, 253), "$$" * 4096),
    },
    "restartTargets": [{"kind": "Deployment", "name": key} for key in keys(32, 253)],
    "renewBefore": "00000.100h00002.000h00003.00h",
}
_LONG_URL = "https://ghe.example" + "/x" * 1014

LARGEST_TOKENS = [
    pytest.param(
        _MARGINS
        | installation(
            owner="o" * 100, repositories=keys(500, 100), permissions=dict.fromkeys(permission_names(128), "admin")
        ),
        id="an installation token",
    ),
    pytest.param(
        {name: part for name, part in _MARGINS.items() if name != "secret"}
        | {"secret": _MARGINS["secret"] | {"formats": ["Env"]}}  # type: ignore[operator]
        | {
            "appRef": {"name": "a" * 253},
            "user": {
                "seedSecretRef": {"name": "s" * 253, "key": "k" * 253},
                "deviceFlow": {"scopes": [f"{name}" for name in permission_names(50)]},
                "login": "l" * 100,
                "credentialSecretName": "c" * 253,
            },
        },
        id="a user token",
    ),
    pytest.param(
        {name: part for name, part in _MARGINS.items() if name != "secret"}
        | {"secret": _MARGINS["secret"] | {"formats": ["Env"]}}  # type: ignore[operator]
        | {
            "personal": {
                "secretRef": {"name": "s" * 253, "key": "k" * 253},
                "apiURL": _LONG_URL,
                "webURL": _LONG_URL,
                "caBundle": base64_of(CERTIFICATE.ljust(73728)),
            },
        },
        id="a personal token",
    ),
]

APPS = [
    pytest.param({"appID": 1}, id="only the number"),
    pytest.param({"clientID": "Iv23liabc"}, id="only the client id"),
    pytest.param({"clientID": "Iv1.0123456789abcdef"}, id="an older client id"),
    pytest.param(
        {
            "appID": 1,
            "clientID": "Iv23liabc",
            "privateKeySecretRef": SECRET_REF,
            "clientSecretSecretRef": SECRET_REF,
            "clientCertificateSecretRef": SECRET_REF,
        },
        id="all of the credential",
    ),
    *(
        pytest.param({"appID": 1, "apiURL": url, "webURL": url}, id=url)
        for url in (
            "https://api.github.com",
            "https://ghe.example/api/v3",
            "https://api.acme.ghe.com",
            "https://ghe.example:8443",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443/api/v3",
            "http://localhost",
            "http://127.0.0.1:8080/api/v3",
            "http://[::1]:8080",
        )
    ),
    pytest.param({"appID": 1, "caBundle": base64_of(CERTIFICATE)}, id="a private CA"),
    pytest.param({"appID": 1, "caBundle": base64_of("# ACME's CA\n" + CERTIFICATE * 3)}, id="CAs with a comment"),
    *(
        pytest.param({"appID": 1, "caBundle": base64_of(before + CERTIFICATE)}, id=f"a CA after {before!r}")
        for before in ("\ufeff", "# Société\n", "# Z\u00fcrich > Bern?\n", "~", "~~", "???")
    ),
    pytest.param(
        {"appID": 1, "caBundle": base64_of(CERTIFICATE.replace("CERT", "X509 CERT"))}, id="a CA under its old name"
    ),
    pytest.param(
        {"appID": 1, "maxPermissions": {"contents": "write", "metadata": "read"}}, id="a limit on permissions"
    ),
    pytest.param(
        {"appID": 1, "allowedRepositories": ["acme/*", "acme/web-?", "octo_cat/.github"]}, id="a limit on repositories"
    ),
]
_LARGEST_APP = {
    "appID": 2**63 - 1,
    "clientID": "c" * 100,
    "privateKeySecretRef": {"name": "s" * 253, "key": "k" * 253},
    "clientSecretSecretRef": {"name": "s" * 253, "key": "k" * 253},
    "apiURL": _LONG_URL,
    "webURL": _LONG_URL,
    "caBundle": base64_of(CERTIFICATE.ljust(73728)),
    "maxPermissions": dict.fromkeys(permission_names(128), "admin"),
    "allowedRepositories": [f"{'o' * 100}/{key}" for key in keys(100, 100)],
}

_LARGEST_SELECTOR = {
    "matchLabels": {f"{'d' * 253}/{key}": "v" * 63 for key in keys(32, 63)},
    "matchExpressions": [
        {"key": f"{'d' * 253}/{key}", "operator": "In", "values": keys(32, 63)} for key in keys(32, 63)
    ],
}

SELECTORS = [
    pytest.param({}, id="nothing said, which is Same"),
    pytest.param({"from": "Same"}, id="Same"),
    pytest.param({"from": "All"}, id="All"),
    pytest.param({"from": "Selector", "selector": {}}, id="an empty selector"),
    pytest.param({"from": "Selector", "selector": {"matchLabels": {"team": "web", "example.com/x": ""}}}, id="labels"),
    pytest.param(
        {
            "from": "Selector",
            "selector": {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"]},
                    {"key": "team", "operator": "Exists"},
                    {"key": "team", "operator": "In", "values": ["a", "b"]},
                ]
            },
        },
        id="expressions",
    ),
    pytest.param(
        {
            "from": "Selector",
            "selector": _LARGEST_SELECTOR,
        },
        id="the largest selector",
    ),
]


@pytest.mark.parametrize("spec", TOKENS)
def test_a_valid_token_is_accepted(api: API, spec: dict[str, Any]) -> None:
    answer = api.create(manifest("GitHubToken", spec))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize("spec", [case for case in TOKENS if fits_the_cluster(case.values[0])])
def test_a_valid_token_of_the_cluster_is_accepted(api: API, spec: dict[str, Any]) -> None:
    answer = api.create(manifest("ClusterGitHubToken", {**ALL_NAMESPACES, **spec}))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize("spec", LARGEST_TOKENS)
def test_the_largest_token_of_the_cluster_is_within_the_cost_budget(api: API, spec: dict[str, Any]) -> None:
    own = {key: value for key, value in spec.items() if key not in {"restartTargets", "appRef"}}
    own |= {"appRef": {"name": spec["appRef"]["name"]}} if "appRef" in spec else {}
    largest = {"names": keys(1000, 63), "selector": _LARGEST_SELECTOR}
    answer = api.apply(manifest("ClusterGitHubToken", {**own, "namespaces": largest}, name="m" * 253))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize("spec", LARGEST_TOKENS)
def test_the_largest_token_is_within_the_cost_budget_of_the_rules(api: API, spec: dict[str, Any]) -> None:
    answer = api.create(manifest("GitHubToken", spec, name="m" * 253))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
@pytest.mark.parametrize("spec", [*APPS, pytest.param(_LARGEST_APP, id="the largest App")])
def test_a_valid_app_is_accepted(api: API, kind: str, spec: dict[str, Any]) -> None:
    answer = api.create(manifest(kind, spec))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize("allowed", SELECTORS)
def test_a_valid_choice_of_namespaces_is_accepted(api: API, allowed: dict[str, Any]) -> None:
    answer = api.create(manifest("ClusterGitHubApp", _LARGEST_APP | {"allowedNamespaces": allowed}))

    assert answer.accepted, answer.body["message"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        pytest.param("GitHubToken", LARGEST_TOKENS[0].values[0], id="GitHubToken"),
        *(pytest.param(kind, _LARGEST_APP, id=kind) for kind in ("GitHubApp", "ClusterGitHubApp")),
        *(
            pytest.param("ClusterGitHubApp", _LARGEST_APP | {"allowedNamespaces": case.values[0]}, id=case.id)
            for case in SELECTORS
        ),
    ],
)
def test_what_is_accepted_can_be_applied_by_the_server(api: API, kind: str, spec: dict[str, Any]) -> None:
    """So do GitOps, and the operator with status: a list whose items cannot be merged would fail both."""
    answer = api.apply(manifest(kind, spec))

    assert answer.accepted, answer.body["message"]


def test_a_name_of_242_characters_leaves_room_for_the_credential(api: API) -> None:
    assert api.create(manifest("GitHubToken", {"appRef": APP, "user": {}}, name="n" * 242)).accepted


def test_a_token_is_filled_with_the_defaults(api: API) -> None:
    spec = {"appRef": APP, "user": {"seedSecretRef": SECRET_REF}}

    assert api.create(manifest("GitHubToken", spec)).body["spec"] == {
        "appRef": {"kind": "GitHubApp", "name": "acme"},
        "user": {"seedSecretRef": {"name": "s", "key": "refresh_token"}},
        "deletionPolicy": "Delete",
        "propagation": "Kubelet",
        "suspend": False,
    }


def test_a_personal_token_is_filled_with_the_defaults(api: API) -> None:
    assert api.create(manifest("GitHubToken", {"personal": {"secretRef": SECRET_REF}})).body["spec"]["personal"] == {
        "secretRef": {"name": "s", "key": "token"},
        "apiURL": "https://api.github.com",
        "webURL": "https://github.com",
    }


@pytest.mark.parametrize(
    ("kind", "more"),
    [("GitHubApp", {}), ("ClusterGitHubApp", {"allowedNamespaces": {"from": "Same"}})],
)
def test_an_app_is_filled_with_the_defaults(api: API, kind: str, more: dict[str, Any]) -> None:
    spec = {"appID": 1, "privateKeySecretRef": SECRET_REF, "clientSecretSecretRef": SECRET_REF}

    assert api.create(manifest(kind, spec)).body["spec"] == more | {
        "appID": 1,
        "privateKeySecretRef": {"name": "s", "key": "private-key.pem"},
        "clientSecretSecretRef": {"name": "s", "key": "client-secret"},
        "apiURL": "https://api.github.com",
        "webURL": "https://github.com",
    }
