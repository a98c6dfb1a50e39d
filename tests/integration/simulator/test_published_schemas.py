"""Every answer of the REST API against GitHub's published description, in the version that the description has."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from pydantic import BaseModel

    from tests.integration.simulator.conftest import Scene

VERSION = {"X-GitHub-Api-Version": "2026-03-10"}
models: Any = importlib.import_module("githubkit_schemas.v2026_03_10.models")


def validated(answer: httpx.Response, model: Any, status: int) -> Any:  # noqa: ANN401 - a model or a list of one
    """The parsed answer, when its status and fields are the published ones and it has no others."""
    assert answer.status_code == status, answer.text
    parsed = TypeAdapter(model).validate_python(answer.json())
    _refuse_unpublished_fields(answer.json(), parsed)
    return parsed


def _refuse_unpublished_fields(document: Any, parsed: Any) -> None:  # noqa: ANN401 - any JSON
    if isinstance(parsed, list):
        for one_document, one_parsed in zip(document, parsed, strict=True):
            _refuse_unpublished_fields(one_document, one_parsed)
    elif hasattr(type(parsed), "model_fields"):
        model: type[BaseModel] = type(parsed)
        published = {info.alias or name: name for name, info in model.model_fields.items()}
        if model.model_config.get("extra") != "allow":
            assert set(document) <= set(published), f"{model.__name__} has no {set(document) - set(published)}"
        for alias, name in published.items():
            if alias in document:
                _refuse_unpublished_fields(document[alias], getattr(parsed, name))


def basic_error(answer: httpx.Response, status: int) -> None:
    validated(answer, models.BasicError, status)


def as_app(path: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.call("GET", _filled(path, scene), headers=VERSION)


def as_installation(path: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.call("GET", _filled(path, scene), token=scene.token(), headers=VERSION)


def as_user(path: str) -> Callable[[Scene], httpx.Response]:
    return lambda scene: scene.call("GET", _filled(path, scene), token=scene.sign_in().access_token, headers=VERSION)


def _filled(path: str, scene: Scene) -> str:
    return path.format(installation=scene.installation.id, account=scene.installation.account)


@pytest.mark.parametrize(
    ("ask", "model"),
    [
        pytest.param(as_app("/app"), models.Integration, id="app"),
        pytest.param(as_app("/app/installations"), list[models.Installation], id="installations"),
        pytest.param(as_app("/app/installations/{installation}"), models.Installation, id="installation"),
        pytest.param(as_app("/orgs/{account}/installation"), models.Installation, id="organization-installation"),
        pytest.param(as_app("/users/{account}/installation"), models.Installation, id="account-installation"),
        pytest.param(as_app("/repos/{account}/website/installation"), models.Installation, id="repo-installation"),
        pytest.param(
            as_installation("/installation/repositories"),
            models.InstallationRepositoriesGetResponse200,
            id="installation-repositories",
        ),
        pytest.param(as_installation("/repos/{account}/website"), models.FullRepository, id="repository"),
        pytest.param(as_installation("/rate_limit"), models.RateLimitOverview, id="rate-limit"),
        pytest.param(as_user("/user"), models.PrivateUser, id="private-user"),
        pytest.param(as_user("/user"), models.PublicUser, id="public-user"),
    ],
)
def test_what_is_shown_is_what_is_published(
    scene: Scene, ask: Callable[[Scene], httpx.Response], model: type[BaseModel]
) -> None:
    if model is models.PublicUser:
        # The description says "one of": a private user is a public one with more fields, so only its types are checked.
        TypeAdapter(model).validate_python(ask(scene).json())
    else:
        validated(ask(scene), model, 200)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="all"),
        pytest.param({"permissions": {"contents": "read"}}, id="permissions"),
        pytest.param({"repositories": ["website"]}, id="repositories"),
    ],
)
def test_a_minted_token_is_as_published(scene: Scene, body: dict[str, Any]) -> None:
    path = f"/app/installations/{scene.installation.id}/access_tokens"
    parsed = validated(scene.call("POST", path, json=body, headers=VERSION), models.InstallationToken, 201)
    assert parsed.permissions.metadata == "read"


def test_a_suspended_installation_is_as_published(scene: Scene) -> None:
    scene.github.suspend(scene.installation)
    answer = scene.call("GET", f"/app/installations/{scene.installation.id}", headers=VERSION)
    assert validated(answer, models.Installation, 200).suspended_at is not None


@pytest.mark.parametrize("method", ["POST", "PATCH"], ids=["check", "reset"])
def test_a_user_tokens_authorization_is_as_published(scene: Scene, method: str) -> None:
    answer = scene.client_call(method, "token", {"access_token": scene.sign_in().access_token})
    parsed = validated(answer, models.Authorization, 200)
    assert parsed.expires_at is not None
    assert parsed.user.login == "alice"


@pytest.mark.parametrize(
    ("provoke", "status"),
    [
        pytest.param(lambda s: s.call("GET", "/app", token="a.b.c"), 401, id="bad-jwt"),
        pytest.param(lambda s: s.call("GET", "/user", token="ghu_unknown"), 401, id="bad-token"),
        pytest.param(lambda s: s.call("GET", "/app/installations/1"), 404, id="unknown-installation"),
        pytest.param(lambda s: s.call("GET", "/nothing/here"), 404, id="unknown-path"),
        pytest.param(lambda s: s.call("GET", "/user", token=s.token()), 403, id="installation-is-no-user"),
        pytest.param(lambda s: s.client_call("POST", "token", {"access_token": "ghu_x"}), 404, id="unknown-token"),
    ],
)
def test_refusals_are_basic_errors(scene: Scene, provoke: Callable[[Scene], httpx.Response], status: int) -> None:
    basic_error(provoke(scene), status)


@pytest.mark.parametrize(
    "provoke",
    [
        pytest.param(lambda s: s.mint(permissions={"issues": "admin"}), id="permissions"),
        pytest.param(lambda s: s.mint(repositories=["nothing"]), id="repositories"),
        pytest.param(lambda s: s.client_call("POST", "token", {}), id="missing-field"),
    ],
)
def test_what_cannot_be_processed_is_a_validation_error(
    scene: Scene, provoke: Callable[[Scene], httpx.Response]
) -> None:
    answer = provoke(scene)
    assert answer.status_code == 422
    TypeAdapter(models.ValidationError).validate_python(answer.json())


def test_each_kind_of_loss_of_a_token_has_no_content(scene: Scene) -> None:
    token = scene.token()
    pairs = [scene.sign_in() for _ in range(2)]
    answers = [
        scene.call("DELETE", "/installation/token", token=token),
        scene.client_call("DELETE", "token", {"access_token": pairs[0].access_token}),
        scene.client_call("DELETE", "grant", {"access_token": pairs[1].access_token}),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3


def test_a_report_of_credentials_and_its_refusals_are_as_published(scene: Scene) -> None:
    def report(body: dict[str, Any], **headers: str) -> httpx.Response:
        url = f"{scene.simulator.api_url}/credentials/revoke"
        return scene.http.post(url, json=body, headers={**VERSION, **headers})

    sent = {"credentials": [scene.sign_in().access_token]}
    models.CredentialsRevokePostBody.model_validate(sent)
    # The description has one schema for all empty objects, and calls it after its first use.
    validated(report(sent), models.AppHookDeliveriesDeliveryIdAttemptsPostResponse202, 202)
    basic_error(report(sent, Authorization=f"Bearer {scene.token()}"), 403)
    refused = report({"credentials": []})
    assert refused.status_code == 422
    TypeAdapter(models.ValidationError).validate_python(refused.json())
