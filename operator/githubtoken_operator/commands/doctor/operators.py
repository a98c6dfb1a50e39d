"""Which namespaces an operator serves, as its Deployment says, and whether another one serves the same.

Operators of different namespaces share no Lease. Two that serve the same objects spend a user's refresh token twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.doctor.findings import Platform
from githubtoken_operator.commands.terminal.checks import Check, items, unseen
from githubtoken_operator.commands.terminal.layout import some
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

_FLAG: Final = "--namespaces"
_VARIABLE: Final = "GITHUBTOKEN_NAMESPACES"


def namespaces(deployment: JSON) -> list[str]:
    """Those that it serves; none means all. The last flag counts, and its variable where there is none."""
    told: list[str] = []
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        told += [str(it.get("value") or "") for it in container.get("env") or () if it["name"] == _VARIABLE]
        arguments = [str(each) for each in container.get("args") or ()]
        told += [it.partition("=")[2] for it in arguments if it.startswith(f"{_FLAG}=")]
        told += [after for it, after in pairwise(arguments) if it == _FLAG]
    return [it for it in (told[-1] if told else "").split(",") if it]


def served(deployments: Sequence[JSON]) -> Sequence[str]:
    """The namespaces that all of them together serve; none where one of them serves all."""
    each = [namespaces(body) for body in deployments]
    return sorted({name for names in each for name in names}) if all(each) else ()


def others(platform: Platform) -> Check:
    """Whether somebody leads in another namespace, for what is served from here too."""
    name, found = "Other operators", platform.leases.found
    if isinstance(found, ApiError):
        return unseen(name, found)
    elsewhere = [place for place in leading(platform) if place != platform.namespace]
    ours = served(items(platform.deployments))
    same = [place for place in elsewhere if _overlap(ours, _of(platform, place))]
    if same and platform.namespace in leading(platform):
        says = f"one leads in {some(same)} too, and nothing keeps both from serving the same GitHubTokens"
        return Check(name, "warning", says, "end one of them, or give each its own namespaces (`scope.namespaces`)")
    says = f"one leads in {some(elsewhere)}" if elsewhere else "none leads in another namespace"
    return Check(name, "ok", says)


def leading(platform: Platform) -> list[str]:
    """The namespaces whose Lease somebody holds, as far as the caller may see."""
    return sorted(each["metadata"]["namespace"] for each in items(platform.leases) if is_held(each, platform))


def is_held(lease: JSON, platform: Platform) -> bool:
    """Whether somebody holds a Lease, and has renewed it in time."""
    spec = lease.get("spec") or {}
    renewed = parse_time(spec.get("renewTime"))
    duration = timedelta(seconds=spec.get("leaseDurationSeconds") or 15)
    return bool(spec.get("holderIdentity")) and renewed is not None and platform.now - renewed <= duration


def _of(platform: Platform, place: str) -> Sequence[str]:
    """What is served from there; all where nobody knows, as with an operator that runs in no pod."""
    return served([body for body in items(platform.elsewhere) if body["metadata"]["namespace"] == place])


def _overlap(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return not ours or not theirs or bool(set(ours) & set(theirs))
