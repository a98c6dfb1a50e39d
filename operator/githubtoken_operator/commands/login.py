"""`githubtoken login`: shows the code that a human must enter at GitHub, and waits until the sign-in is done.

The sign-in itself is the operator's: this command asks for a code by an annotation and reads status. It may be ended,
and begun again, at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.commands.cluster.session import Session, in_cluster
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.shown.login_outcome import (
    Code,
    Done,
    Failed,
    Followed,
    Waiting,
    code_of,
    refusal,
    step,
)
from githubtoken_operator.commands.terminal import ages, options
from githubtoken_operator.commands.terminal.layout import printable
from githubtoken_operator.commands.terminal.options import Where
from githubtoken_operator.commands.terminal.waiting import Progress, until_done
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT
from githubtoken_operator.domain.vocabulary.times import format_duration


@click.command()
@options.one_token
@options.at_a_place
@options.clusterwide
@click.option("--new", is_flag=True, help="Ask for a new code, also where one is shown already.")
@options.timeout("15m")
def login(where: Where, *, name: str, clusterwide: bool, new: bool, timeout: timedelta) -> None:
    """Sign in for a GitHubToken.

    With --cluster it is a ClusterGitHubToken. Shows the code to enter at GitHub, and waits until somebody has done so
    and the Secret is there. It needs `spec.user.deviceFlow`.

    \b
    githubtoken login alice
    githubtoken login --cluster robot
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if clusterwide and where.namespace:
        raise click.UsageError("--cluster and --namespace exclude each other")

    async def work(session: Session) -> None:
        token = await session.find(name, clusterwide=clusterwide)
        if text := refusal(token):
            raise click.ClickException(text)
        requested = new or code_of(token, utc_now()) is None
        if requested:
            request = utc_now().isoformat()
            body = await session.tokens.annotate(token.namespace, token.name, LOGIN_REQUESTED_AT, request)
            token = Snapshot(body)
        following = _Following(session, token, requested=requested)
        if missing := await until_done(following.look, within=timeout, progress=following.progress):
            raise click.ClickException(f"nobody signed in within {format_duration(timeout)}: {missing}")

    try:
        in_cluster(where, work)
    except KeyboardInterrupt:
        again = f"githubtoken login {'--cluster ' if clusterwide else ''}{name}"
        click.echo(f"The sign-in goes on in the cluster; `{again}` shows the code again.", err=True)
        raise click.exceptions.Exit(options.INTERRUPTED) from None


@dataclass
class _Following:
    """One sign-in, and the code that was last shown."""

    session: Session
    before: Snapshot
    requested: bool
    shown: str = ""
    progress: Progress = field(default_factory=Progress)

    async def look(self, waited: float) -> str | None:
        """One look: shows a new code, says what is waited for, and None when it is done. Raises `ClickException`."""
        now, after = utc_now(), await self.session.again(self.before)
        match step(Followed(self.before, after, self.requested, waited, now)):
            case Code() as code:
                self._show(code, now)
                return f"waiting until {code.user_code} is entered"
            case Done(text):
                self.progress.wipe()
                click.echo(printable(text))
                return None
            case Failed(text):
                raise click.ClickException(f"not signed in: {printable(text)}")
            case Waiting(text):
                return text

    def _show(self, code: Code, now: datetime) -> None:
        if code.user_code == self.shown:
            return
        self.progress.wipe()
        if self.shown:
            click.echo("That code has expired. A new one:")
        click.echo(f"Code:     {printable(code.user_code)}")
        click.echo(f"Enter at: {printable(code.address)}")
        click.echo(f"Expires:  {ages.shown(code.expires, now)}")
        self.shown = code.user_code
