"""Tokens of both kinds that the API server must refuse, each with the field and the message that it gives."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import ALL_NAMESPACES, fits_the_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes

APP = {"name": "acme"}
SECRET_REF = {"name": "s"}

ONE_KIND = (
    "exactly one of `user`, `installation` and `personal` must be set (one without fields is written as `user: {}`)"
)
APP_REF = "`appRef` must be set, except with `personal`, where it may not be set"
ONE_INSTALLATION = "exactly one of `id`, `owner`, `repository` and `enterprise` must be set"
NOT_WITH_REPOSITORY = "`repositories` and `repositoryIDs` may not be set when `repository` is set"
NAME = "must be a lower-case name of letters, digits, `-` and `.`, as names in Kubernetes are"
KEY = "must be a key of a Secret, of letters, digits, `-`, `_` and `.`"
OWNER = "must be the login of an organisation or user, without slashes"
LOGIN = "must be the login of a user, of letters, digits, `-` and `_`"
REPOSITORIES = "must be names of repositories without the owner, such as `website`"
SCOPES = "must be names of OAuth scopes, such as `repo` and `read:org`"
PERMISSIONS = "permission names must be GitHub's, in lower case with underscores, such as `contents`"
URL = "must be an https URL without user, query, fragment and trailing slash"
HTTPS = "must be https (http only for loopback hosts)"
BASE64 = "must be base64 in one line, as `base64 -w0` writes it"
CA_BUNDLE = "must be certificates in PEM, encoded as base64, and no private key"
BASIC_TYPE = "`type` kubernetes.io/basic-auth needs 'BasicAuth' or 'ArgoCDRepository' among `formats`"
DOCKER_TYPE = "`type` must be kubernetes.io/dockerconfigjson exactly where 'DockerConfigJSON' is among `formats`"
RESERVED = "keys must not begin with githubtoken.dev/ or a *kubernetes.io/ prefix"
LABELS = "must be valid labels of Kubernetes, such as `team` or `example.com/team`"
ANNOTATIONS = "keys must be valid keys of annotations, such as `example.com/team`"
DATA_KEYS = "keys must be valid and not one the operator writes"
TEMPLATE = (
    "a dollar must begin `${token}`, `${expires_at}` or another property of the token, but not `${refresh_token}`; "
    "write `$$` for the dollar itself"
)
RENEW_BEFORE = "must be a duration of at least 2m, such as 20m or 1h30m"
TWO_FORMATS = "'BasicAuth' and 'DockerConfigJSON' must not be combined: each needs its own Secret type"
CREDENTIAL_IS_SECRET = (
    "`spec.user.credentialSecretName` (default: `<metadata.name>-credential`) must not be the consumer's Secret"
)
PERSONAL_IS_SECRET = (
    "`spec.secret.name` (default: `metadata.name`) must not be the Secret that `spec.personal.secretRef` names"
)
ARGO_CD = "'ArgoCDRepository' needs `installation.owner` or `installation.repository`"


def installation(**fields: object) -> dict[str, Any]:
    return {"appRef": APP, "installation": fields}


def user(**fields: object) -> dict[str, Any]:
    return {"appRef": APP, "user": fields}


def personal(**fields: object) -> dict[str, Any]:
    return {"personal": {"secretRef": SECRET_REF} | fields}


def secret(**fields: object) -> dict[str, Any]:
    return installation(id=1) | {"secret": fields}


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


KINDS_AND_APPS = [
    pytest.param({"appRef": APP}, "spec", ONE_KIND, id="no kind of token"),
    pytest.param({"appRef": APP, "user": None}, "spec", ONE_KIND, id="a user left empty, which is null"),
    pytest.param(user() | installation(id=1), "spec", ONE_KIND, id="two kinds"),
    pytest.param(user() | installation(id=1) | personal(), "spec", ONE_KIND, id="all kinds"),
    pytest.param({"installation": {"id": 1}}, "spec", APP_REF, id="an installation without an App"),
    pytest.param({"user": {}}, "spec", APP_REF, id="a user without an App"),
    pytest.param(personal() | {"appRef": APP}, "spec", APP_REF, id="a personal token with an App"),
    pytest.param(
        installation(id=1) | {"appRef": {"kind": "GitHubApp"}}, "spec.appRef.name", "Required value", id="no name"
    ),
    pytest.param(
        installation(id=1) | {"appRef": {"kind": "App", "name": "acme"}},
        "spec.appRef.kind",
        'supported values: "GitHubApp", "ClusterGitHubApp"',
        id="an App of another kind",
    ),
    *(
        pytest.param(
            installation(id=1) | {"appRef": {"name": name}}, "spec.appRef.name", NAME, id=f"an App called {name!r}"
        )
        for name in ("", "Acme", "acme_app", "-acme", "acme-", "a..b", "../acme", "a/b", "acme\n")
    ),
]

USERS = [
    pytest.param(user(seedSecretRef={}), "spec.user.seedSecretRef.name", "Required value", id="a seed without a name"),
    pytest.param(user(seedSecretRef={"name": "S"}), "spec.user.seedSecretRef.name", NAME, id="a seed in upper case"),
    *(
        pytest.param(
            user(seedSecretRef=SECRET_REF | {"key": key}), "spec.user.seedSecretRef.key", KEY, id=f"a seed key {key!r}"
        )
        for key in ("", "a/b", "a b")
    ),
    pytest.param(
        user(deviceFlow={"scopes": ["repo user"]}), "spec.user.deviceFlow.scopes", SCOPES, id="scopes in one string"
    ),
    pytest.param(user(deviceFlow={"scopes": [""]}), "spec.user.deviceFlow.scopes", SCOPES, id="an empty scope"),
    pytest.param(
        user(deviceFlow={"scopes": ["repo", "repo"]}),
        "spec.user.deviceFlow.scopes",
        'Duplicate value: "repo"',
        id="a scope twice",
    ),
    *(
        pytest.param(user(login=login), "spec.user.login", LOGIN, id=f"a user called {login!r}")
        for login in ("", "@alice", "alice/bob", "..", "alice bob")
    ),
    pytest.param(
        user(credentialSecretName="A"), "spec.user.credentialSecretName", NAME, id="a credential in upper case"
    ),
    pytest.param(
        user(credentialSecretName="t"),
        "spec.user.credentialSecretName",
        CREDENTIAL_IS_SECRET,
        id="credential and Secret in one",
    ),
    pytest.param(
        user(credentialSecretName="x") | {"secret": {"name": "x"}},
        "spec.user.credentialSecretName",
        CREDENTIAL_IS_SECRET,
        id="credential and named Secret in one",
    ),
    pytest.param(
        user() | {"secret": {"name": "t-credential"}},
        "spec.user.credentialSecretName",
        CREDENTIAL_IS_SECRET,
        id="a Secret with the credential's default name",
    ),
]

INSTALLATIONS = [
    pytest.param(installation(), "spec.installation", ONE_INSTALLATION, id="no installation"),
    pytest.param(installation(id=1, owner="acme"), "spec.installation", ONE_INSTALLATION, id="number and owner"),
    pytest.param(
        installation(owner="acme", repository="acme/x"),
        "spec.installation",
        ONE_INSTALLATION,
        id="owner and repository",
    ),
    pytest.param(
        installation(id=1, owner="a", repository="a/b"), "spec.installation", ONE_INSTALLATION, id="all three"
    ),
    pytest.param(
        installation(id=0), "spec.installation.id", "should be greater than or equal to 1", id="installation number 0"
    ),
    pytest.param(
        installation(id="1"), "spec.installation.id", 'must be of type integer: "string"', id="a number as a string"
    ),
    *(
        pytest.param(installation(owner=owner), "spec.installation.owner", OWNER, id=f"an owner called {owner!r}")
        for owner in (
            "",
            "acme/website",
            "..",
            ".",
            "../acme",
            "acme/..",
            "-acme",
            "ac me",
            "acmé",
            "acme\n",
            "acme?x",
            "a%2Fb",
        )
    ),
    pytest.param(
        installation(owner="a" * 101), "spec.installation.owner", "may not be more than 100 bytes", id="a long owner"
    ),
    *(
        pytest.param(
            installation(repository=repository),
            "spec.installation.repository",
            "must be owner/name",
            id=f"a repository called {repository!r}",
        )
        for repository in (
            "",
            "acme",
            "acme/",
            "/website",
            "acme/website/",
            "acme/website/tree",
            "acme/..",
            "acme/.",
            "../website",
            "acme/../x",
            "acme//website",
            "https://github.com/acme/website",
            "acme/web site",
            "acme/a\n",
            "acme/a?b",
            "acme/a%2e",
        )
    ),
    *(
        pytest.param(
            installation(owner="acme", repositories=[name]),
            "spec.installation.repositories",
            REPOSITORIES,
            id=f"narrowed to {name!r}",
        )
        for name in ("", "acme/website", ".", "..", "../x", "web site", "*")
    ),
    pytest.param(
        installation(owner="acme", repositories=["a", "a"]),
        "spec.installation.repositories",
        'Duplicate value: "a"',
        id="a repository twice",
    ),
    pytest.param(
        installation(owner="acme", repositories=[]),
        "spec.installation.repositories",
        "should have at least 1 items",
        id="narrowed to nothing",
    ),
    pytest.param(
        installation(owner="acme", repositories=[f"r{number}" for number in range(501)]),
        "spec.installation.repositories",
        "must have at most 500 items",
        id="501 repositories",
    ),
    pytest.param(
        installation(owner="acme", repositoryIDs=list(range(1, 502))),
        "spec.installation.repositoryIDs",
        "must have at most 500 items",
        id="501 numbers",
    ),
    pytest.param(
        installation(owner="acme", repositoryIDs=[]),
        "spec.installation.repositoryIDs",
        "should have at least 1 items",
        id="narrowed to no number",
    ),
    pytest.param(
        installation(owner="acme", repositoryIDs=[0]),
        "spec.installation.repositoryIDs",
        "should be greater than or equal to 1",
        id="repository number 0",
    ),
    pytest.param(
        installation(owner="acme", repositories=["a"], repositoryIDs=[1]),
        "spec.installation",
        "`repositoryIDs` may not be set when `repositories` is set",
        id="names and numbers",
    ),
    pytest.param(
        installation(repository="acme/a", repositories=["a"]),
        "spec.installation",
        NOT_WITH_REPOSITORY,
        id="names beside one",
    ),
    pytest.param(
        installation(repository="acme/a", repositoryIDs=[1]),
        "spec.installation",
        NOT_WITH_REPOSITORY,
        id="numbers beside one",
    ),
    *(
        pytest.param(
            installation(id=1, permissions={name: "read"}),
            "spec.installation.permissions",
            PERMISSIONS,
            id=f"a permission called {name!r}",
        )
        for name in ("", "Contents", "pull-requests", "pull requests", "_x", "p" * 65)
    ),
    pytest.param(
        installation(id=1, permissions={"contents": "none"}),
        "spec.installation.permissions.contents",
        'supported values: "read", "write", "admin"',
        id="a permission of none",
    ),
    pytest.param(
        installation(id=1, permissions={}),
        "spec.installation.permissions",
        "should have at least 1 properties",
        id="no permission at all",
    ),
]

PERSONALS = [
    pytest.param({"personal": {}}, "spec.personal.secretRef", "Required value", id="a personal token nowhere"),
    pytest.param(personal(secretRef={"name": "S"}), "spec.personal.secretRef.name", NAME, id="a Secret in upper case"),
    pytest.param(
        personal(secretRef={"name": "s", "key": "a/b"}), "spec.personal.secretRef.key", KEY, id="a key with a slash"
    ),
    pytest.param(
        personal(secretRef={"name": "t"}), "spec.secret.name", PERSONAL_IS_SECRET, id="read and written in one"
    ),
    pytest.param(
        personal() | {"secret": {"name": "s"}},
        "spec.secret.name",
        PERSONAL_IS_SECRET,
        id="read and written in one by name",
    ),
    pytest.param(personal(apiURL="ghe.example"), "spec.personal.apiURL", URL, id="an API without a scheme"),
    pytest.param(personal(apiURL="http://ghe.example"), "spec.personal.apiURL", HTTPS, id="an API without TLS"),
    pytest.param(personal(webURL="https://ghe.example/"), "spec.personal.webURL", URL, id="a web address with a slash"),
    pytest.param(personal(webURL="http://ghe.example"), "spec.personal.webURL", HTTPS, id="a web address without TLS"),
    pytest.param(
        personal(caBundle="-----BEGIN CERTIFICATE-----"), "spec.personal.caBundle", BASE64, id="a CA that is not base64"
    ),
    pytest.param(personal(caBundle=base64_of("x")), "spec.personal.caBundle", CA_BUNDLE, id="a CA that is no PEM"),
    pytest.param(
        personal() | {"deletionPolicy": "Revoke"},
        "spec",
        "`deletionPolicy` must not be 'Revoke' with `personal`",
        id="a human's token revoked",
    ),
]

_RESERVED_KEYS = ("githubtoken.dev/role", "kubernetes.io/x", "app.kubernetes.io/name", "k8s.io/x", "a.b.k8s.io/x")
SECRETS = [
    *(
        pytest.param(secret(name=name), "spec.secret.name", NAME, id=f"a Secret called {name!r}")
        for name in ("", "Token", "a/b", "..", "a_b")
    ),
    pytest.param(secret(name="n" * 254), "spec.secret.name", "may not be more than 253 bytes", id="a long name"),
    pytest.param(
        secret(type="kubernetes.io/service-account-token"),
        "spec.secret.type",
        'supported values: "Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson"',
        id="a ServiceAccount's token as type",
    ),
    pytest.param(
        secret(type="kubernetes.io/dockerconfigjson", formats=["Env"]),
        "spec.secret",
        DOCKER_TYPE,
        id="a docker type for Env",
    ),
    pytest.param(
        secret(type="Opaque", formats=["DockerConfigJSON"]),
        "spec.secret",
        DOCKER_TYPE,
        id="a docker format in an Opaque Secret",
    ),
    pytest.param(
        secret(type="kubernetes.io/dockerconfigjson"), "spec.secret", DOCKER_TYPE, id="the type of Docker's file alone"
    ),
    pytest.param(
        secret(type="kubernetes.io/basic-auth", formats=["Env"]), "spec.secret", BASIC_TYPE, id="basic-auth for Env"
    ),
    pytest.param(secret(type="kubernetes.io/basic-auth"), "spec.secret", BASIC_TYPE, id="basic-auth alone"),
    pytest.param(
        secret(formats=["Yaml"]),
        "spec.secret.formats",
        'supported values: "BasicAuth", "GitCredentials", "Netrc", '
        '"DockerConfigJSON", "GHHosts", "ArgoCDRepository", "Env"',
        id="an unknown format",
    ),
    pytest.param(secret(formats=["Env", "Env"]), "spec.secret.formats", 'Duplicate value: "Env"', id="a format twice"),
    pytest.param(
        secret(formats=["BasicAuth", "DockerConfigJSON"]), "spec.secret.formats", TWO_FORMATS, id="two types at once"
    ),
    pytest.param(secret(formats=["ArgoCDRepository"]), "spec", ARGO_CD, id="Argo CD by the installation's number"),
    pytest.param(
        installation(enterprise="acme-inc") | {"secret": {"formats": ["ArgoCDRepository"]}},
        "spec",
        ARGO_CD,
        id="Argo CD by enterprise",
    ),
    pytest.param(
        installation(enterprise="acme-inc", owner="acme"),
        "spec.installation",
        ONE_INSTALLATION,
        id="enterprise and owner",
    ),
    pytest.param(
        installation(enterprise="acme-inc", repositories=["website"]),
        "spec.installation",
        "`repositories` and `repositoryIDs` may not be set when `enterprise` is set",
        id="enterprise and repositories",
    ),
    pytest.param(
        installation(enterprise="enterprises/acme"),
        "spec.installation.enterprise",
        "must be the slug of an enterprise, without slashes",
        id="enterprise with a slash",
    ),
    pytest.param(user() | {"secret": {"formats": ["ArgoCDRepository"]}}, "spec", ARGO_CD, id="Argo CD for a user"),
    *(
        pytest.param(secret(**{field: {key: "x"}}), f"spec.secret.{field}", RESERVED, id=f"{key} among the {field}")
        for field in ("labels", "annotations")
        for key in _RESERVED_KEYS
    ),
    *(
        pytest.param(secret(labels=labels), "spec.secret.labels", LABELS, id=f"the label {labels}")
        for labels in ({"": "x"}, {"a b": "x"}, {"a/b/c": "x"}, {"Example.com/x": "x"}, {"x": "a b"}, {"x": "-"})
    ),
    *(
        pytest.param(
            secret(annotations={key: "x"}), "spec.secret.annotations", ANNOTATIONS, id=f"the annotation {key!r}"
        )
        for key in ("", "a b", "a/b/c", "Example.com/x")
    ),
    pytest.param(
        secret(labels={f"l{number}": "" for number in range(33)}),
        "spec.secret.labels",
        "must have at most 32 items",
        id="33 labels",
    ),
    *(
        pytest.param(secret(data={key: "x"}), "spec.secret.data", DATA_KEYS, id=f"data called {key!r}")
        for key in (
            "",
            "a/b",
            ".",
            "..",
            "..data",
            "k" * 254,
            "token",
            "refresh_token",
            "password",
            ".netrc",
            "GH_TOKEN",
            "GH_HOST",
            "url",
        )
    ),
    *(
        pytest.param(secret(data={"x": text}), "spec.secret.data", TEMPLATE, id=f"the template {text!r}")
        for text in (
            "${refresh_token}",
            "a\n${nothing}",
            "$token",
            "$",
            "$$$",
            "${token",
            "${}",
            "${{token}}",
            "$(refresh_token)",
            "$(token",
            "$(HOME)",
        )
    ),
    pytest.param(
        secret(data={"x": "x" * 8193}),
        "spec.secret.data.x",
        "may not be more than 8192 bytes",
        id="a template that is too long",
    ),
]

REST = [
    *(
        pytest.param(
            installation(id=1) | {"renewBefore": value},
            "spec.renewBefore",
            RENEW_BEFORE,
            id=f"renewed {value!r} before",
        )
        for value in (
            "",
            "1m",
            "119s",
            "1m59.999s",
            "0s",
            "20",
            "-20m",
            "20 m",
            "2d",
            "1h30",
            "4381h",
            "99999h",
            "20m\n",
            "500ms",
        )
    ),
    pytest.param(
        installation(id=1) | {"renewBefore": "20m", "renewBeforePercentage": 33},
        "spec",
        "`renewBeforePercentage` may not be set when `renewBefore` is set",
        id="two times of renewal",
    ),
    pytest.param(
        installation(id=1) | {"renewBeforePercentage": 0},
        "spec.renewBeforePercentage",
        "should be greater than or equal to 1",
        id="renewed at no percent",
    ),
    pytest.param(
        installation(id=1) | {"renewBeforePercentage": 100},
        "spec.renewBeforePercentage",
        "should be less than or equal to 99",
        id="renewed at 100 percent",
    ),
    pytest.param(
        installation(id=1) | {"deletionPolicy": "Keep"},
        "spec.deletionPolicy",
        'supported values: "Delete", "Revoke", "Retain"',
        id="an unknown deletion policy",
    ),
    pytest.param(
        installation(id=1) | {"propagation": "Now"},
        "spec.propagation",
        'supported values: "Kubelet", "Immediate"',
        id="an unknown propagation",
    ),
    pytest.param(
        installation(id=1) | {"suspend": "yes"},
        "spec.suspend",
        'must be of type boolean: "string"',
        id="suspend as a word",
    ),
    pytest.param(
        installation(id=1) | {"restartTargets": [{"kind": "Pod", "name": "web"}]},
        "spec.restartTargets.kind",
        'supported values: "Deployment", "StatefulSet", "DaemonSet", "Rollout"',
        id="a pod restarted",
    ),
    pytest.param(
        installation(id=1) | {"restartTargets": [{"kind": "Deployment", "name": "Web"}]},
        "spec.restartTargets.name",
        NAME,
        id="a workload in upper case",
    ),
    pytest.param(
        installation(id=1) | {"restartTargets": [{"kind": "Deployment", "name": "web"}] * 2},
        "spec.restartTargets",
        # API servers differ in how they write the whole.
        '"name":"web"}',
        id="a workload twice",
    ),
]

UNFIT_NAMES = [case.values[0] for case in INSTALLATIONS if case.values[2] in {OWNER, "must be owner/name"}]
CASES = [*KINDS_AND_APPS, *USERS, *INSTALLATIONS, *PERSONALS, *SECRETS, *REST]
OF_THE_CLUSTER = [case for case in CASES if fits_the_cluster(case.values[0])]

NAMESPACES = "`names`, `selector` or both must be set (a selector for all namespaces is written as `selector: {}`)"
NAMESPACE_NAMES = "must be names of namespaces, of lower-case letters, digits and `-`"
VALUES = "`values` must be set with the operators In and NotIn, and only with these"
LABEL_KEY = "must be a valid key of a label, such as `team` or `example.com/team`"
LABEL_VALUES = "must be valid values of labels"
NAMESPACE_CASES = [
    pytest.param(None, "spec.namespaces", "Required value", id="no namespaces"),
    pytest.param({}, "spec.namespaces", NAMESPACES, id="namespaces left empty"),
    pytest.param({"selector": None}, "spec.namespaces", NAMESPACES, id="a selector left empty, which is null"),
    pytest.param({"names": []}, "spec.namespaces.names", "should have at least 1 items", id="no names"),
    pytest.param({"names": ["a", "a"]}, "spec.namespaces.names", 'Duplicate value: "a"', id="a name twice"),
    *(
        pytest.param({"names": [name]}, "spec.namespaces.names", NAMESPACE_NAMES, id=f"a namespace called {name!r}")
        for name in ("", "Team", "team_a", "-team", "team-", "*", "a.b", "a/b", "team\n")
    ),
    pytest.param({"names": ["n" * 64]}, "spec.namespaces.names", "may not be more than 63 bytes", id="a long name"),
    pytest.param(
        {"selector": {"matchLabels": {"not a label": "x"}}},
        "spec.namespaces.selector.matchLabels",
        LABELS,
        id="a label that cannot be",
    ),
    pytest.param(
        {"selector": {"matchExpressions": [{"key": "team", "operator": "In"}]}},
        "spec.namespaces.selector.matchExpressions",
        VALUES,
        id="In nothing",
    ),
    pytest.param(
        {"selector": {"matchExpressions": [{"key": "not a key", "operator": "Exists"}]}},
        "spec.namespaces.selector.matchExpressions.key",
        LABEL_KEY,
        id="a key that cannot be",
    ),
    pytest.param(
        {"selector": {"matchExpressions": [{"key": "team", "operator": "Like"}]}},
        "spec.namespaces.selector.matchExpressions.operator",
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
        id="an unknown operator",
    ),
    pytest.param(
        {"selector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["not a value"]}]}},
        "spec.namespaces.selector.matchExpressions.values",
        LABEL_VALUES,
        id="a value that cannot be",
    ),
]


def token(spec: dict[str, Any], name: str = "t", kind: str = "GitHubToken") -> dict[str, Any]:
    return {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(("spec", "field", "message"), CASES)
def test_a_wrong_token_is_refused_and_told_why(api: API, spec: dict[str, Any], field: str, message: str) -> None:
    answer = api.create(token(spec))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize(("spec", "field", "message"), OF_THE_CLUSTER)
def test_so_is_one_of_the_cluster(api: API, spec: dict[str, Any], field: str, message: str) -> None:
    answer = api.create(token({**ALL_NAMESPACES, **spec}, kind="ClusterGitHubToken"))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize(("namespaces", "field", "message"), NAMESPACE_CASES)
def test_a_wrong_choice_of_namespaces_is_refused_and_told_why(
    api: API, namespaces: object, field: str, message: str
) -> None:
    answer = api.create(token({**installation(id=1), "namespaces": namespaces}, kind="ClusterGitHubToken"))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize("spec", UNFIT_NAMES)
def test_a_wrong_owner_or_repository_gets_one_message_only(api: API, spec: dict[str, Any]) -> None:
    assert len(api.create(token(spec)).causes) == 1


def test_a_long_name_of_a_user_token_needs_a_name_for_the_credential(api: API) -> None:
    answer = api.create(token(user(), name="n" * 243))

    assert answer.causes == {LONG_NAME}


def test_a_long_name_of_a_user_token_is_fine_with_a_name_for_the_credential(api: API) -> None:
    assert api.create(token(user(credentialSecretName="pair"), name="n" * 253)).accepted


LONG_NAME = (
    "spec.user.credentialSecretName",
    "`metadata.name` must have at most 242 characters, or `spec.user.credentialSecretName` must be set",
)


def test_a_field_that_does_not_exist_is_refused(api: API) -> None:
    answer = api.create(token(installation(id=1) | {"renewbefore": "20m"}))

    assert answer.code == 400
    assert 'unknown field "spec.renewbefore"' in answer.body["message"]


def test_a_token_without_a_spec_is_refused(api: API) -> None:
    manifest = token({})
    del manifest["spec"]

    assert api.create(manifest).causes == {("spec", "Required value")}


def test_every_rule_has_a_token_that_breaks_it(rules: Callable[..., set[tuple[str, str]]]) -> None:
    broken = {(case.values[1], case.values[2]) for case in CASES} | {LONG_NAME}

    assert rules("GitHubToken", transitions=False) - broken == set()
    broken |= {(case.values[1], case.values[2]) for case in NAMESPACE_CASES}
    assert rules("ClusterGitHubToken", transitions=False) - broken == set()


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"appRef": {"kind": "GitHubApp", "name": "acme"}}, "spec.appRef.kind"),
        ({"restartTargets": [{"kind": "Deployment", "name": "web"}]}, "spec.restartTargets"),
    ],
)
def test_a_token_of_the_cluster_has_no_app_and_no_workloads_of_a_namespace(
    api: API, spec: dict[str, Any], field: str
) -> None:
    answer = api.create(token({**installation(id=1), **ALL_NAMESPACES, **spec}, kind="ClusterGitHubToken"))

    assert answer.code == 400
    assert f'unknown field "{field}"' in answer.body["message"]
