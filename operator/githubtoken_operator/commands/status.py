"""`githubtoken status`: one GitHubToken and the chain that it hangs in, but for what is secret."""

from __future__ import annotations

from typing import Final

import click

from githubtoken_operator.adapters.clock import utc_now
from githubtoken_operator.commands.chain.links import links
from githubtoken_operator.commands.chain.reading import read
from githubtoken_operator.commands.cluster.session import Session, in_cluster
from githubtoken_operator.commands.cluster.surroundings import events_about, events_json, secret_json
from githubtoken_operator.commands.shown.overview import overview
from githubtoken_operator.commands.terminal import options
from githubtoken_operator.commands.terminal.layout import Format, document, plain
from githubtoken_operator.commands.terminal.options import Where

NOT_READY: Final = 3
"""With `--exit-code`; 1 is an error and 2 a wrong flag."""


@click.command(short_help="Show one GitHubToken and the chain that it hangs in.")
@options.one_token
@options.at_a_place
@options.clusterwide
@options.operator_namespace
@options.output()
@click.option("--exit-code", is_flag=True, help=f"End with {NOT_READY} where it is not ready.")
def status(
    where: Where, *, name: str, clusterwide: bool, operator_namespace: str, output: Format | None, exit_code: bool
) -> None:
    """Show one GitHubToken, or with --cluster one ClusterGitHubToken; with -n, as that namespace has it.

    Whether it is ready and why, its times, and the whole chain: App, private key, installation, Secrets, pods and
    workloads, each with what is wrong with it, and what happened. No value of a Secret is ever shown. With -o it is the
    object as kubectl prints it, with `secret`, `chain` and `events` beside it.

    \b
    githubtoken status ci
    githubtoken status ci -o json | jq .status.expirationTime
    githubtoken status --cluster ghcr -n team-a
    """  # noqa: D301 - click keeps the lines after a backspace as they are.

    async def work(session: Session) -> bool:
        token = await session.find(name, clusterwide=clusterwide)
        seen = await read(session.survey, token, operator_namespace, utc_now(), view=where.namespace or "")
        events, checks = await events_about(session.tokens, token), links(seen)
        if output:
            secret = secret_json(seen.secret.found if seen.secret else None)
            around = {"secret": secret, "events": events_json(events), "chain": [check.as_json for check in checks]}
            click.echo(document({**plain(token.body), **around}, output))
        else:
            click.echo(overview(seen, checks, events))
        return token.ready == "True"

    ready = in_cluster(where, work)
    if exit_code and not ready:
        raise click.exceptions.Exit(NOT_READY)
