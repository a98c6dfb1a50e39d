"""Reads the cluster for `doctor`, as far as the caller may, and asks each GitHub once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from githubtoken_operator import __version__
from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.commands.survey import Owner, Right, SecretLook, Survey
from githubtoken_operator.adapters.kubernetes.commands.tokens import Tokens
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.adapters.network.reach import reach
from githubtoken_operator.commands.cluster import rivals
from githubtoken_operator.commands.cluster.session import Session
from githubtoken_operator.commands.cluster.snapshot import Snapshot, in_order
from githubtoken_operator.commands.crds import packaged
from githubtoken_operator.commands.doctor import operators, rights
from githubtoken_operator.commands.doctor.findings import Findings, Inventory, Key, Platform, Rights
from githubtoken_operator.commands.shown.orphans import left
from githubtoken_operator.commands.terminal.checks import Look, items, look, together
from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.objects import named
from githubtoken_operator.domain.objects.specs.github_app import parse_app
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from githubtoken_operator.domain.user.credentials.orphans import Orphan
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.model import JSON, Server

DEFAULT_ACCOUNT: Final = "githubtoken-operator"
Labelled = Mapping[tuple[str, str], Owner | None]
"""The Secrets with our label by namespace and name, and what controls each."""
_GITHUB: Final = "https://api.github.com"
_MOST_LOOKS: Final = 100
"""Secrets that are looked at one by one."""
_MOST_HOSTS: Final = 10


async def read(session: Session, *, namespace: str | None, operator_namespace: str, github: bool) -> Findings:
    """Everything; of a `namespace` alone, or of all, or of the session's where all may not be listed."""
    survey, tokens = session.survey, session.tokens
    scope = namespace or await _scope(survey, session.namespace)
    platform = await _platform(survey, operator_namespace, utc_now())
    objects = await _objects(survey, tokens, scope, platform)
    asked = _hosts(objects) if github else {}
    asking = [reach(url, bundle, os.environ, utc_now) for url, bundle in sorted(asked.items())[:_MOST_HOSTS]]
    of_rights, reached, found = await asyncio.gather(
        _rights(survey, platform, objects), asyncio.gather(*asking), _rivals(survey, scope)
    )
    return Findings(platform, of_rights, objects, reached, found)


async def _scope(survey: Survey, own: str) -> str:
    """All namespaces (""), or the caller's own where GitHubTokens may not be listed in all."""
    try:
        return "" if await survey.may(rights.LIST, "") else own
    except ApiError:
        return ""


async def _platform(survey: Survey, namespace: str, now: datetime) -> Platform:
    crds = packaged()
    names = [str(crd["metadata"]["name"]) for crd in crds]
    version, served, replicas, (deployments, elsewhere), (lease, leases), found = await asyncio.gather(
        look(survey.version()),
        look(survey.served()),
        look(survey.replicas(namespace)),
        asyncio.gather(*(look(survey.deployments(where)) for where in (namespace, ""))),
        asyncio.gather(look(survey.lease(namespace)), look(survey.leases())),
        asyncio.gather(*(look(survey.crd(name)) for name in names)),
    )
    return Platform(
        server=survey.server,
        api_server=version,
        served=served,
        crds=dict(zip(names, found, strict=True)),
        packaged=crds,
        namespace=namespace,
        deployments=deployments,
        replicas=replicas,
        lease=lease,
        leases=leases,
        elsewhere=elsewhere,
        version=__version__,
        now=now,
    )


async def _objects(survey: Survey, tokens: Tokens, scope: str, platform: Platform) -> Inventory:
    operator_namespace = platform.namespace
    # Before the objects: what comes with a new one in between is no leftover.
    labelled = await look(survey.labelled(scope))
    listed, clusterwide, apps, cluster_apps = await asyncio.gather(
        look(_snapshots(tokens, scope or None)),
        look(_snapshots(tokens, "")),
        look(survey.objects(Kind.APP, scope)),
        look(survey.objects(Kind.CLUSTER_APP, "")),
    )
    parsed = [parse_app(body) for body in (*items(apps), *items(cluster_apps))]
    private = [(app.namespace or operator_namespace, app.private_key) for app in parsed]
    wanted = [(namespace, ref.name, ref.key) for namespace, ref in private if ref][:_MOST_LOOKS]
    looks = await asyncio.gather(*(look(survey.secret(*ref[:2], private_key=ref[2])) for ref in wanted))
    keys: Mapping[Key, Look[SecretLook]] = dict(zip(wanted, looks, strict=True))
    bodies = [*items(apps), *items(cluster_apps), *(token.body for token in (*items(listed), *items(clusterwide)))]
    places = [
        (body["metadata"].get("namespace", operator_namespace), name)
        for body in bodies
        for name in named.secrets(body.get("spec") or {})
    ]
    without = await look(_unlabelled(labelled, survey, scope, places))
    left = await look(_left(tokens, scope, [it.body for it in items(listed)]))
    over = _leftovers(labelled, listed, clusterwide)
    return Inventory(
        scope,
        listed,
        clusterwide,
        apps,
        cluster_apps,
        keys,
        without,
        left,
        over,
        operator_namespace,
        operators.served(items(platform.deployments)),
        platform.now,
    )


