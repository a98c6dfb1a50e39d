"""`githubtoken list`: what `kubectl get ght` shows, with the times from now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from githubtoken_operator.clock import utc_now
from githubtoken_operator.commands import ages, layout, options
from githubtoken_operator.commands.document import Format, document, plain
from githubtoken_operator.commands.options import Place
from githubtoken_operator.commands.session import Session, in_cluster
from githubtoken_operator.commands.snapshot import Snapshot
from githubtoken_operator.domain.times import parse_time


@click.command("list")
@options.at_a_place
@options.all_namespaces
@options.selector
@options.output
def list_tokens(place: Place, *, all_namespaces: bool, selector: str | None, output: Format | None) -> None:
    """Show GitHubTokens, and when they expire.

    \b
    githubtoken list
    githubtoken list -A -l team=web
    githubtoken list -o json
    """  # noqa: D301 - click keeps the lines after a backspace as they are.

    async def work(session: Session) -> None:
        namespace = None if all_namespaces else session.namespace
        found = await session.search(namespace, selector)
        if output:
            items = [plain(token.body) for token in found]
            click.echo(document({"apiVersion": "v1", "kind": "List", "items": items}, output))
        elif found:
            click.echo(as_table(found, utc_now(), namespaces=all_namespaces))
        else:
            click.echo(none_found(namespace, selector), err=True)

    in_cluster(place, work)


def none_found(namespace: str | None, selector: str | None) -> str:
    """The line for an empty list."""
    where = f"in the namespace `{namespace}`" if namespace else "in any namespace"
    return f"There is no GitHubToken {where}" + (f" that matches `{selector}`." if selector else ".")


def as_table(tokens: Sequence[Snapshot], now: datetime, *, namespaces: bool) -> str:
    """The table; the column NAMESPACE is there only where there may be several."""
    headings = ["NAME", "READY", "REASON", "KIND", "SECRET", "EXPIRES", "RENEWS"]
    rows = [_row(token, now) for token in tokens]
    if namespaces:
        headings = ["NAMESPACE", *headings]
        rows = [[token.namespace, *row] for token, row in zip(tokens, rows, strict=True)]
    return layout.table(headings, rows)


def _row(token: Snapshot, now: datetime) -> list[str]:
    status = token.status
    renews = parse_time(status.get("renewalTime"))
    return [
        token.name,
        token.ready,
        token.reason,
        status.get("kind", ""),
        token.secret,
        ages.shown(status.get("expirationTime"), now),
        ages.from_now(renews, now) if renews else "",
    ]
