"""What a human sees of the kinds through kubectl."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from localcluster import KubectlError
from tests.integration.crds.conftest import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcluster import ControlPlane
    from tests.integration.crds.conftest import API

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Fresh",
    "message": "token valid until noon",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
TOKEN_STATUS = {
    "kind": "Installation",
    "secretName": "ci-token",
    "expirationTime": "2099-01-01T01:00:00Z",
    "renewalTime": "2099-01-01T00:40:00Z",
    "account": "acme-inc",
    "revision": 3,
    "conditions": [READY],
}
APP_STATUS = {"slug": "acme-bot", "owner": "acme-inc", "conditions": [READY | {"reason": "Accepted"}]}


def token(name: str, app: str = "acme") -> dict[str, Any]:
    return manifest("GitHubToken", {"appRef": {"name": app}, "installation": {"owner": "acme"}}, name)


@pytest.fixture
def store(api: API, namespace: str) -> Iterator[Callable[..., None]]:
    """Stores objects, perhaps with a status, in the test's namespace (or the cluster) until the test ends."""
    stored: list[dict[str, Any]] = []

    def put(*objects: dict[str, Any], status: dict[str, Any] | None = None) -> None:
        for each in objects:
            answer = api.create(each, namespace, dry_run=False)
            assert answer.accepted, answer.body["message"]
            stored.append(each)
            if status is not None:
                assert api.patch(each, {"status": status}, namespace, subresource="/status").accepted

    yield put
    for each in stored:
        api.delete(each, namespace)


