"""The API server, the CRDs, and the operator: its Deployment, its replicas and their versions, its Lease."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.cluster.session import NOT_ACCEPTED
from githubtoken_operator.commands.doctor import operators
from githubtoken_operator.commands.doctor.findings import Platform
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.checks import Check, State, items, unseen
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

APPLY: Final = "`githubtoken crds | kubectl apply --server-side -f -`"
_VERSION: Final = "app.kubernetes.io/version"


def checks(platform: Platform) -> list[Check]:
    """In the order in which one would look."""
    crds = (_crd(platform, crd) for crd in platform.packaged)
    operator = (_deployment(platform), *_replicas(platform), _lease(platform), operators.others(platform))
    return [_api_server(platform), *crds, *operator]


def _api_server(platform: Platform) -> Check:
    found, served = platform.api_server.found, platform.served.found
    if isinstance(served, ApiError) and served.status == HTTPStatus.UNAUTHORIZED:
        return Check("API server", "failed", NOT_ACCEPTED)
    if isinstance(found, str):
        return Check("API server", "ok", f"{found} at {platform.server}")
    says = found.message if found else "it has no version"
    return Check("API server", "failed", says, "`kubectl version` asks the same")


# --- CRDs ------------------------------------------------------------------------------------------------------------


def _crd(platform: Platform, ours: JSON) -> Check:
    plural = str(ours["spec"]["names"]["plural"])
    name, found = f"CRD {plural}", platform.crds[ours["metadata"]["name"]].found
    missing = Check(name, "failed", "is not installed", f"run {APPLY}")
    if isinstance(found, ApiError):
        served = platform.served.found
        if isinstance(served, frozenset) and plural in served:
            return Check(name, "unknown", "is served; whether it is of this version, you may not see")
        return unseen(name, found) if isinstance(served, ApiError) else missing
    if found is None:
        return missing
    if "deletionTimestamp" in found["metadata"]:
        return Check(name, "failed", "is being deleted, with all its objects", f"let it end, then run {APPLY}")
    if _schemas(found) != _schemas(ours):
        how = f"run {APPLY}, or use the `githubtoken` of the operator's version"
        return Check(name, "warning", f"is not that of this version, {platform.version}", how)
    return Check(name, "ok", f"is that of this version, {platform.version}")


def _schemas(crd: JSON) -> str:
    """What objects may be; what the API server adds elsewhere does not count."""
    return json.dumps([[it["name"], it.get("schema")] for it in crd["spec"]["versions"]], sort_keys=True)


# --- The operator ----------------------------------------------------------------------------------------------------


def _deployment(platform: Platform) -> Check:
    name, found = "Deployment", platform.deployments.found
    if isinstance(found, ApiError):
        return unseen(name, found)
    if not found:
        where = f"there is none of the operator in the namespace {platform.namespace}"
        installed = {body["metadata"]["namespace"] for body in items(platform.elsewhere)}
        elsewhere = sorted(installed.union(operators.leading(platform)) - {platform.namespace})
        say = f"say --operator-namespace {' or '.join(elsewhere)}" if elsewhere else ""
        return Check(name, "warning", where, say or "install it, or say where it is with --operator-namespace")
    judged = [_one_deployment(each) for each in found]
    if len(found) > 1:
        says = f"{', '.join(each['metadata']['name'] for each in found)} have one Lease: one of them works at a time"
        judged.append(Check("Deployments", "warning", says, "give each release a namespace of its own"))
    return next((check for state in ("failed", "warning") for check in judged if check.state == state), judged[0])


def _one_deployment(body: JSON) -> Check:
    name = f"Deployment {body['metadata']['name']}"
    wanted, ready = body["spec"].get("replicas", 1), (body.get("status") or {}).get("readyReplicas", 0)
    logs = f"`kubectl -n {body['metadata']['namespace']} describe deployment,pods`"
    if wanted == 0:
        return Check(name, "failed", "is scaled to 0, so no token is renewed", "scale it up")
    state: State = "ok" if ready >= wanted else "warning" if ready else "failed"
    return Check(name, state, f"{ready} of {wanted} replicas are ready", "" if state == "ok" else logs)


def _replicas(platform: Platform) -> list[Check]:
    found = platform.replicas.found
    if isinstance(found, ApiError):
        return [unseen("Versions", found)]
    if not found:
        return []
    waiting = [check for pod in found if (check := _waiting(pod)) is not None]
    return [*waiting, _versions(sorted({_version_of(pod) for pod in found}), platform.version)]


def _waiting(pod: JSON) -> Check | None:
    """A replica that does not run, with kubelet's word for it."""
    told = (pod.get("status") or {}).get("containerStatuses") or ()
    reasons = [((each.get("state") or {}).get("waiting") or {}).get("reason") for each in told]
    name = pod["metadata"]["name"]
    how = f"`kubectl logs --previous {name} -n {pod['metadata']['namespace']}`"
    return next((Check(f"Pod {name}", "failed", f"does not run ({reason})", how) for reason in reasons if reason), None)


def _version_of(pod: JSON) -> str:
    labels = pod["metadata"].get("labels") or {}
    return str(labels.get(_VERSION) or pod["spec"]["containers"][0]["image"].rpartition(":")[2])


def _versions(versions: Sequence[str], ours: str) -> Check:
    if len(versions) > 1:
        return Check("Versions", "warning", f"the replicas are {' and '.join(versions)}", "let the rollout end")
    if versions[0] != ours:
        how = f"use the `githubtoken` of version {versions[0]}"
        return Check("Versions", "warning", f"the operator is {versions[0]}, this command {ours}", how)
    return Check("Versions", "ok", f"the operator and this command are {ours}")


def _lease(platform: Platform) -> Check:
    found = platform.lease.found
    if isinstance(found, ApiError):
        return unseen("Lease", found)
    if found is None:
        says = f"there is none in the namespace {platform.namespace}, so no operator has led there"
        return Check("Lease", "warning", says, "look at its log; with --no-leader-elect there is none")
    spec = found.get("spec") or {}
    renewed, holder = parse_time(spec.get("renewTime")), spec.get("holderIdentity")
    if not holder:
        how = "a replica takes it within a second, so none runs: look at its log"
        return Check("Lease", "failed", "nobody holds it", how)
    if renewed is None or not operators.is_held(found, platform):
        ago = ages.from_now(renewed, platform.now) if renewed else "never"
        return Check("Lease", "failed", f"{holder} holds it and renewed it {ago}: nobody leads", "look at its log")
    return Check("Lease", "ok", f"held by {holder}, renewed {ages.from_now(renewed, platform.now)}")
