"""The cluster as `githubtoken status` and `doctor` look at it: single objects, lists, rights, and the operator itself.

A Secret is reduced to what may be shown as soon as it is read; of a private key that is its fingerprint, as GitHub
shows it in an App's settings, or what is wrong with it. Of lists of Secrets only metadata is asked for. Every method
raises a subclass of `ApiError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import METADATA, Kind
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.adapters.kubernetes.lease import LEASE_NAME as LEASE
from githubtoken_operator.domain.apps import key_text, rsa_key
from githubtoken_operator.domain.consumer import mounts
from githubtoken_operator.domain.objects.secrets import ROLE, annotations_of, controller_of, decoded_bytes, labels_of
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION
from githubtoken_operator.domain.vocabulary.model import JSON

_COMPONENT: Final = "app.kubernetes.io/component=operator"
_OPERATOR: Final = "githubtoken-operator"
_NAMED_BY: Final = ("app.kubernetes.io/name", "app.kubernetes.io/part-of")
"""Labels of the operator's Deployment and pods, as the chart gives them; its `nameOverride` changes the first."""
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/"
_PAGE_OF_NAMES: Final = 50
"""Objects in one list of metadata, each of which may have most of a megabyte of bookkeeping."""


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource (`secrets`, `githubtokens/status`); `own`: in the operator's own namespace only."""

    verb: str
    group: str
    resource: str
    own: bool = False
    name: str = ""

    @property
    def full_resource(self) -> str:
        """`secrets`, `githubtokens.githubtoken.dev`, `pods/status`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


@dataclass(frozen=True, slots=True)
class Owner:
    """What controls an object, as its ownerReference says it."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SecretLook:
    """Of a Secret: its type, the names of its keys, labels and annotations; `key_problem` or `fingerprint` of a key."""

    type: str
    keys: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    fingerprint: str = ""
    key_problem: str = ""


class Survey:
    """Reads, and changes nothing."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def server(self) -> str:
        """The API server's address."""
        return self._api.server

    async def read(self, kind: Kind, namespace: str, name: str) -> JSON:
        """One object; `NotFound`."""
        return await self._api.request("GET", kind.path(namespace, name))

    async def secret(self, namespace: str, name: str, *, private_key: str = "") -> SecretLook:
        """What may be shown of a Secret; with `private_key`, of the key under that name too. `NotFound`."""
        found = await self.read(Kind.SECRET, namespace, name)
        judged = _judged(decoded_bytes(found, private_key)) if private_key else ("", "")
        keys = tuple(sorted(found.get("data") or ()))
        return SecretLook(found.get("type", "Opaque"), keys, labels_of(found), annotations_of(found), *judged)

    async def pods(self, namespace: str) -> Sequence[JSON]:
        """The pods that a kubelet has and that have not ended."""
        return await self._api.list_items(Kind.POD.path(namespace), {"fieldSelector": mounts.SELECTED})

    async def version(self) -> str:
        """The API server's version, `v1.34.1`."""
        return str((await self._api.request("GET", "/version")).get("gitVersion", "?"))

    async def crd(self, name: str) -> JSON:
        """One CustomResourceDefinition."""
        return await self._api.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")

    async def served(self) -> frozenset[str]:
        """The plurals of our kinds that the API server serves."""
        listed = await self._api.request("GET", f"/apis/{API_VERSION}")
        return frozenset(each["name"] for each in listed["resources"])

    async def may(self, right: Right, namespace: str, account: str = "") -> bool:
        """Whether the caller, or the ServiceAccount `namespace/name`, may do this there; "" is all namespaces."""
        group, resource, subresource = right.group, *right.resource.partition("/")[::2]
        asked = {"verb": right.verb, "group": group, "resource": resource, "namespace": namespace}
        asked |= {"subresource": subresource} if subresource else {}
        asked |= {"name": right.name} if right.name else {}
        spec: dict[str, Any] = {"resourceAttributes": asked}
        if account:
            where, _, name = account.partition("/")
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{where}", "system:authenticated"]
            spec |= {"user": f"system:serviceaccount:{where}:{name}", "groups": groups}
        kind = "SubjectAccessReview" if account else "SelfSubjectAccessReview"
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        answer = await self._api.request("POST", f"{_REVIEWS}{kind.lower()}s", body=body)
        return bool(answer["status"].get("allowed"))

    async def deployments(self, namespace: str) -> Sequence[JSON]:
        """The operator's Deployments, of a namespace or of all ("")."""
        return await self._operators(Kind.DEPLOYMENT.collection(namespace))

    async def replicas(self, namespace: str) -> Sequence[JSON]:
        """The operator's pods."""
        return await self._operators(Kind.POD.path(namespace))

    async def lease(self, namespace: str) -> JSON:
        """The Lease of the replicas; `NotFound`."""
        return await self._api.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}")

    async def leases(self) -> Sequence[JSON]:
        """The Leases of that name in all namespaces."""
        return await self._api.list_items(
            "/apis/coordination.k8s.io/v1/leases", {"fieldSelector": f"metadata.name={LEASE}"}
        )

    async def log(self, namespace: str, pod: str, lines: int) -> str:
        """The last lines of a pod's first container."""
        query = {"tailLines": str(lines), "limitBytes": str(4 << 20)}
        return await self._api.text(f"{Kind.POD.path(namespace, pod)}/log", query)

    async def objects(self, kind: Kind, namespace: str) -> Sequence[JSON]:
        """The objects of a kind, of a namespace or of all ("")."""
        return await self._api.list_items(kind.collection(namespace))

    async def first_of(self, paths: Sequence[str]) -> Sequence[JSON]:
        """The items of the first of these collections that the API server knows; none where it knows none."""
        for path in paths:
            try:
                return await self._api.list_items(path)
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
        return ()

    async def events(self, namespace: str) -> Sequence[JSON]:
        """The events about our kinds, of a namespace or of all ("")."""
        path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
        return await self._api.list_items(path, {"fieldSelector": f"involvedObject.apiVersion={API_VERSION}"})

    async def labelled(self, namespace: str) -> Mapping[tuple[str, str], Owner | None]:
        """Namespace and name of the Secrets with our label, of a namespace or of all (""), and what controls each.

        Their metadata alone is asked for.
        """
        path = Kind.SECRET.collection(namespace)
        asked = {"labelSelector": ROLE}
        pages = self._api.pages(path, asked, accept=METADATA, size=_PAGE_OF_NAMES, keep=_place)
        return {place: owner async for page in pages for place, owner in page}

    async def _operators(self, path: str) -> Sequence[JSON]:
        found = await self._api.list_items(path, {"labelSelector": _COMPONENT})
        return [body for body in found if _is_operators(body)]


def _judged(text: bytes | None) -> tuple[str, str]:
    """Fingerprint and problem of a private key, one of them empty; both where there is none."""
    if text is None:
        return "", ""
    try:
        key = rsa_key.numbers(key_text.key_der(text))
        return rsa_key.fingerprint(key.n, key.e), ""
    except (key_text.NotAKey, rsa_key.Unusable) as error:
        return "", str(error)


def _is_operators(body: JSON) -> bool:
    labels = body["metadata"].get("labels") or {}
    return any(labels.get(label) == _OPERATOR for label in _NAMED_BY)


def _place(body: JSON) -> tuple[tuple[str, str], Owner | None]:
    meta, owner = body["metadata"], controller_of(body)
    found = Owner(owner["kind"], owner["name"], owner["uid"]) if owner else None
    return (meta["namespace"], meta["name"]), found
