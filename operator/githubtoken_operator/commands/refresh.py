"""`githubtoken refresh`: asks the operator to renew tokens now, by an annotation, and may wait until it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden, Invalid, NotFound
from githubtoken_operator.commands.cluster.session import Session, complaint, in_cluster
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.listing import none_found
from githubtoken_operator.commands.shown.refresh_outcome import SUSPENDED, Requested, outcome, standing
from githubtoken_operator.commands.terminal import options
from githubtoken_operator.commands.terminal.layout import named, printable, some
from githubtoken_operator.commands.terminal.options import Where
from githubtoken_operator.commands.terminal.waiting import Progress, until_done
from githubtoken_operator.domain.objects.specs.github_token import REFRESH_REQUESTED_AT
from githubtoken_operator.domain.vocabulary.times import format_duration

NAMED_IN_PROGRESS: Final = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be refreshed: names, or what a selector matches (None: all).

    `namespace` None means everywhere, and "" the ClusterGitHubTokens, which have none.
    """

    namespace: str | None
    names: tuple[str, ...]
    selector: str | None


@click.command()
@click.argument("names", nargs=-1, type=options.NAME)
@options.at_a_place
@options.all_namespaces
@options.clusterwide
@options.selector
@click.option("--all", "everything", is_flag=True, help="All of the namespace, with -A or --cluster all there are.")
@click.option("--wait", is_flag=True, help="Wait until they are renewed, and fail where one is not.")
@options.timeout("2m")
def refresh(
    where: Where,
    *,
    names: tuple[str, ...],
    all_namespaces: bool,
    clusterwide: bool,
    selector: str | None,
    everything: bool,
    wait: bool,
    timeout: timedelta,
) -> None:
    """Renew GitHubTokens now.

    Those that are named, those that -l matches, or --all; with --cluster of the ClusterGitHubTokens.
    The operator's own pauses after failures are skipped, but no limit that GitHub set.

    \b
    githubtoken refresh ci deploy
    githubtoken refresh -l team=web --wait
    githubtoken refresh --all -A
    githubtoken refresh --cluster ghcr --wait
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if sum((bool(names), selector is not None, everything)) != 1:
        raise click.UsageError("give either names, or --selector, or --all")
    if names and all_namespaces:
        raise click.UsageError("names are of one namespace: --all-namespaces goes with --selector or --all")
    if clusterwide and (all_namespaces or where.namespace):
        raise click.UsageError("--cluster goes with neither --namespace nor --all-namespaces")

    async def work(session: Session) -> bool:
        namespace = None if all_namespaces else "" if clusterwide else session.namespace
        refreshing = _Refreshing(session, Selection(namespace, tuple(dict.fromkeys(names)), selector))
        await refreshing.request(tell=not wait)
        if wait:
            await refreshing.wait(timeout)
        return refreshing.failed

    try:
        failed = in_cluster(where, work)
    except KeyboardInterrupt:
        click.echo("Not waited for: what was requested, the operator still does.", err=True)
        raise click.exceptions.Exit(options.INTERRUPTED) from None
    if failed:
        raise click.exceptions.Exit(1)


@dataclass
class _Refreshing:
    """The requests that were made.

    `pending` are those whose end is not known, as the request left them; `latest` the same as they were last seen.
    """

    session: Session
    selection: Selection
    pending: dict[str, Snapshot] = field(default_factory=dict)
    latest: dict[str, Snapshot] = field(default_factory=dict)
    failed: bool = False
    progress: Progress = field(default_factory=Progress)

    async def request(self, *, tell: bool) -> None:
        """Makes all of them; one that is refused is told and does not hinder the others."""
        chosen = await self._chosen()
        if not chosen:
            click.echo(none_found(self.selection.namespace, self.selection.selector), err=True)
        for namespace, name in chosen:
            label = named(namespace, name)
            request = utc_now().isoformat()
            try:
                body = await self.session.tokens.annotate(namespace, name, REFRESH_REQUESTED_AT, request)
            except NotFound:
                kind = "GitHubToken" if namespace else "ClusterGitHubToken"
                self._tell_failure(label, f"not requested: there is no such {kind}")
            except (Conflict, Forbidden, Invalid) as error:
                self._tell_failure(label, f"not requested: {complaint(error)}")
            else:
                self.pending[label] = self.latest[label] = Snapshot(body)
                if tell:
                    note = f"; {SUSPENDED}" if self.pending[label].suspended else ""
                    click.echo(f"{label}: refresh requested{note}")

    async def wait(self, within: timedelta) -> None:
        """Until the end of each request is known, or the time is over."""
        await until_done(self._look, within=within, progress=self.progress)
        for label in self.pending:
            late = f"not refreshed within {format_duration(within)}: {standing(self.latest[label])}"
            self._tell_failure(label, late)

    async def _chosen(self) -> Sequence[tuple[str, str]]:
        of = self.selection
        if of.names:
            return [(of.namespace or "", name) for name in of.names]
        return [(token.namespace, token.name) for token in await self.session.search(of.namespace, of.selector)]

    async def _look(self, waited: float) -> str | None:
        for label, before in list(self.pending.items()):
            after = await self.session.again(before)
            self.latest[label] = after or before
            found = outcome(Requested(before, after, waited, utc_now()))
            if found is None:
                continue
            del self.pending[label]
            self.progress.wipe()
            if found.succeeded:
                click.echo(f"{label}: {found.text}")
            else:
                self._tell_failure(label, f"not refreshed: {found.text}")
        return f"waiting for {some(list(self.pending), NAMED_IN_PROGRESS)} to be refreshed" if self.pending else None

    def _tell_failure(self, label: str, text: str) -> None:
        self.failed = True
        click.echo(f"{label}: {printable(text)}", err=True)