async def _unlabelled(
    labelled: Look[Labelled], survey: Survey, scope: str, places: Sequence[tuple[str, str]]
) -> Sequence[tuple[str, str]]:
    if isinstance(labelled.found, ApiError):
        raise labelled.found
    known = labelled.found or {}
    lacking = sorted({place for place in places if place not in known and scope in ("", place[0])})[:_MOST_LOOKS]
    looks = await asyncio.gather(*(look(survey.secret(namespace, name)) for namespace, name in lacking))
    return [place for place, seen in zip(lacking, looks, strict=True) if seen.found is not None]


def _leftovers(
    labelled: Look[Labelled], tokens: Look[Sequence[Snapshot]], cluster_tokens: Look[Sequence[Snapshot]]
) -> Look[Sequence[tuple[tuple[str, str], Owner]]]:
    """Secrets whose owner is gone; of owners that the caller may not see nothing is said."""
    if isinstance(labelled.found, ApiError):
        return Look(labelled.found)
    there = {
        kind: {token.uid for token in seen.found or ()}
        for kind, seen in (("GitHubToken", tokens), ("ClusterGitHubToken", cluster_tokens))
        if not isinstance(seen.found, ApiError)
    }
    owned = ((place, owner) for place, owner in sorted((labelled.found or {}).items()) if owner is not None)
    return Look([it for it in owned if it[1].kind in there and it[1].uid not in there[it[1].kind]])


async def _snapshots(tokens: Tokens, namespace: str | None) -> Sequence[Snapshot]:
    return in_order(await tokens.list(namespace))


async def _left(tokens: Tokens, scope: str, bodies: Sequence[JSON]) -> Sequence[Orphan]:
    return await left(tokens, await tokens.credentials(scope or None), bodies)


def _hosts(objects: Inventory) -> dict[str, CABundle | None]:
    """The API URLs that the operator may ask, with their CAs; github.com's where there is none.

    Whoever may make an App may name any host in it: one that nobody allowed is not asked from here either.
    """
    found: dict[str, CABundle | None] = {}
    for body in (*items(objects.apps), *items(objects.cluster_apps)):
        app = parse_app(body)
        if _is_allowed(body, app.server):
            found[app.server.api_url] = app.server.ca_bundle
    for token in (*items(objects.tokens), *items(objects.cluster_tokens)):
        personal = parse_token(token.body).personal
        if personal is not None and _is_allowed(token.body, personal.server):
            found[personal.server.api_url] = personal.server.ca_bundle
    return found or {_GITHUB: None}


def _is_allowed(body: JSON, server: Server) -> bool:
    """Whether it is GitHub's own, or the operator has looked at the object and does not refuse its hosts."""
    if hosts.refusal(server, ()) is None:
        return True
    status = body.get("status") or {}
    looked = status.get("observedGeneration") == body["metadata"].get("generation")
    return looked and ready_of(status)[1] != reasons.HOST_NOT_ALLOWED


async def _rights(survey: Survey, platform: Platform, objects: Inventory) -> Rights:
    account, served = _account(platform)
    needed = rights.needed([*items(objects.tokens), *items(objects.cluster_tokens)], clusterwide=not served)
    own = platform.namespace

    async def theirs() -> Sequence[Right]:
        asked = [(right, where) for right in needed for where in ([own] if right.own else served or [""])]
        return await _missing(asked, lambda right, where: survey.may(right, where, account))

    async def mine() -> Sequence[Right]:
        asked = [(right, objects.scope) for right in rights.OF_USERS]
        return await _missing(asked, survey.may)

    guessed = not items(platform.deployments)
    return Rights(await look(mine()), account, guessed, await look(theirs()))


async def _missing(asked: Sequence[tuple[Right, str]], may: Callable[[Right, str], Awaitable[bool]]) -> Sequence[Right]:
    """Those of the rights that are not there, each once."""
    allowed = await together(may(right, where) for right, where in asked)
    return list(dict.fromkeys(right for (right, _), yes in zip(asked, allowed, strict=True) if not yes))


def _account(platform: Platform) -> tuple[str, list[str]]:
    """The operator's ServiceAccount as `namespace/name`, and the namespaces that it serves, none meaning all."""
    for body in items(platform.deployments):
        name = body["spec"]["template"]["spec"].get("serviceAccountName", "default")
        return f"{body['metadata']['namespace']}/{name}", operators.namespaces(body)
    return f"{platform.namespace}/{DEFAULT_ACCOUNT}", []


async def _rivals(survey: Survey, scope: str) -> Mapping[str, Look[Sequence[JSON]]]:
    plurals = [plural for plural in rivals.PLACES if plural not in {"apps", "clustergenerators"}]
    found = await asyncio.gather(*(look(survey.first_of(rivals.paths(plural, scope))) for plural in plurals))
    return dict(zip(plurals, found, strict=True))
