"""Apps of both kinds that the API server must refuse, each with the field and the message that it gives."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import manifest
from tests.integration.crds.rules.signers import EXCLUSIVE, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes

ONE_ID = "`appID` or `clientID` must be set (or both)"
CLIENT_ID = "must be the client id of an App, such as Iv23liabc"
NAME = "must be a lower-case name of letters, digits, `-` and `.`, as names in Kubernetes are"
KEY = "must be a key of a Secret, of letters, digits, `-`, `_` and `.`"
URL = "must be an https URL without user, query, fragment and trailing slash"
HTTPS = "must be https (http only for loopback hosts)"
BASE64 = "must be base64 in one line, as `base64 -w0` writes it"
CA_BUNDLE = "must be certificates in PEM, encoded as base64, and no private key"
PERMISSIONS = "permission names must be GitHub's, in lower case with underscores, such as `contents`"
REPOSITORIES = "must be owner/name, where the name may hold `*` and `?`, such as acme/* or acme/web-*"
SELECTOR = "`selector` must be set with `from: Selector`, and only then"
LABELS = "must be valid labels of Kubernetes, such as `team` or `example.com/team`"
LABEL_KEY = "must be a valid key of a label, such as `team` or `example.com/team`"
LABEL_VALUES = "must be valid values of labels"
EXPRESSION_VALUES = "`values` must be set with the operators In and NotIn, and only with these"

NO_SIGNER = (
    "`signer` is for a ClusterGitHubApp only: the operator's own identity signs, so whoever may name a key signs as "
    "the App that it belongs to"
)

ID = {"appID": 1}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"

WRONG_URLS = (
    "", "api.github.com", "//api.github.com", "ftp://api.github.com", "https://", "https:///api", "https://alice@ghe.example",
    "https://alice:secret@ghe.example", "https://ghe.example?x=1", "https://ghe.example?", "https://ghe.example#x",
    "https://ghe.example#", "https://ghe.example/", "https://ghe.example/api/v3/", "https://ghe.example//api",
    "https://ghe.example/../api", "https://ghe.example:0", "https://ghe.example:65536", "https://ghe.example:", "https://[::1",
    "https://::1", "https://ghe.example\n", "https://ghe example", "https://ghe.example/%2e%2e", "https://-", "https://ghe.example.",
)  # fmt: skip
PLAIN_URLS = (
    "http://ghe.example", "http://localhost.ghe.example", "http://127.0.0.1.ghe.example", "http://[2001:db8::1]:8080",
    "http://0.0.0.0",
)  # fmt: skip

BOTH_KINDS = [
    pytest.param({}, "spec", ONE_ID, id="neither number nor client id"),
    pytest.param({"appID": 0}, "spec.appID", "should be greater than or equal to 1", id="App number 0"),
    pytest.param({"appID": "1"}, "spec.appID", 'must be of type integer: "string"', id="a number as a string"),
    *(
        pytest.param({"clientID": value}, "spec.clientID", CLIENT_ID, id=f"the client id {value!r}")
        for value in ("", "Iv1 x", "Iv1\n", ".x", "a/b")
    ),
    *(
        case
        for field in ("privateKeySecretRef", "clientSecretSecretRef")
        for case in (
            pytest.param(ID | {field: {}}, f"spec.{field}.name", "Required value", id=f"{field} without a name"),
            pytest.param(ID | {field: {"name": "a_b"}}, f"spec.{field}.name", NAME, id=f"{field} with a wrong name"),
            pytest.param(
                ID | {field: {"name": "s", "key": "a b"}}, f"spec.{field}.key", KEY, id=f"{field} with a wrong key"
            ),
        )
    ),
    pytest.param(
        ID | {"clientCertificateSecretRef": {"name": "a_b"}},
        "spec.clientCertificateSecretRef.name",
        NAME,
        id="a client certificate with a wrong name",
    ),
    *(
        pytest.param(ID | {field: url}, f"spec.{field}", message, id=f"{field} {url!r}")
        for field in ("apiURL", "webURL")
        for urls, message in ((WRONG_URLS, URL), (PLAIN_URLS, HTTPS))
        for url in urls
    ),
    *(
        pytest.param(
            ID | {"caBundle": base64.b64encode(text.encode()).decode()}, "spec.caBundle", CA_BUNDLE, id=sentence
        )
        for text, sentence in (
            ("x", "a CA that is no PEM"),
            *((CERTIFICATE + "#" * n + PRIVATE_KEY, f"a CA with its private key, {n} characters on") for n in range(3)),
        )
    ),
    pytest.param(ID | {"caBundle": CERTIFICATE}, "spec.caBundle", BASE64, id="a CA that is not base64"),
    pytest.param(
        ID | {"caBundle": base64.encodebytes(CERTIFICATE.encode()).decode()},
        "spec.caBundle",
        BASE64,
        id="a CA in base64 of many lines",
    ),
    pytest.param(
        ID | {"caBundle": base64.b64encode(CERTIFICATE.encode().ljust(73729)).decode()},
        "spec.caBundle",
        "may not be more than 98304 bytes",
        id="all the CAs of the world",
    ),
    *(
        pytest.param(
            ID | {"maxPermissions": {key: "read"}}, "spec.maxPermissions", PERMISSIONS, id=f"the permission {key!r}"
        )
        for key in ("", "Contents", "pull-requests", "p" * 65)
    ),
    pytest.param(
        ID | {"maxPermissions": {"contents": "none"}},
        "spec.maxPermissions.contents",
        'supported values: "read", "write", "admin"',
        id="at most a permission of none",
    ),
    pytest.param(
        ID | {"maxPermissions": {}},
        "spec.maxPermissions",
        "should have at least 1 properties",
        id="at most no permission",
    ),
    *(
        pytest.param(
            ID | {"allowedRepositories": [glob]}, "spec.allowedRepositories", REPOSITORIES, id=f"repositories {glob!r}"
        )
        for glob in (
            "",
            "*",
            "acme",
            "acme/",
            "*/*",
            "acme/a/b",
            "acme/..",
            "acme/.",
            "../x",
            "ac*/x",
            "acme/[ab]",
            "acme/a b",
        )
    ),
    pytest.param(
        ID | {"allowedRepositories": []}, "spec.allowedRepositories", "should have at least 1 items", id="no repository"
    ),
    pytest.param(
        ID | {"allowedRepositories": ["a/*", "a/*"]},
        "spec.allowedRepositories",
        'Duplicate value: "a/*"',
        id="a glob twice",
    ),
]


def expression(**fields: object) -> dict[str, Any]:
    return {"from": "Selector", "selector": {"matchExpressions": [fields]}}


_EXPRESSIONS = "selector.matchExpressions"
NAMESPACES = [
    pytest.param({"from": "None"}, "from", 'supported values: "All", "Selector", "Same"', id="from None"),
    pytest.param({"from": "Selector"}, "", SELECTOR, id="Selector without a selector"),
    pytest.param({"from": "All", "selector": {}}, "", SELECTOR, id="All with a selector"),
    pytest.param({"selector": {"matchLabels": {"a": "b"}}}, "", SELECTOR, id="a selector without from"),
    pytest.param(
        {"from": "Selector", "selector": {"matchLabels": {"a b": "c"}}},
        "selector.matchLabels",
        LABELS,
        id="a wrong label",
    ),
    pytest.param(expression(key="a b", operator="Exists"), f"{_EXPRESSIONS}.key", LABEL_KEY, id="a wrong key"),
    pytest.param(
        expression(key="a", operator="Gt", values=["1"]),
        f"{_EXPRESSIONS}.operator",
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
        id="an operator of node selectors",
    ),
    pytest.param(expression(key="a", operator="In"), _EXPRESSIONS, EXPRESSION_VALUES, id="In without values"),
    pytest.param(expression(key="a", operator="In", values=[]), _EXPRESSIONS, EXPRESSION_VALUES, id="In with no value"),
    pytest.param(
        expression(key="a", operator="Exists", values=["b"]), _EXPRESSIONS, EXPRESSION_VALUES, id="Exists with values"
    ),
    pytest.param(
        expression(key="a", operator="In", values=["b c"]), f"{_EXPRESSIONS}.values", LABEL_VALUES, id="a wrong value"
    ),
]


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
@pytest.mark.parametrize(("spec", "field", "message"), BOTH_KINDS)
def test_a_wrong_app_is_refused_and_told_why(
    api: API, kind: str, spec: dict[str, Any], field: str, message: str
) -> None:
    answer = api.create(manifest(kind, spec))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and message in text]


@pytest.mark.parametrize(("allowed", "field", "message"), NAMESPACES)
def test_a_wrong_choice_of_namespaces_is_refused_and_told_why(
    api: API, allowed: dict[str, Any], field: str, message: str
) -> None:
    answer = api.create(manifest("ClusterGitHubApp", ID | {"allowedNamespaces": allowed}))

    path = f"spec.allowedNamespaces.{field}".removesuffix(".")
    assert answer.code == 422
    assert [text for where, text in answer.causes if where == path and text.endswith(message)]


def test_an_app_of_a_namespace_cannot_allow_namespaces(api: API) -> None:
    answer = api.create(manifest("GitHubApp", ID | {"allowedNamespaces": {"from": "All"}}))

    assert 'unknown field "spec.allowedNamespaces"' in answer.body["message"]


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
def test_every_rule_has_an_app_that_breaks_it(kind: str, rules: Callable[..., set[tuple[str, str]]]) -> None:
    broken = {(case.values[1], case.values[2]) for case in BOTH_KINDS}
    if kind == "ClusterGitHubApp":
        broken |= {
            (f"spec.allowedNamespaces.{case.values[1]}".removesuffix("."), case.values[2]) for case in NAMESPACES
        }
        broken |= {(f"spec.signer.{case.values[1]}".removesuffix("."), case.values[2]) for case in REFUSED}
        broken |= {("spec", EXCLUSIVE)}
    else:
        broken |= {("spec", NO_SIGNER)}

    assert rules(kind, transitions=False) - broken == set()
