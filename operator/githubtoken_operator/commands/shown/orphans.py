"""`githubtoken list --orphans`: credential Secrets that are left, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.adapters.kubernetes.commands.tokens import Tokens
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden
from githubtoken_operator.commands.cluster.session import Session
from githubtoken_operator.commands.terminal import ages, layout
from githubtoken_operator.commands.terminal.layout import Format, document
from githubtoken_operator.domain.user.credentials.orphans import Orphan, orphans
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import format_time

ADVICE: Final = (
    "A GitHubToken of the same name and App takes its Secret up again, without a sign-in. What is not needed any more: "
    "let its user revoke the App at GitHub (Settings > Applications), then `kubectl delete secret NAME`."
)


async def show(session: Session, namespace: str | None, output: Format | None) -> None:
    """Prints them. Raises `click.ClickException` where Secrets may not be listed."""
    try:
        secrets = await session.tokens.credentials(namespace)
    except Forbidden as error:
        where = f"in the namespace `{namespace}`" if namespace else "in all namespaces"
        text = f"credential Secrets are found by listing Secrets {where}, which you may not: {error.message}"
        raise click.ClickException(text) from error
    found = await left(session.tokens, secrets, await session.tokens.list(namespace))
    if output is not None:
        items = [as_object(orphan) for orphan in found]
        click.echo(document({"apiVersion": "v1", "kind": "List", "items": items}, output))
    elif found:
        click.echo(as_table(found, utc_now(), namespaces=namespace is None))
        click.echo(f"\n{ADVICE}", err=True)
    else:
        where = f"in the namespace `{namespace}`" if namespace else "in any namespace"
        click.echo(f"There is no orphaned credential Secret {where}.", err=True)


async def left(tokens: Tokens, secrets: Sequence[JSON], known: Sequence[JSON]) -> list[Orphan]:
    """The orphans among the Secrets. Of a ClusterGitHubToken's nothing is said where those may not be listed."""
    try:
        return orphans(secrets, [*known, *await tokens.list("")])
    except ApiError:
        return [orphan for orphan in orphans(secrets, known) if not orphan.clusterwide]


def as_table(found: Sequence[Orphan], now: datetime, *, namespaces: bool) -> str:
    """The table; the column NAMESPACE is there only where there may be several."""
    headings = [*(["NAMESPACE"] if namespaces else []), "SECRET", "GITHUBTOKEN", "REFRESH TOKEN EXPIRES", "AGE"]
    rows = [
        [
            *([orphan.namespace] if namespaces else []),
            orphan.name,
            orphan.of,
            ages.shown(format_time(orphan.expires) if orphan.expires else None, now),
            ages.length(now - orphan.created) if orphan.created else "",
        ]
        for orphan in found
    ]
    return layout.table(headings, rows)


def as_object(orphan: Orphan) -> dict[str, Any]:
    """The Secret's metadata and what is known of its sign-in, without anything of its data."""
    expires = {"refreshTokenExpirationTime": format_time(orphan.expires)} if orphan.expires else {}
    meta: dict[str, Any] = {"name": orphan.name, "namespace": orphan.namespace}
    if orphan.created:
        meta["creationTimestamp"] = format_time(orphan.created)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "githubToken": orphan.of, **expires}
