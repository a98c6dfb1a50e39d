"""What was read of the cluster, part by part, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.adapters.kubernetes.commands.survey import Owner, Right, SecretLook
from githubtoken_operator.adapters.network.reach import Reached
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal.checks import Look
from githubtoken_operator.domain.user.credentials.orphans import Orphan
from githubtoken_operator.domain.vocabulary.model import JSON

Key = tuple[str, str, str]
"""Namespace and name of a Secret, and one of its keys."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The API server, our kinds, and the operator itself, whose namespace is `namespace`.

    `served` has the plurals of the kinds that are served; `packaged` are this version's CRDs, `version` is this one.
    `leases` and `elsewhere` are the Leases and Deployments of operators in all namespaces.
    """

    server: str
    api_server: Look[str]
    served: Look[frozenset[str]]
    crds: Mapping[str, Look[JSON]]
    packaged: Sequence[JSON]
    namespace: str
    deployments: Look[Sequence[JSON]]
    replicas: Look[Sequence[JSON]]
    lease: Look[JSON]
    leases: Look[Sequence[JSON]]
    elsewhere: Look[Sequence[JSON]]
    version: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Rights:
    """Which rights are missing: the caller's, and those of the operator's account, `namespace/name`.

    The account is `guessed` where there is no Deployment that names it.
    """

    mine: Look[Sequence[Right]]
    account: str
    guessed: bool
    operators: Look[Sequence[Right]]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The objects of the namespace `scope`, or of all (""), and what is known of the Secrets that they name.

    `keys` are the private keys that Apps name; `unlabelled` has namespace and name of those Secrets of humans that Apps
    and GitHubTokens name, that are there, and that lack our label; `leftovers` are Secrets whose GitHubToken is gone.
    `served` are the namespaces that the operator serves; there is none where it serves all, or nobody knows.
    """

    scope: str
    tokens: Look[Sequence[Snapshot]]
    cluster_tokens: Look[Sequence[Snapshot]]
    apps: Look[Sequence[JSON]]
    cluster_apps: Look[Sequence[JSON]]
    keys: Mapping[Key, Look[SecretLook]]
    unlabelled: Look[Sequence[tuple[str, str]]]
    orphans: Look[Sequence[Orphan]]
    leftovers: Look[Sequence[tuple[tuple[str, str], Owner]]]
    operator_namespace: str
    served: Sequence[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything, read at one moment; `rivals` are objects of others that write Secrets, by their kind's plural."""

    platform: Platform
    rights: Rights
    objects: Inventory
    reached: Sequence[Reached]
    rivals: Mapping[str, Look[Sequence[JSON]]]
