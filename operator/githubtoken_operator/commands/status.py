"""`githubtoken status`: all there is to know of one GitHubToken, but for what is secret."""

from __future__ import annotations

from typing import Final

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.commands import options
from githubtoken_operator.commands.document import Format, document, plain
from githubtoken_operator.commands.options import Place
from githubtoken_operator.commands.overview import Seen, overview
from githubtoken_operator.commands.session import Session, in_cluster
from githubtoken_operator.commands.surroundings import look_around

NOT_READY: Final = 3
"""With `--exit-code`; 1 is an error and 2 a wrong flag."""


@click.command()
@options.one_token
@options.at_a_place
@options.output()
@click.option("--exit-code", is_flag=True, help=f"End with {NOT_READY} where it is not ready.")
def status(place: Place, *, name: str, output: Format | None, exit_code: bool) -> None:
    """Show one GitHubToken.

    Whether it is ready and why, its Secret, its times, and what happened. The Secret's values are never shown. With -o
    it is the object as kubectl prints it, with `secret` and `events` beside it.

    \b
    githubtoken status ci
    githubtoken status ci -o json | jq .status.expirationTime
    """  # noqa: D301 - click keeps the lines after a backspace as they are.

    async def work(session: Session) -> bool:
        token = await session.find(name)
        around = await look_around(session.tokens, token)
        if output:
            click.echo(document({**plain(token.body), **around.as_json}, output))
        else:
            click.echo(overview(Seen(token, around, utc_now())))
        return token.ready == "True"

    ready = in_cluster(place, work)
    if exit_code and not ready:
        raise click.exceptions.Exit(NOT_READY)
