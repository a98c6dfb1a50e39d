"""Tokens of both kinds that the API server must refuse, each with the field and the message that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import ALL_NAMESPACES, APP, base64_of, fits_the_cluster, installation, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet

    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes

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


def user(**fields: object) -> dict[str, Any]:
    return {"appRef": APP, "user": fields}


def personal(**fields: object) -> dict[str, Any]:
    return {"personal": {"secretRef": SECRET_REF} | fields}


def secret(**fields: object) -> dict[str, Any]:
    return installation(id=1) | {"secret": fields}


def spec(**fields: object) -> dict[str, Any]:
    """A whole spec, with these fields beside the source of its token."""
    return installation(id=1) | fields


PATHS = {installation: "spec.installation", user: "spec.user", personal: "spec.personal", secret: "spec.secret"}


def row(part: Callable[..., dict[str, Any]], field: str, message: str, what: str, **fields: object) -> ParameterSet:
    """The part of a spec with these fields, and what is said of one of them, or of the part itself ("")."""
    path = ".".join(step for step in (PATHS.get(part, "spec"), field) if step)
    return pytest.param(part(**fields), path, message, id=what)


KINDS_AND_APPS = [
    pytest.param({"appRef": APP}, "spec", ONE_KIND, id="no kind of token"),
    pytest.param({"appRef": APP, "user": None}, "spec", ONE_KIND, id="a user left empty, which is null"),
    pytest.param(user() | installation(id=1), "spec", ONE_KIND, id="two kinds"),
    pytest.param(user() | installation(id=1) | personal(), "spec", ONE_KIND, id="all kinds"),
    pytest.param({"installation": {"id": 1}}, "spec", APP_REF, id="an installation without an App"),
    pytest.param({"user": {}}, "spec", APP_REF, id="a user without an App"),
    pytest.param(personal() | {"appRef": APP}, "spec", APP_REF, id="a personal token with an App"),
    row(spec, "appRef.name", "Required value", "no name", appRef={"kind": "GitHubApp"}),
    row(
        spec,
        "appRef.kind",
        'supported values: "GitHubApp", "ClusterGitHubApp"',
        "an App of another kind",
        appRef={"kind": "App", "name": "acme"},
    ),
    *(
        row(spec, "appRef.name", NAME, f"an App called {name!r}", appRef={"name": name})
        for name in ("", "Acme", "acme_app", "-acme", "acme-", "a..b", "../acme", "a/b", "acme\n")
    ),
]

USERS = [
    row(user, "seedSecretRef.name", "Required value", "a seed without a name", seedSecretRef={}),
    row(user, "seedSecretRef.name", NAME, "a seed in upper case", seedSecretRef={"name": "S"}),
    *(
        row(user, "seedSecretRef.key", KEY, f"a seed key {key!r}", seedSecretRef=SECRET_REF | {"key": key})
        for key in ("", "a/b", "a b")
    ),
    row(user, "deviceFlow.scopes", SCOPES, "scopes in one string", deviceFlow={"scopes": ["repo user"]}),
    row(user, "deviceFlow.scopes", SCOPES, "an empty scope", deviceFlow={"scopes": [""]}),
    row(user, "deviceFlow.scopes", 'Duplicate value: "repo"', "a scope twice", deviceFlow={"scopes": ["repo", "repo"]}),
    *(
        row(user, "login", LOGIN, f"a user called {login!r}", login=login)
        for login in ("", "@alice", "alice/bob", "..", "alice bob")
    ),
    row(user, "credentialSecretName", NAME, "a credential in upper case", credentialSecretName="A"),
    row(user, "credentialSecretName", CREDENTIAL_IS_SECRET, "credential and Secret in one", credentialSecretName="t"),
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
    row(installation, "", ONE_INSTALLATION, "no installation"),
    row(installation, "", ONE_INSTALLATION, "number and owner", id=1, owner="acme"),
    row(installation, "", ONE_INSTALLATION, "owner and repository", owner="acme", repository="acme/x"),
    row(installation, "", ONE_INSTALLATION, "all three", id=1, owner="a", repository="a/b"),
    row(installation, "id", "should be greater than or equal to 1", "installation number 0", id=0),
    row(installation, "id", 'must be of type integer: "string"', "a number as a string", id="1"),
    *(
        row(installation, "owner", OWNER, f"an owner called {owner!r}", owner=owner)
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
    row(installation, "owner", "may not be more than 100 bytes", "a long owner", owner="a" * 101),
    *(
        row(
            installation,
            "repository",
            "must be owner/name",
            f"a repository called {repository!r}",
            repository=repository,
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
        row(installation, "repositories", REPOSITORIES, f"narrowed to {name!r}", owner="acme", repositories=[name])
        for name in ("", "acme/website", ".", "..", "../x", "web site", "*")
    ),
    row(
        installation,
        "repositories",
        'Duplicate value: "a"',
        "a repository twice",
        owner="acme",
        repositories=["a", "a"],
    ),
    row(
        installation,
        "repositories",
        "should have at least 1 items",
        "narrowed to nothing",
        owner="acme",
        repositories=[],
    ),
    row(
        installation,
        "repositories",
        "must have at most 500 items",
        "501 repositories",
        owner="acme",
        repositories=[f"r{number}" for number in range(501)],
    ),
    row(
        installation,
        "repositoryIDs",
        "must have at most 500 items",
        "501 numbers",
        owner="acme",
        repositoryIDs=list(range(1, 502)),
    ),
    row(
        installation,
        "repositoryIDs",
        "should have at least 1 items",
        "narrowed to no number",
        owner="acme",
        repositoryIDs=[],
    ),
    row(
        installation,
        "repositoryIDs",
        "should be greater than or equal to 1",
        "repository number 0",
        owner="acme",
        repositoryIDs=[0],
    ),
    row(
        installation,
        "",
        "`repositoryIDs` may not be set when `repositories` is set",
        "names and numbers",
        owner="acme",
        repositories=["a"],
        repositoryIDs=[1],
    ),
    row(installation, "", NOT_WITH_REPOSITORY, "names beside one", repository="acme/a", repositories=["a"]),
    row(installation, "", NOT_WITH_REPOSITORY, "numbers beside one", repository="acme/a", repositoryIDs=[1]),
    *(
        row(installation, "permissions", PERMISSIONS, f"a permission called {name!r}", id=1, permissions={name: "read"})
        for name in ("", "Contents", "pull-requests", "pull requests", "_x", "p" * 65)
    ),
    row(
        installation,
        "permissions.contents",
        'supported values: "read", "write", "admin"',
        "a permission of none",
        id=1,
        permissions={"contents": "none"},
    ),
    row(installation, "permissions", "should have at least 1 properties", "no permission at all", id=1, permissions={}),
]

PERSONALS = [
    pytest.param({"personal": {}}, "spec.personal.secretRef", "Required value", id="a personal token nowhere"),
    row(personal, "secretRef.name", NAME, "a Secret in upper case", secretRef={"name": "S"}),
    row(personal, "secretRef.key", KEY, "a key with a slash", secretRef={"name": "s", "key": "a/b"}),
    pytest.param(
        personal(secretRef={"name": "t"}), "spec.secret.name", PERSONAL_IS_SECRET, id="read and written in one"
    ),
    pytest.param(
        personal() | {"secret": {"name": "s"}},
        "spec.secret.name",
        PERSONAL_IS_SECRET,
        id="read and written in one by name",
    ),
    row(personal, "apiURL", URL, "an API without a scheme", apiURL="ghe.example"),
    row(personal, "apiURL", HTTPS, "an API without TLS", apiURL="http://ghe.example"),
    row(personal, "webURL", URL, "a web address with a slash", webURL="https://ghe.example/"),
    row(personal, "webURL", HTTPS, "a web address without TLS", webURL="http://ghe.example"),
    row(personal, "caBundle", BASE64, "a CA that is not base64", caBundle="-----BEGIN CERTIFICATE-----"),
    row(personal, "caBundle", CA_BUNDLE, "a CA that is no PEM", caBundle=base64_of("x")),
    pytest.param(
        personal() | {"deletionPolicy": "Revoke"},
        "spec",
        "`deletionPolicy` must not be 'Revoke' with `personal`",
        id="a human's token revoked",
    ),
]

_RESERVED_KEYS = ("githubtoken.dev/role", "kubernetes.io/x", "app.kubernetes.io/name", "k8s.io/x", "a.b.k8s.io/x")
SECRETS = [
    *(row(secret, "name", NAME, f"a Secret called {name!r}", name=name) for name in ("", "Token", "a/b", "..", "a_b")),
    row(secret, "name", "may not be more than 253 bytes", "a long name", name="n" * 254),
    row(
        secret,
        "type",
        'supported values: "Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson"',
        "a ServiceAccount's token as type",
        type="kubernetes.io/service-account-token",
    ),
    row(secret, "", DOCKER_TYPE, "a docker type for Env", type="kubernetes.io/dockerconfigjson", formats=["Env"]),
    row(secret, "", DOCKER_TYPE, "a docker format in an Opaque Secret", type="Opaque", formats=["DockerConfigJSON"]),
    row(secret, "", DOCKER_TYPE, "the type of Docker's file alone", type="kubernetes.io/dockerconfigjson"),
    row(secret, "", BASIC_TYPE, "basic-auth for Env", type="kubernetes.io/basic-auth", formats=["Env"]),
    row(secret, "", BASIC_TYPE, "basic-auth alone", type="kubernetes.io/basic-auth"),
    row(
        secret,
        "formats",
        'supported values: "BasicAuth", "GitCredentials", "Netrc", '
        '"DockerConfigJSON", "GHHosts", "ArgoCDRepository", "Env"',
        "an unknown format",
        formats=["Yaml"],
    ),
    row(secret, "formats", 'Duplicate value: "Env"', "a format twice", formats=["Env", "Env"]),
    row(secret, "formats", TWO_FORMATS, "two types at once", formats=["BasicAuth", "DockerConfigJSON"]),
    pytest.param(secret(formats=["ArgoCDRepository"]), "spec", ARGO_CD, id="Argo CD by the installation's number"),
    pytest.param(
        installation(enterprise="acme-inc") | {"secret": {"formats": ["ArgoCDRepository"]}},
        "spec",
        ARGO_CD,
        id="Argo CD by enterprise",
    ),
    row(installation, "", ONE_INSTALLATION, "enterprise and owner", enterprise="acme-inc", owner="acme"),
    row(
        installation,
        "",
        "`repositories` and `repositoryIDs` may not be set when `enterprise` is set",
        "enterprise and repositories",
        enterprise="acme-inc",
        repositories=["website"],
    ),
    row(
        installation,
        "enterprise",
        "must be the slug of an enterprise, without slashes",
        "enterprise with a slash",
        enterprise="enterprises/acme",
    ),
    pytest.param(user() | {"secret": {"formats": ["ArgoCDRepository"]}}, "spec", ARGO_CD, id="Argo CD for a user"),
    *(
        pytest.param(secret(**{field: {key: "x"}}), f"spec.secret.{field}", RESERVED, id=f"{key} among the {field}")
        for field in ("labels", "annotations")
        for key in _RESERVED_KEYS
    ),
    *(
        row(secret, "labels", LABELS, f"the label {labels}", labels=labels)
        for labels in ({"": "x"}, {"a b": "x"}, {"a/b/c": "x"}, {"Example.com/x": "x"}, {"x": "a b"}, {"x": "-"})
    ),
    *(
        row(secret, "annotations", ANNOTATIONS, f"the annotation {key!r}", annotations={key: "x"})
        for key in ("", "a b", "a/b/c", "Example.com/x")
    ),
    row(secret, "labels", "must have at most 32 items", "33 labels", labels={f"l{number}": "" for number in range(33)}),
    *(
        row(secret, "data", DATA_KEYS, f"data called {key!r}", data={key: "x"})
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
        row(secret, "data", TEMPLATE, f"the template {text!r}", data={"x": text})
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
    row(secret, "data.x", "may not be more than 8192 bytes", "a template that is too long", data={"x": "x" * 8193}),
]

REST = [
    *(
        row(spec, "renewBefore", RENEW_BEFORE, f"renewed {value!r} before", renewBefore=value)
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
    row(
        spec,
        "",
        "`renewBeforePercentage` may not be set when `renewBefore` is set",
        "two times of renewal",
        renewBefore="20m",
        renewBeforePercentage=33,
    ),
    row(
        spec,
        "renewBeforePercentage",
        "should be greater than or equal to 1",
        "renewed at no percent",
        renewBeforePercentage=0,
    ),
    row(
        spec,
        "renewBeforePercentage",
        "should be less than or equal to 99",
        "renewed at 100 percent",
        renewBeforePercentage=100,
    ),
    row(
        spec,
        "deletionPolicy",
        'supported values: "Delete", "Revoke", "Retain"',
        "an unknown deletion policy",
        deletionPolicy="Keep",
    ),
    row(spec, "propagation", 'supported values: "Kubelet", "Immediate"', "an unknown propagation", propagation="Now"),
    row(spec, "suspend", 'must be of type boolean: "string"', "suspend as a word", suspend="yes"),
    row(
        spec,
        "restartTargets.kind",
        'supported values: "Deployment", "StatefulSet", "DaemonSet", "Rollout"',
        "a pod restarted",
        restartTargets=[{"kind": "Pod", "name": "web"}],
    ),
    row(
        spec,
        "restartTargets.name",
        NAME,
        "a workload in upper case",
        restartTargets=[{"kind": "Deployment", "name": "Web"}],
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


@pytest.mark.parametrize(("spec", "field", "message"), CASES)
def test_a_wrong_token_is_refused_and_told_why(api: API, spec: dict[str, Any], field: str, message: str) -> None:
    answer = api.create(manifest("GitHubToken", spec))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize(("spec", "field", "message"), OF_THE_CLUSTER)
def test_so_is_one_of_the_cluster(api: API, spec: dict[str, Any], field: str, message: str) -> None:
    answer = api.create(manifest("ClusterGitHubToken", {**ALL_NAMESPACES, **spec}))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize(("namespaces", "field", "message"), NAMESPACE_CASES)
def test_a_wrong_choice_of_namespaces_is_refused_and_told_why(
    api: API, namespaces: object, field: str, message: str
) -> None:
    answer = api.create(manifest("ClusterGitHubToken", {**installation(id=1), "namespaces": namespaces}))

    assert answer.code == 422
    assert [text for where, text in answer.causes if where == field and text.endswith(message)]


@pytest.mark.parametrize("spec", UNFIT_NAMES)
def test_a_wrong_owner_or_repository_gets_one_message_only(api: API, spec: dict[str, Any]) -> None:
    assert len(api.create(manifest("GitHubToken", spec)).causes) == 1


def test_a_long_name_of_a_user_token_needs_a_name_for_the_credential(api: API) -> None:
    answer = api.create(manifest("GitHubToken", user(), name="n" * 243))

    assert answer.causes == {LONG_NAME}


def test_a_long_name_of_a_user_token_is_fine_with_a_name_for_the_credential(api: API) -> None:
    assert api.create(manifest("GitHubToken", user(credentialSecretName="pair"), name="n" * 253)).accepted


LONG_NAME = (
    "spec.user.credentialSecretName",
    "`metadata.name` must have at most 242 characters, or `spec.user.credentialSecretName` must be set",
)


def test_a_field_that_does_not_exist_is_refused(api: API) -> None:
    answer = api.create(manifest("GitHubToken", installation(id=1) | {"renewbefore": "20m"}))

    assert answer.code == 400
    assert 'unknown field "spec.renewbefore"' in answer.body["message"]


def test_a_token_without_a_spec_is_refused(api: API) -> None:
    bare = manifest("GitHubToken", {})
    del bare["spec"]

    assert api.create(bare).causes == {("spec", "Required value")}


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
    answer = api.create(manifest("ClusterGitHubToken", {**installation(id=1), **ALL_NAMESPACES, **spec}))

    assert answer.code == 400
    assert f'unknown field "{field}"' in answer.body["message"]
