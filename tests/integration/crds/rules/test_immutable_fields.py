"""What of a token of either kind can be changed, and what cannot: asked of objects that really exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import ALL_NAMESPACES, APP, fits_the_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.crds.conftest import API, Answer

pytestmark = pytest.mark.every_kubernetes

APP_REF = "`appRef` is immutable"
KIND = "the kind of token (`user`, `installation`, `personal`) is immutable"
SECRET_NAME = "`spec.secret.name` (default: `metadata.name`) is immutable"
CREDENTIAL = "`spec.user.credentialSecretName` is immutable"

INSTALLATION = {"appRef": APP, "installation": {"owner": "acme"}}
USER = {"appRef": APP, "user": {}}
PERSONAL = {"personal": {"secretRef": {"name": "s"}}}


@pytest.fixture(params=["GitHubToken", "ClusterGitHubToken"])
def change(
    request: pytest.FixtureRequest, api: API, namespace: str
) -> Iterator[Callable[[dict[str, Any], dict[str, Any]], Answer]]:
    """Stores a token called `ci` with a spec, and asks for a merge patch of the spec."""
    kind: str = request.param
    manifest = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": "ci"}}
    of_cluster = kind == "ClusterGitHubToken"

    def ask(spec: dict[str, Any], patch: dict[str, Any]) -> Answer:
        if of_cluster and not fits_the_cluster(patch):
            pytest.skip("the kind does not have that field")
        stored = api.create(
            manifest | {"spec": {**(ALL_NAMESPACES if of_cluster else {}), **spec}}, namespace, dry_run=False
        )
        assert stored.accepted, stored.body["message"]
        return api.patch(manifest, {"spec": patch}, namespace)

    yield ask
    api.delete(manifest, namespace)


# The spec that is stored, the merge patch of the spec, the field and the message of the refusal.
FORBIDDEN = [
    pytest.param(INSTALLATION, {"appRef": {"name": "other"}}, "spec.appRef", APP_REF, id="another App"),
    pytest.param(
        INSTALLATION,
        {"appRef": {"kind": "ClusterGitHubApp"}},
        "spec.appRef",
        APP_REF,
        id="the App of that name elsewhere",
    ),
    pytest.param(INSTALLATION, {"appRef": None}, "spec", APP_REF, id="no App any more"),
    pytest.param(PERSONAL, {"appRef": APP}, "spec", APP_REF, id="an App now"),
    pytest.param(INSTALLATION, {"installation": None, "user": {}}, "spec", KIND, id="an installation becomes a user"),
    pytest.param(USER, {"user": None, "installation": {"id": 1}}, "spec", KIND, id="a user becomes an installation"),
    pytest.param(
        USER,
        {"user": None, "appRef": None, "personal": {"secretRef": {"name": "s"}}},
        "spec",
        KIND,
        id="a user becomes personal",
    ),
    pytest.param(
        INSTALLATION, {"secret": {"name": "other"}}, "spec.secret.name", SECRET_NAME, id="the default name changes"
    ),
    pytest.param(
        INSTALLATION | {"secret": {"name": "a"}},
        {"secret": {"name": "b"}},
        "spec.secret.name",
        SECRET_NAME,
        id="the Secret's name changes",
    ),
    pytest.param(
        INSTALLATION | {"secret": {"name": "a"}},
        {"secret": {"name": None}},
        "spec.secret.name",
        SECRET_NAME,
        id="the Secret's name goes",
    ),
    pytest.param(
        INSTALLATION | {"secret": {"name": "a"}},
        {"secret": None},
        "spec.secret.name",
        SECRET_NAME,
        id="the whole secret goes",
    ),
    pytest.param(
        USER,
        {"user": {"credentialSecretName": "other"}},
        "spec.user.credentialSecretName",
        CREDENTIAL,
        id="a credential's name",
    ),
    pytest.param(
        USER | {"user": {"credentialSecretName": "a"}},
        {"user": {"credentialSecretName": "b"}},
        "spec.user.credentialSecretName",
        CREDENTIAL,
        id="another credential's name",
    ),
    pytest.param(
        USER | {"user": {"credentialSecretName": "a"}},
        {"user": {"credentialSecretName": None}},
        "spec.user.credentialSecretName",
        CREDENTIAL,
        id="the credential's name goes",
    ),
]

ALLOWED = [
    pytest.param(INSTALLATION, {"secret": {"name": "ci"}}, id="the default name is written out"),
    pytest.param(INSTALLATION | {"secret": {"name": "ci"}}, {"secret": None}, id="the default name is left out again"),
    pytest.param(INSTALLATION, {"appRef": {"kind": "GitHubApp"}}, id="the default kind is written out"),
    pytest.param(INSTALLATION, {"installation": {"owner": None, "id": 1}}, id="another selector"),
    pytest.param(INSTALLATION, {"installation": {"permissions": {"contents": "read"}}}, id="other permissions"),
    pytest.param(INSTALLATION, {"secret": {"formats": ["DockerConfigJSON"]}}, id="another format, and so another type"),
    pytest.param(
        INSTALLATION, {"renewBefore": "20m", "suspend": True, "deletionPolicy": "Revoke"}, id="when and what then"
    ),
    pytest.param(USER, {"user": {"seedSecretRef": {"name": "s"}, "login": "alice"}}, id="a seed and a login"),
    pytest.param(USER, {"user": {"credentialSecretName": "ci-credential"}}, id="its default is written out"),
    pytest.param(
        USER | {"user": {"credentialSecretName": "ci-credential"}},
        {"user": {"credentialSecretName": None}},
        id="its default is left out again",
    ),
    pytest.param(
        USER | {"user": {"credentialSecretName": "a"}},
        {"user": {"deviceFlow": {}}},
        id="a device flow beside a named credential",
    ),
    pytest.param(PERSONAL, {"personal": {"secretRef": {"name": "s2"}}}, id="another personal token"),
]


@pytest.mark.parametrize(("spec", "patch", "field", "message"), FORBIDDEN)
def test_a_forbidden_change_is_refused_and_told_why(
    change: Callable[..., Answer], spec: dict[str, Any], patch: dict[str, Any], field: str, message: str
) -> None:
    answer = change(spec, patch)

    assert answer.code == 422
    assert (field, message) in answer.causes


@pytest.mark.parametrize(("spec", "patch"), ALLOWED)
def test_an_allowed_change_is_accepted(
    change: Callable[..., Answer], spec: dict[str, Any], patch: dict[str, Any]
) -> None:
    answer = change(spec, patch)

    assert answer.accepted, answer.body["message"]


def test_every_rule_about_a_change_has_a_change_that_breaks_it(rules: Callable[..., set[tuple[str, str]]]) -> None:
    assert rules("GitHubToken", transitions=True) == {(case.values[2], case.values[3]) for case in FORBIDDEN}


@pytest.mark.parametrize("kind", ["GitHubApp", "ClusterGitHubApp"])
def test_everything_of_an_app_may_change(kind: str, rules: Callable[..., set[tuple[str, str]]]) -> None:
    assert rules(kind, transitions=True) == set()
