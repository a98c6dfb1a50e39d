"""The status of each kind: what it holds before the operator saw an object, and what can be written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crds.conftest import ALL_NAMESPACES, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.crds.conftest import API

pytestmark = pytest.mark.every_kubernetes

TIME = "2026-01-01T00:00:00Z"
SPECS: dict[str, dict[str, Any]] = {
    "GitHubToken": {"appRef": {"name": "acme"}, "installation": {"id": 1}},
    "GitHubApp": {"appID": 1},
    "ClusterGitHubApp": {"appID": 1},
}
SPECS["ClusterGitHubToken"] = {**SPECS["GitHubToken"], **ALL_NAMESPACES}
FULL_STATUS = {
    "GitHubToken": {
        "kind": "User",
        "account": "alice",
        "observedGeneration": 1,
        "revision": 3,
        "secretName": "ci",
        "tokenSHA256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "issuedTime": TIME,
        "lastCheckTime": TIME,
        "expirationTime": TIME,
        "renewalTime": TIME,
        "refreshTokenExpirationTime": TIME,
        "permissions": {"contents": "read"},
        "repositorySelection": "selected",
        "failedAttempts": 1,
        "lastFailureTime": TIME,
        "lastFailureInputs": "0" * 64,
        "nextAttemptTime": TIME,
        "deviceFlow": {
            "userCode": "WDJB-MJHT",
            "verificationURI": "https://github.com/login/device",
            "expirationTime": TIME,
        },
        "lastHandledRefreshAt": "x" * 64,
        "lastHandledLoginAt": "x" * 64,
        "installation": {
            "host": "api.github.com",
            "selector": "acme/web",
            "id": 1,
            "repositoryID": 5,
            "repository": "acme/website",
        },
        "restartedRevision": 3,
    },
    "GitHubApp": {
        "keyFingerprint": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "lastCheckTime": TIME,
        "observedGeneration": 1,
        "slug": "acme",
        "owner": "acme",
        "permissions": {"contents": "read"},
        "tokens": 2,
    },
}
FULL_STATUS["ClusterGitHubApp"] = FULL_STATUS["GitHubApp"]
FULL_STATUS["ClusterGitHubToken"] = {
    **{key: value for key, value in FULL_STATUS["GitHubToken"].items() if key != "restartedRevision"},
    "namespaces": {"wanted": 200, "current": 199, "failed": 1, "summary": "199/200"},
    "failures": [{"namespace": f"n{each}", "reason": "SecretConflict", "message": "m" * 1024} for each in range(20)],
    "notesSHA256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}


def condition(**changes: object) -> dict[str, object]:
    return {
        "type": "Ready",
        "status": "True",
        "reason": "Fresh",
        "message": "",
        "lastTransitionTime": TIME,
        "observedGeneration": 1,
    } | changes


@pytest.fixture(params=["GitHubToken", "GitHubApp", "ClusterGitHubApp", "ClusterGitHubToken"])
def stored(request: pytest.FixtureRequest, api: API, namespace: str) -> Iterator[dict[str, Any]]:
    """One stored object of each kind."""
    kind = request.param
    # The name of the namespace, so that the cluster-scoped kind is new to each test as well.
    body = manifest(kind, SPECS[kind], namespace)
    answer = api.create(body, namespace, dry_run=False)
    assert answer.accepted, answer.body["message"]
    yield answer.body
    api.delete(body, namespace)


def test_a_new_object_does_not_count_as_seen(stored: dict[str, Any]) -> None:
    assert stored["status"] == {"observedGeneration": -1}


def test_a_status_in_what_a_user_applies_is_not_believed(api: API) -> None:
    status = {"observedGeneration": 1, "conditions": [condition()]}

    answer = api.create(manifest("GitHubToken", SPECS["GitHubToken"]) | {"status": status})

    assert answer.body["status"] == {"observedGeneration": -1}


def test_the_whole_status_can_be_written(api: API, namespace: str, stored: dict[str, Any]) -> None:
    status = FULL_STATUS[stored["kind"]] | {"conditions": [condition(), condition(type="Stalled", message="m" * 1024)]}

    answer = api.patch(stored, {"status": status}, namespace, subresource="/status")

    assert answer.body["status"] == status


def test_every_field_of_the_status_is_tried(crds: dict[str, Any]) -> None:
    for kind, crd in crds.items():
        properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        assert set(properties) == set(FULL_STATUS[kind]) | {"conditions"}


@pytest.mark.parametrize(
    ("status", "field"),
    [
        pytest.param({"conditions": [condition(message="m" * 1025)]}, "status.conditions.message", id="a long message"),
        pytest.param({"conditions": [condition(reason="")]}, "status.conditions.reason", id="no reason"),
        pytest.param(
            {"conditions": [condition(reason="Not Fresh")]}, "status.conditions.reason", id="a reason of two words"
        ),
        pytest.param({"conditions": [condition(status="Yes")]}, "status.conditions.status", id="a status of its own"),
        pytest.param({"conditions": [condition(), condition()]}, "status.conditions", id="a condition twice"),
        pytest.param(
            {"conditions": [condition(type=f"T{n}") for n in range(9)]}, "status.conditions", id="nine conditions"
        ),
        pytest.param({"permissions": {"p" * 65: "read"}}, "status.permissions", id="a long name of a permission"),
        pytest.param({"observedGeneration": -2}, "status.observedGeneration", id="a generation below -1"),
    ],
)
def test_a_wrong_status_is_refused(
    api: API, namespace: str, stored: dict[str, Any], status: dict[str, Any], field: str
) -> None:
    answer = api.patch(stored, {"status": status}, namespace, subresource="/status")

    assert field in {where for where, _ in answer.causes}