def table(output: str) -> list[list[str]]:
    """The lines of a table that kubectl printed, as cells: two blanks part them."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in output.splitlines()]


def test_a_token_shows_its_state_in_columns(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str
) -> None:
    store(token("ci"), status=TOKEN_STATUS)

    header, row = table(control_plane.kubectl("get", "ght", f"--namespace={namespace}"))

    assert header == ["NAME", "READY", "REASON", "KIND", "SECRET", "EXPIRES", "RENEWS", "AGE"]
    times = ["2099-01-01T01:00:00Z", "2099-01-01T00:40:00Z"]
    assert row[:-1] == ["ci", "True", "Fresh", "Installation", "ci-token", *times]


@pytest.mark.every_kubernetes
def test_a_token_shows_more_when_there_is_room(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str
) -> None:
    store(token("ci"), status=TOKEN_STATUS)

    header, row = table(control_plane.kubectl("get", "ght", f"--namespace={namespace}", "--output=wide"))

    assert header[-4:] == ["APP", "ACCOUNT", "REVISION", "MESSAGE"]
    assert row[-4:] == ["acme", "acme-inc", "3", "token valid until noon"]


def test_a_token_of_the_cluster_shows_how_many_namespaces_have_it(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str
) -> None:
    spec = {"appRef": {"name": "acme"}, "installation": {"owner": "acme"}, "namespaces": {"names": ["a", "b"]}}
    counts = {"wanted": 200, "current": 199, "failed": 1, "summary": "199/200"}
    store(manifest("ClusterGitHubToken", spec, namespace), status=TOKEN_STATUS | {"namespaces": counts})

    header, row = table(control_plane.kubectl("get", "cght", namespace))
    wide, more = table(control_plane.kubectl("get", "cght", namespace, "--output=wide"))

    assert header == ["NAME", "READY", "REASON", "KIND", "SECRET", "NAMESPACES", "EXPIRES", "RENEWS", "AGE"]
    times = ["2099-01-01T01:00:00Z", "2099-01-01T00:40:00Z"]
    assert row[:-1] == [namespace, "True", "Fresh", "Installation", "ci-token", "199/200", *times]
    assert wide[len(header) :] == ["APP", "ACCOUNT", "REVISION", "MESSAGE"]
    assert more[len(header) :] == ["acme", "acme-inc", "3", "token valid until noon"]


@pytest.mark.parametrize(("kind", "short"), [("GitHubApp", "gha"), ("ClusterGitHubApp", "cgha")])
def test_an_app_shows_its_state_in_columns(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str, kind: str, short: str
) -> None:
    # Named after the namespace, so that the cluster-scoped kind is new as well.
    store(manifest(kind, {"appID": 1}, namespace), status=APP_STATUS)

    header, row = table(control_plane.kubectl("get", short, namespace, f"--namespace={namespace}", "--output=wide"))

    assert header == ["NAME", "READY", "REASON", "SLUG", "OWNER", "AGE", "MESSAGE"]
    assert row[:5] == [namespace, "True", "Accepted", "acme-bot", "acme-inc"]
    assert row[-1] == "token valid until noon"


def test_the_category_lists_all_kinds(store: Callable[..., None], control_plane: ControlPlane, namespace: str) -> None:
    apps = [manifest(kind, {"appID": 1}, namespace) for kind in ("GitHubApp", "ClusterGitHubApp")]
    of_cluster = {"appRef": {"name": "acme"}, "installation": {"owner": "acme"}, "namespaces": {"names": ["a"]}}
    store(token("ci"), manifest("ClusterGitHubToken", of_cluster, namespace), *apps)

    lines = control_plane.kubectl("get", "github", "--all-namespaces", "--no-headers", "--output=name").split()

    assert {
        "githubtoken.githubtoken.dev/ci",
        f"clustergithubtoken.githubtoken.dev/{namespace}",
        f"githubapp.githubtoken.dev/{namespace}",
        f"clustergithubapp.githubtoken.dev/{namespace}",
    } <= set(lines)


@pytest.mark.parametrize("words", [("ght", "ci"), ("githubtokens", "ci"), ("githubtoken", "ci"), ("githubtoken/ci",)])
def test_one_token_is_named_by_short_name_plural_or_singular(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str, words: tuple[str, ...]
) -> None:
    store(token("ci"))

    output = control_plane.kubectl("get", *words, f"--namespace={namespace}", "--output=name")

    assert output == "githubtoken.githubtoken.dev/ci\n"


def test_deleting_all_tokens_leaves_the_apps(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str
) -> None:
    apps = [manifest(kind, {"appID": 1}, namespace) for kind in ("GitHubApp", "ClusterGitHubApp")]
    store(token("ci"), token("cd"), *apps)

    control_plane.kubectl("delete", "githubtoken", "--all", f"--namespace={namespace}")

    left = control_plane.kubectl("get", "github", "--all-namespaces", "--output=name").split()
    assert {f"githubapp.githubtoken.dev/{namespace}", f"clustergithubapp.githubtoken.dev/{namespace}"} <= set(left)
    assert control_plane.kubectl("get", "ght", f"--namespace={namespace}", "--output=name") == ""


@pytest.mark.every_kubernetes
def test_tokens_are_selected_by_their_app(
    store: Callable[..., None], control_plane: ControlPlane, namespace: str
) -> None:
    store(token("one"), token("two", app="other"))

    output = control_plane.kubectl(
        "get", "ght", f"--namespace={namespace}", "--field-selector=spec.appRef.name=other", "--output=name"
    )

    assert output == "githubtoken.githubtoken.dev/two\n"


def test_kubectl_prints_the_message_of_a_rule(control_plane: ControlPlane) -> None:
    wrong = token("ci") | {"spec": {"appRef": {"name": "acme"}, "installation": {"owner": "acme/website"}}}

    with pytest.raises(KubectlError, match="must be the login of an organisation or user, without slashes"):
        control_plane.kubectl("apply", "--dry-run=server", "--filename=-", stdin=json.dumps(wrong))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("ght.spec.installation.owner", "The login of the organisation or user", id="a field of a token"),
        pytest.param("ght.status.conditions", "`Fresh`: the stored token is valid", id="the reasons of a token"),
        pytest.param("gha.spec.maxPermissions", "The most that a GitHubToken may ask for", id="a field of an App"),
        pytest.param("cgha.spec.allowedNamespaces.from", "`All`: every namespace", id="a field of a cluster's App"),
    ],
)
def test_kubectl_explains_a_field(api: API, control_plane: ControlPlane, path: str, text: str) -> None:
    published(api)

    assert text in " ".join(control_plane.kubectl("explain", path).split())


def test_every_field_that_kubectl_explains_has_a_description(
    api: API, schemas: dict[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    document = published(api)

    for kind, parts in schemas.items():
        own = document["components"]["schemas"][f"dev.githubtoken.v1alpha1.{kind}"]["properties"]
        for path, _ in parts:
            assert described(own, path), f"{kind}{path}"


def described(properties: dict[str, Any], path: str) -> bool:
    """Whether the field at a path such as `.spec.user` is published with a description."""
    field: dict[str, Any] = {"properties": properties, "description": "the kind itself"}
    for name in path.split(".")[1:]:
        field = field.get("items", field)["properties"][name]
    return bool(field["description"])


def published(api: API) -> dict[str, Any]:
    """The description of our group, once the API server has published it: it does so soon after the CRDs are served."""
    for _ in range(100):
        document = api.openapi()
        known = str(document.get("components", {}).get("schemas", {}).keys())
        if all(f"v1alpha1.{kind}'" in known for kind in ("GitHubToken", "GitHubApp", "ClusterGitHubApp")):
            return document
        time.sleep(0.1)
    raise AssertionError("the API server has not published our kinds")
