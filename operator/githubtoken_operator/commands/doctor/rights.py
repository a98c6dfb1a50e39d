"""Rights: which the operator needs, as the chart gives them, and which a user's commands need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import KINDS
from githubtoken_operator.adapters.kubernetes.commands.survey import Right
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.adapters.kubernetes.lease import LEASE_NAME
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.doctor.findings import Rights
from githubtoken_operator.commands.terminal.checks import Check, items, nothing_found, unseen
from githubtoken_operator.domain.consumer.rollout import RESTARTED

_OURS: Final = "githubtoken.dev"


def _each(verbs: str, group: str, *resources: str, own: bool = False, name: str = "") -> tuple[Right, ...]:
    return tuple(Right(verb, group, it, own=own, name=name) for it in resources for verb in verbs.split())


EVERYWHERE: Final = (
    *_each("get list watch", _OURS, "githubtokens", "githubapps"),
    *_each("patch", _OURS, "githubtokens/status", "githubapps/status", "githubtokens"),
    *_each("get list watch create patch update delete", "", "secrets"),
    *_each("create", "", "events"),
    *_each("create", "coordination.k8s.io", "leases", own=True),
    *_each("get update", "coordination.k8s.io", "leases", own=True, name=LEASE_NAME),
    *_each("get", "", "pods", own=True),
)
"""What the operator needs in any case."""
CLUSTERWIDE: Final = (
    *_each("get list watch", _OURS, "clustergithubapps", "clustergithubtokens"),
    *_each("patch", _OURS, "clustergithubapps/status", "clustergithubtokens/status", "clustergithubtokens"),
    *_each("get list watch", "", "namespaces"),
)
"""What it needs where it does not serve some namespaces only."""
TOUCH: Final = (*_each("list", "", "pods"), *_each("patch", "", "pods/status"))
"""For `propagation: Immediate`."""
RESTART: Final = {kind: _each("get patch", KINDS[kind].group, KINDS[kind].plural) for kind in RESTARTED}
"""For `restartTargets`, by their kind."""
LIST: Final = Right("list", _OURS, "githubtokens")
OF_USERS: Final = (
    *_each("get list patch", _OURS, "githubtokens"),
    *_each("get list", _OURS, "githubapps"),
    *_each("get list", "", "secrets"),
    *_each("list", "", "events", "pods"),
)
"""What `list`, `status`, `refresh`, `login` and `doctor` ask for."""


def needed(tokens: Sequence[Snapshot], *, clusterwide: bool) -> list[Right]:
    """The rights that the operator needs for these GitHubTokens."""
    touch = any(token.spec.get("propagation") == "Immediate" for token in tokens)
    kinds = sorted({it["kind"] for token in tokens for it in token.spec.get("restartTargets") or ()})
    restart = [right for kind in kinds for right in RESTART.get(kind, ())]
    return [*EVERYWHERE, *(CLUSTERWIDE if clusterwide else ()), *(TOUCH if touch else ()), *restart]


def checks(rights: Rights) -> list[Check]:
    """A line for the caller, and one for the operator's account."""
    return [_mine(rights), _operators(rights)]


def _mine(rights: Rights) -> Check:
    name = "Your rights"
    if check := nothing_found(name, rights.mine, "all that the commands ask for"):
        return check
    how = "an administrator can give them; what needs them is unknown below"
    return Check(name, "warning", f"you may not {_joined(items(rights.mine))}", how)


def _operators(rights: Rights) -> Check:
    name, found = "Operator's rights", rights.operators.found
    if isinstance(found, ApiError):
        return unseen(name, found)
    account = f"ServiceAccount {rights.account}"
    if found and rights.guessed:
        return Check(
            name, "unknown", f"no Deployment says which account is the operator's; {account} may not {_joined(found)}"
        )
    if not found:
        return Check(name, "ok", f"{account} may do all that the operator does")
    optional = "`rbac.restartTargets.enabled` and `rbac.immediatePropagation.enabled`"
    how = f"apply the chart's rights again (`rbac.create`; for workloads and pods also {optional})"
    return Check(name, "failed", f"{account} may not {_joined(found)}", how)


def _joined(rights: Sequence[Right]) -> str:
    """`get, list secrets; create events`."""
    verbs: dict[str, list[str]] = {}
    for right in rights:
        verbs.setdefault(right.full_resource, []).append(right.verb)
    return "; ".join(f"{', '.join(found)} {resource}" for resource, found in verbs.items())
