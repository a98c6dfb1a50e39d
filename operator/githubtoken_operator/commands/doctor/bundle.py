"""What a bug report needs, as a .tar.gz: the checks, our objects, events, the operator's objects and its log.

Three things keep secrets out. Of Secrets there are names alone, within the checks. Of other objects only what is known
to be harmless is kept: no annotations but ours (`kubectl apply` keeps whole manifests in one), no texts of
`secret.data`, no environment of the operator's pods. And everything goes through the redaction of the logs.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from githubtoken_operator.adapters.kubernetes.commands.survey import Survey
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.doctor.findings import Findings
from githubtoken_operator.commands.terminal.checks import Check, Look, items, look
from githubtoken_operator.domain.objects.specs.github_token import PREFIX
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.redaction import redact

T = TypeVar("T")

LINES: Final = 2000
"""Of each replica's log, the last ones."""
_META: Final = (
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "finalizers",
    "labels",
)


async def collect(survey: Survey, found: Findings, checks: Sequence[Check]) -> dict[str, str]:
    """The files' texts by their names, without any secret."""
    scope, platform = found.objects.scope, found.platform
    names = [str(pod["metadata"]["name"]) for pod in items(platform.replicas)]
    events = await look(survey.events(scope))
    logs = {name: await look(survey.log(platform.namespace, name, LINES)) for name in names}
    files: dict[str, object] = {
        "checks.yaml": [check.as_json for check in checks],
        "version.yaml": {"command": platform.version, "apiServer": platform.api_server.found, "scope": scope or "all"},
        "githubtokens.yaml": _kept(found.objects.tokens, lambda token: _ours(token.body)),
        "clustergithubtokens.yaml": _kept(found.objects.cluster_tokens, lambda token: _ours(token.body)),
        "githubapps.yaml": _kept(found.objects.apps, _ours),
        "clustergithubapps.yaml": _kept(found.objects.cluster_apps, _ours),
        "events.yaml": _kept(events, _event),
        "deployments.yaml": _kept(platform.deployments, _workload),
        "pods.yaml": _kept(platform.replicas, _workload),
        "lease.yaml": _kept(Look(_one(platform.lease.found)), _lease),
    }
    texts = {name: yaml.safe_dump(_plain(content), sort_keys=False) for name, content in files.items()}
    return texts | {f"logs/{name}.log": redact(_text(seen)) for name, seen in logs.items()}


def write(path: Path, texts: Mapping[str, str]) -> None:
    """Writes the archive, readable for its owner alone; one that is there stays, as `FileExistsError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in texts.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"githubtoken-doctor/{name}")
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))


# --- What is kept of an object ---------------------------------------------------------------------------------------


def _kept(seen: Look[Sequence[T]], reduce: Callable[[T], dict[str, Any]]) -> object:
    found = seen.found
    return {"error": found.message} if isinstance(found, ApiError) else [reduce(body) for body in found or ()]


def _one(found: JSON | ApiError | None) -> Sequence[JSON] | ApiError:
    return found if isinstance(found, ApiError) else [] if found is None else [found]


def _meta(body: JSON) -> dict[str, Any]:
    meta = body["metadata"]
    kept = {key: meta[key] for key in _META if key in meta}
    notes = {key: value for key, value in (meta.get("annotations") or {}).items() if key.startswith(PREFIX)}
    return kept | ({"annotations": notes} if notes else {})


def _ours(body: JSON) -> dict[str, Any]:
    """A GitHubToken or an App; of the texts that users put around a token only how long they are."""
    spec = dict(body.get("spec") or {})
    secret = dict(spec.get("secret") or {})
    for field in ("data", "annotations"):
        if secret.get(field):
            secret[field] = {key: f"({len(str(text))} characters)" for key, text in secret[field].items()}
            spec["secret"] = secret
    if "caBundle" in spec:
        spec["caBundle"] = f"({len(str(spec['caBundle']))} characters)"
    return {"kind": body.get("kind"), "metadata": _meta(body), "spec": spec, "status": body.get("status")}


def _event(body: JSON) -> dict[str, Any]:
    fields = ("involvedObject", "type", "reason", "message", "count", "firstTimestamp", "lastTimestamp")
    return {field: body[field] for field in fields if field in body}


def _workload(body: JSON) -> dict[str, Any]:
    """A Deployment or a pod of the operator: images, arguments, resources, the names of its environment, and status."""
    spec = body["spec"]
    pod = spec["template"]["spec"] if "template" in spec else spec
    fields = ("name", "image", "args", "resources")
    containers = [
        {field: it[field] for field in fields if field in it} | {"env": [each["name"] for each in it.get("env") or ()]}
        for it in pod["containers"]
    ]
    told = {"replicas": spec["replicas"]} if "replicas" in spec else {}
    return {"metadata": _meta(body), "spec": {**told, "containers": containers}, "status": body.get("status")}


def _lease(body: JSON) -> dict[str, Any]:
    return {"metadata": _meta(body), "spec": body.get("spec")}


def _text(seen: Look[str]) -> str:
    return f"not readable: {seen.found.message}\n" if isinstance(seen.found, ApiError) else seen.found or "(empty)\n"


def _plain(content: object) -> object:
    """The same in the types that YAML knows, and every text redacted while it is whole: YAML breaks long ones."""
    if isinstance(content, ApiError):
        return {"error": content.message}
    if isinstance(content, Mapping):
        return {redact(str(key)): _plain(value) for key, value in content.items()}
    if isinstance(content, str):
        return redact(content)
    if isinstance(content, Iterable):
        return [_plain(each) for each in content]
    return content
