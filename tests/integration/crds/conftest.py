"""What the tests of the CRDs share: a quick way to ask the real API server, and the rules that the CRDs hold.

Most questions are asked with `dryRun=All`, which runs the whole admission and stores nothing.
"""

from __future__ import annotations

import base64
import re
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.conftest import CRDS

if TYPE_CHECKING:
    from localcluster import ControlPlane

Object = Mapping[str, Any]


ALL_NAMESPACES: Object = {"namespaces": {"selector": {}}}
APP: Object = {"name": "acme"}


def fits_the_cluster(spec: Any) -> bool:  # noqa: ANN401 - as a case of a test has it
    """Whether a ClusterGitHubToken has all of the fields of this spec of a GitHubToken."""
    return "restartTargets" not in spec and "kind" not in (spec.get("appRef") or {})


def manifest(kind: str, spec: Object, name: str = "t") -> dict[str, Any]:
    """An object of ours; `t` is what Secrets of the same name are refused by."""
    return {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def installation(**fields: object) -> dict[str, Any]:
    """The spec of an installation's token."""
    return {"appRef": APP, "installation": fields}


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said to a write: the object as it would be stored, or why it was refused."""

    code: int
    body: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return self.code in {200, 201}

    @property
    def causes(self) -> set[tuple[str, str]]:
        """Field and message of each cause of a refusal, without positions in lists and without the value.

        Of an object, earlier API servers quote the word `object` in place of a value, and later ones nothing.
        """
        causes = self.body.get("details", {}).get("causes", [])
        return {
            (
                re.sub(r"\[\d+\]", "", cause["field"]),
                re.sub(r'^(Invalid|Unsupported) value: (("[^"]*"|\d+|-\d+): )?', "", text),
            )
            for cause in causes
            # Said in addition wherever the schema itself refuses a value, before any rule was tried.
            if "some validation rules were not checked" not in (text := cause["message"])
        }


class API:
    """The API server as an administrator sees it, without a client library in between."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def create(self, manifest: Object, namespace: str = "default", *, dry_run: bool = True) -> Answer:
        return self._send("POST", self._path(manifest, namespace, named=False), manifest, dry_run=dry_run)

    def apply(self, manifest: Object, namespace: str = "default") -> Answer:
        """A server-side apply, as a dry run."""
        return self._send("PATCH", self._path(manifest, namespace, named=True), manifest, apply=True)

    def patch(self, manifest: Object, patch: Object, namespace: str = "default", *, subresource: str = "") -> Answer:
        """Apply a JSON merge patch; one of the spec is a dry run, one of a subresource is not."""
        path = self._path(manifest, namespace, named=True) + subresource
        return self._send("PATCH", path, patch, dry_run=not subresource)

    def delete(self, manifest: Object, namespace: str = "default") -> Answer:
        return self._send("DELETE", self._path(manifest, namespace, named=True), {}, dry_run=False)

    def delete_all(self, kind: str, namespace: str) -> Answer:
        """Delete all objects of ours of that kind in a namespace."""
        return self._send("DELETE", self._path(manifest(kind, {}), namespace, named=False), {}, dry_run=False)

    def openapi(self) -> dict[str, Any]:
        """The published description of our group, which `kubectl explain` reads."""
        schemas: dict[str, Any] = self._client.get("/openapi/v3/apis/githubtoken.dev/v1alpha1").json()
        return schemas

    def _send(self, method: str, path: str, body: Object, *, dry_run: bool = True, apply: bool = False) -> Answer:
        parameters = {"fieldValidation": "Strict"} if method != "DELETE" else {}
        parameters |= {"dryRun": "All"} if dry_run else {}
        parameters |= {"fieldManager": "somebody"} if apply else {}
        # JSON is YAML too.
        patch = "application/apply-patch+yaml" if apply else "application/merge-patch+json"
        headers = {"Content-Type": patch} if method == "PATCH" else {}
        answer = self._client.request(method, path, params=parameters, json=body, headers=headers)
        return Answer(answer.status_code, answer.json())

    @staticmethod
    def _path(manifest: Object, namespace: str, *, named: bool) -> str:
        version, kind = manifest["apiVersion"], manifest["kind"]
        group = f"/apis/{version}" if "/" in version else f"/api/{version}"
        place = "" if kind.startswith(("Cluster", "Namespace", "SubjectAccessReview")) else f"/namespaces/{namespace}"
        name = f"/{manifest['metadata']['name']}" if named else ""
        return f"{group}{place}/{kind.lower()}s{name}"


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[API]:
    context = ssl.create_default_context(cafile=str(control_plane.ca_file))
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(base_url=control_plane.server, verify=context, headers=headers, timeout=30) as client:
        yield API(client)


@pytest.fixture
def namespace(api: API) -> Iterator[str]:
    """A new namespace, made without kubectl and left empty: these tests are many and each takes milliseconds."""
    name = f"crds-{secrets.token_hex(4)}"
    assert api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, dry_run=False).accepted
    yield name
    for kind in ("GitHubToken", "GitHubApp"):
        assert api.delete_all(kind, name).accepted


@pytest.fixture(scope="session")
def crds() -> dict[str, Any]:
    """The CRDs by kind."""
    parsed = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return {crd["spec"]["names"]["kind"]: crd for crd in parsed}


@pytest.fixture(scope="session")
def schemas(crds: dict[str, Any]) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """By kind the whole schema and every schema in it, with its path; what is in a list has the path of the list."""
    return {kind: list(_walk(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])) for kind, crd in crds.items()}


@pytest.fixture(scope="session")
def rules(schemas: dict[str, list[tuple[str, dict[str, Any]]]]) -> Callable[..., set[tuple[str, str]]]:
    """Field and message of the rules of a kind's spec: those about a change, or those about the object itself."""

    def rules_of(kind: str, *, transitions: bool) -> set[tuple[str, str]]:
        return {
            (rule.get("fieldPath", path).removeprefix("."), rule["message"])
            for path, part in schemas[kind]
            if not path.startswith(".status")
            for rule in part.get("x-kubernetes-validations", [])
            if ("oldSelf" in rule["rule"]) == transitions
        }

    return rules_of


def _walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from _walk(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from _walk(schema[inner], path)
