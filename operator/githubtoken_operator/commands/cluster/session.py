"""A command's connection to the cluster, and the end of it: what goes wrong is one line and exit code 1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import click

from githubtoken_operator.adapters.kubernetes.access.access import of_user
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.commands.survey import Survey
from githubtoken_operator.adapters.kubernetes.commands.tokens import Tokens
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Invalid, NotFound
from githubtoken_operator.commands.cluster.snapshot import Snapshot, in_order
from githubtoken_operator.commands.terminal.options import Where

T = TypeVar("T")

NO_CRDS: Final = (
    "the CustomResourceDefinitions are not installed in this cluster: "
    "run `githubtoken crds | kubectl apply --server-side -f -`"
)
NOT_ACCEPTED: Final = "the API server does not accept your credentials: sign in to the cluster again, or try --context"


def complaint(error: ApiError) -> str:
    """The line for an error that ends a command."""
    if error.status == HTTPStatus.UNAUTHORIZED:
        return NOT_ACCEPTED
    if error.status == HTTPStatus.NOT_FOUND and not isinstance(error, NotFound):
        # Of a kind that it does not know the API server says in plain text that the page is not there.
        return NO_CRDS
    if isinstance(error, Forbidden):
        return f"{error.message}: ask an administrator for that right"
    return error.message


@dataclass(frozen=True, slots=True)
class Session:
    """The GitHubTokens of the cluster and what is around them, and the namespace that the command is about."""

    tokens: Tokens
    survey: Survey
    namespace: str

    async def find(self, name: str, *, clusterwide: bool) -> Snapshot:
        """The GitHubToken, or the ClusterGitHubToken, of that name, or the line that it is not there."""
        try:
            return Snapshot(await self.tokens.get("" if clusterwide else self.namespace, name))
        except NotFound:
            here = f"GitHubToken `{name}` in the namespace `{self.namespace}`"
            missing = f"ClusterGitHubToken `{name}`" if clusterwide else here
            raise click.ClickException(f"there is no {missing}") from None

    async def search(self, namespace: str | None, selector: str | None) -> list[Snapshot]:
        """What the selector matches, in order: of a namespace, or of all with None; with "" ClusterGitHubTokens."""
        try:
            return in_order(await self.tokens.list(namespace, selector))
        except Invalid as error:
            raise click.ClickException(f"the selector `{selector}` cannot be read: {error.message}") from None

    async def again(self, token: Snapshot) -> Snapshot | None:
        """The object of that name as it is now, or None."""
        try:
            return Snapshot(await self.tokens.get(token.namespace, token.name))
        except NotFound:
            return None


def in_cluster(where: Where, work: Callable[[Session], Awaitable[T]]) -> T:
    """Does the work there. Raises `click.ClickException`."""
    try:
        return asyncio.run(_connected(where, work))
    except ApiError as error:
        raise click.ClickException(complaint(error)) from error


async def _connected(where: Where, work: Callable[[Session], Awaitable[T]]) -> T:
    access = await of_user(kubeconfig=where.kubeconfig, context=where.context)
    async with Api(access.configuration, renew=access.renew) as api:
        return await work(Session(Tokens(api), Survey(api), where.namespace or access.namespace))
