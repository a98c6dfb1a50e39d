"""What the operator does with Kubernetes objects: reads, writes under a resourceVersion, applies, events.

Reads are quorum reads, never a cache; what the watches brought, `engine.cache.objects` has. Every write of ours goes by
one field manager.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from typing import Final

from githubtoken_operator.adapters.kubernetes.api import LARGE_PAGE, Api
from githubtoken_operator.adapters.kubernetes.apply import APPLY
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Undeclared
from githubtoken_operator.domain.objects.secrets import FIELD_MANAGER, ROLE
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import format_time

_MERGE: Final = "application/merge-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Asks for a list of metadata alone."""
_EVENT_MESSAGE_LIMIT: Final = 1024

logger = logging.getLogger(__name__)


class Kind(Enum):
    """The kinds that the operator reads and writes: API version, name in manifests (which a kind is as text), path."""

    TOKEN = (API_VERSION, "GitHubToken", f"/apis/{API_VERSION}/namespaces/{{namespace}}/githubtokens")
    CLUSTER_TOKEN = (API_VERSION, "ClusterGitHubToken", f"/apis/{API_VERSION}/clustergithubtokens")
    APP = (API_VERSION, "GitHubApp", f"/apis/{API_VERSION}/namespaces/{{namespace}}/githubapps")
    CLUSTER_APP = (API_VERSION, "ClusterGitHubApp", f"/apis/{API_VERSION}/clustergithubapps")
    NAMESPACE = ("v1", "Namespace", "/api/v1/namespaces")
    SECRET = ("v1", "Secret", "/api/v1/namespaces/{namespace}/secrets")
    POD = ("v1", "Pod", "/api/v1/namespaces/{namespace}/pods")
    DEPLOYMENT = ("apps/v1", "Deployment", "/apis/apps/v1/namespaces/{namespace}/deployments")
    STATEFUL_SET = ("apps/v1", "StatefulSet", "/apis/apps/v1/namespaces/{namespace}/statefulsets")
    DAEMON_SET = ("apps/v1", "DaemonSet", "/apis/apps/v1/namespaces/{namespace}/daemonsets")
    ROLLOUT = ("argoproj.io/v1alpha1", "Rollout", "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts")

    def __init__(self, api_version: str, name: str, path: str) -> None:
        self.api_version: Final = api_version
        self._text: Final = name
        self._path: Final = path

    # Members are one of a kind; that of Enum is hundreds of calls in Python for each token.
    __hash__ = object.__hash__

    def __str__(self) -> str:
        return self._text

    @classmethod
    def of_token(cls, meta: JSON) -> Kind:
        """Of an object with these metadata that gets a token: the two kinds differ in the namespace."""
        return cls.TOKEN if "namespace" in meta else cls.CLUSTER_TOKEN

    @property
    def group(self) -> str:
        """The API group, "" of the core's kinds."""
        return self.api_version.rpartition("/")[0]

    @property
    def plural(self) -> str:
        """What the API calls the collection."""
        return self._path.rpartition("/")[2]

    @property
    def namespaced(self) -> bool:
        """Whether its objects are in namespaces."""
        return "{namespace}" in self._path

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the collection; what is cluster-scoped has no namespace ("")."""
        parts = [self._path.format(namespace=namespace), name, subresource]
        return "/".join(part for part in parts if part)

    def collection(self, namespace: str) -> str:
        """The URL path of the objects in a namespace, or in all ("")."""
        return self.path(namespace) if namespace else self._path.replace("namespaces/{namespace}/", "")


KINDS: Final = {str(kind): kind for kind in Kind}
"""By their names in manifests."""

Noted = Callable[[Kind, str, str, JSON | None], None]
"""Told of an object: kind, namespace, name, and the object, or None where there is none."""


class Cluster:
    """The objects of one cluster."""

    def __init__(self, api: Api, *, announce: Noted = lambda *_: None, answered: Noted = lambda *_: None) -> None:
        """`announce` is told of each object that was read, None where it is not there, and of each Secret to write.

        `answered` is told of each object as the API server had it when it answered.
        """
        self._api = api
        self._announce = announce
        self._answered = answered
        self._undeclared: set[tuple[Kind, str]] = set()

    async def read(self, kind: Kind, namespace: str, name: str) -> JSON | None:
        """The object as it is now, or None."""
        found: JSON | None
        try:
            found = await self._api.request("GET", kind.path(namespace, name))
        except ApiError as error:
            # Of a group without any CRD the API server says in plain text that the page is not there.
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            found = None
        self._answered(kind, namespace, name, found)
        self._announce(kind, namespace, name, found)
        return found

    async def each_secret(self, role: str, namespace: str) -> AsyncIterator[JSON]:
        """All Secrets of one role, of a namespace or of all ("").

        A few at a time, of which none is kept: each may have a megabyte of somebody's data.
        """
        selected = {"labelSelector": f"{ROLE}={role}"}
        async for page in self._api.pages(Kind.SECRET.collection(namespace), selected, size=LARGE_PAGE):
            for secret in page:
                yield secret

    async def list_one(self, kind: Kind, namespace: str) -> None:
        """Lists one object of a kind, of Secrets one with a role. Raises `Forbidden` where that is not allowed."""
        selected = {"labelSelector": ROLE} if kind is Kind.SECRET else {}
        await self._api.request("GET", kind.path(namespace), query={**selected, "limit": "1"}, accept=METADATA)

    async def pages(self, kind: Kind, namespace: str, *, fields: str) -> AsyncIterator[Sequence[JSON]]:
        """The objects of one kind that the field selector takes, page by page: in one namespace, or in all ("")."""
        async for page in self._api.pages(kind.collection(namespace), {"fieldSelector": fields}):
            yield page

    async def create(self, kind: Kind, body: JSON) -> JSON:
        """Creates; `Conflict` where the object exists."""
        return await self._write(kind, "POST", kind.path(body["metadata"]["namespace"]), body)

    async def replace(self, kind: Kind, body: JSON) -> JSON:
        """PUT under the body's resourceVersion; `Conflict` or `NotFound` where it is not the present one."""
        meta = body["metadata"]
        return await self._write(kind, "PUT", kind.path(meta["namespace"], meta["name"]), body)

    async def merge(self, kind: Kind, of: JSON, changes: JSON, *, subresource: str = "") -> JSON:
        """Merges `changes` into the object whose metadata are `of`; under a resourceVersion where `changes` has one."""
        where = of.get("namespace", ""), of["name"]
        path = kind.path(*where, subresource)
        manager = {"fieldManager": FIELD_MANAGER}
        merged = await self._api.request("PATCH", path, body=changes, content_type=_MERGE, query=manager)
        self._answered(kind, *where, merged)
        return merged

    async def apply(self, kind: Kind, body: JSON, *, subresource: str = "") -> JSON:
        """Server-side apply with force; `Conflict` where `metadata.uid` or `resourceVersion` is not the present one.

        Without a uid, an apply re-creates an object that was deleted meanwhile.
        """
        meta = body["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"], subresource)
        return await self._write(kind, "PATCH", path, body, content_type=APPLY, query={"force": "true"})

    async def apply_status(self, kind: Kind, of: JSON, status: JSON) -> JSON:
        """Applies `status` to the object whose metadata are `of`, under its resourceVersion.

        The API server ignores a wrong uid on a status subresource, so the resourceVersion is what keeps an old object's
        status off a re-created one. Fields that an earlier definition of the kind lacks are left out: the rest of them
        is what users and the next process go by.
        """
        meta = {key: of[key] for key in ("name", "namespace", "resourceVersion") if key in of}
        known = dict(status)
        while True:
            body = {"apiVersion": kind.api_version, "kind": str(kind), "metadata": meta, "status": known}
            try:
                return await self.apply(kind, body, subresource="status")
            except Undeclared as error:
                # It names one at a time.
                if error.fields.isdisjoint(known):
                    raise
                known = {field: value for field, value in known.items() if field not in error.fields}
                self._tell_undeclared(kind, error.fields)

    async def delete(self, kind: Kind, of: JSON) -> None:
        """Deletes the object whose metadata are `of`, as it was read; `Conflict` where it is not that one any more."""
        preconditions = {key: of[key] for key in ("uid", "resourceVersion")}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        await self._api.request("DELETE", kind.path(of["namespace"], of["name"]), body=options)
        self._answered(kind, of["namespace"], of["name"], None)

    async def may(self, verb: str, kind: Kind) -> bool:
        """Whether the operator's account may do this to objects of the kind in all namespaces."""
        asked = {"verb": verb, "group": kind.group, "resource": kind.plural}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        try:
            answer = await self._api.request("POST", path, body=review)
        except Forbidden:
            return False
        return bool(answer["status"].get("allowed"))

    async def exists(self, kind: Kind) -> bool:
        """Whether the API server serves this kind, that is, whether its CRD is installed."""
        try:
            listed = await self._api.request("GET", f"/apis/{kind.api_version}")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return any(resource["kind"] == str(kind) for resource in listed["resources"])

    async def emit(self, kind: Kind, about: JSON, *, warning: bool, reason: str, message: str, now: datetime) -> None:
        """Makes one event about the object whose metadata (name, uid, namespace unless cluster-scoped) are `about`.

        Kubernetes keeps events about cluster-scoped objects in the namespace `default`, and nowhere else.
        """
        namespace = about.get("namespace", "default")
        time = format_time(now)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about['name'][:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": {"apiVersion": kind.api_version, "kind": str(kind), **about},
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:_EVENT_MESSAGE_LIMIT],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": FIELD_MANAGER,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        await self._api.request("POST", f"/api/v1/namespaces/{namespace}/events", body=event)

    def _tell_undeclared(self, kind: Kind, fields: frozenset[str]) -> None:
        """Once in a process, of each field."""
        if new := {(kind, field) for field in fields} - self._undeclared:
            self._undeclared |= new
            words = (
                "the cluster's definition of %s is of an earlier version: it has no %s; apply deploy/crds of this one"
            )
            logger.warning(words, kind, ", ".join(sorted(f"`status.{field}`" for _, field in new)))

    async def _write(
        self,
        kind: Kind,
        method: str,
        path: str,
        body: JSON,
        *,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> JSON:
        where = body["metadata"].get("namespace", ""), body["metadata"]["name"]
        if kind is Kind.SECRET:
            # Before the answer: the watch may be faster.
            self._announce(kind, *where, body)
        manager = {"fieldManager": FIELD_MANAGER, **(query or {})}
        written = await self._api.request(method, path, body=body, content_type=content_type, query=manager)
        self._answered(kind, *where, written)
        if kind is Kind.SECRET:
            self._announce(kind, *where, written)
        return written
