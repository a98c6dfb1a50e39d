"""`githubtoken list`: what `kubectl get ght` shows, with the times from now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Literal

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.commands.cluster.session import Session, in_cluster
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.shown import orphans
from githubtoken_operator.commands.terminal import ages, layout, options
from githubtoken_operator.commands.terminal.layout import Format, document, plain
from githubtoken_operator.commands.terminal.options import Where
from githubtoken_operator.domain.vocabulary.times import parse_time


@click.command("list")
@options.at_a_place
@options.all_namespaces
@options.selector
@options.output("wide")
@options.clusterwide
@click.option("--orphans", "only_orphans", is_flag=True, help="Credential Secrets that no GitHubToken has any more.")
def list_tokens(
    where: Where,
    *,
    all_namespaces: bool,
    selector: str | None,
    output: Format | Literal["wide"] | None,
    clusterwide: bool,
    only_orphans: bool,
) -> None:
    """Show GitHubTokens, and when they expire.

    \b
    githubtoken list
    githubtoken list -A -l team=web
    githubtoken list -o wide
    githubtoken list -o json
    githubtoken list --cluster
    githubtoken list --orphans -A
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if only_orphans and (selector or output == "wide"):
        raise click.UsageError("--orphans goes with neither --selector nor --output wide")
    if clusterwide and (only_orphans or all_namespaces or where.namespace):
        raise click.UsageError("--cluster goes with neither --namespace, --all-namespaces nor --orphans")

    async def work(session: Session) -> None:
        namespace = None if all_namespaces else "" if clusterwide else session.namespace
        if only_orphans:
            await orphans.show(session, namespace, None if output == "wide" else output)
            return
        found = await session.search(namespace, selector)
        if output in {"json", "yaml"}:
            items = [plain(token.body) for token in found]
            click.echo(document({"apiVersion": "v1", "kind": "List", "items": items}, output))
        elif found:
            wide = output == "wide"
            click.echo(as_table(found, utc_now(), namespaces=all_namespaces, wide=wide, clusterwide=clusterwide))
        else:
            click.echo(none_found(namespace, selector), err=True)

    in_cluster(where, work)


def none_found(namespace: str | None, selector: str | None) -> str:
    """The line for an empty list; a namespace that is None or "" is as for `Session.search`."""
    where = f"GitHubToken in the namespace `{namespace}`" if namespace else "GitHubToken in any namespace"
    what = "ClusterGitHubToken" if namespace == "" else where
    return f"There is no {what}" + (f" that matches `{selector}`." if selector else ".")


_Column = tuple[str, Callable[[Snapshot, datetime], str]]


def as_table(
    tokens: Sequence[Snapshot],
    now: datetime,
    *,
    namespaces: bool = False,
    wide: bool = False,
    clusterwide: bool = False,
) -> str:
    """The table; the column NAMESPACE is there only where there may be several."""
    spread = _NAMESPACES if clusterwide else ()
    columns = [*(_NAMESPACE if namespaces else ()), *_COLUMNS[:5], *spread, *_COLUMNS[5:], *(_WIDE if wide else ())]
    rows = [[cell(token, now) for _, cell in columns] for token in tokens]
    return layout.table([heading for heading, _ in columns], rows)


def _renews(token: Snapshot, now: datetime) -> str:
    renews = parse_time(token.status.get("renewalTime"))
    return ages.from_now(renews, now) if renews else ""


def _status(field: str) -> Callable[[Snapshot, datetime], str]:
    return lambda token, _now: str(token.status.get(field, ""))


_NAMESPACE: Final[Sequence[_Column]] = (("NAMESPACE", lambda token, _: token.namespace),)
_COLUMNS: Final[Sequence[_Column]] = (
    ("NAME", lambda token, _: token.name),
    ("READY", lambda token, _: token.ready),
    ("REASON", lambda token, _: token.reason),
    ("KIND", _status("kind")),
    ("SECRET", lambda token, _: token.secret),
    ("EXPIRES", lambda token, now: ages.shown(token.status.get("expirationTime"), now)),
    ("RENEWS", _renews),
)
_NAMESPACES: Final[Sequence[_Column]] = (("NAMESPACES", lambda token, _: token.spread),)
_WIDE: Final[Sequence[_Column]] = (
    ("APP", lambda token, _: token.app),
    ("ACCOUNT", _status("account")),
    ("REVISION", _status("revision")),
    ("MESSAGE", lambda token, _: token.message),
)
