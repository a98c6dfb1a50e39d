"""`githubtoken migrate`: from other operators to ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from githubtoken_operator.commands.cluster.session import Session, in_cluster
from githubtoken_operator.commands.migrate import adoption, external_secrets, sources, token_manager
from githubtoken_operator.commands.migrate.manifests import Equivalent, joined, label
from githubtoken_operator.commands.terminal import options
from githubtoken_operator.commands.terminal.options import Where
from githubtoken_operator.domain.vocabulary.model import JSON

READ: Final = ("ExternalSecret", "GithubAccessToken", "ClusterGenerator", "App", "Token", "ClusterToken")
_GROUPS: Final = ("external-secrets.io", "github.as-code.io")


@click.command(short_help="Print the equivalents of other operators' objects.")
@options.at_a_place
@options.all_namespaces
@click.option(
    "-f", "--filename", "files", multiple=True, help="Read manifests from a file, or from - (standard input)."
)
@click.option("--adopt", is_flag=True, help="Print the commands by which existing Secrets are taken over.")
def migrate(where: Where, *, all_namespaces: bool, files: tuple[str, ...], adopt: bool) -> None:
    """Print the equivalents of other operators' objects, with what differs as comments.

    It reads external-secrets' GithubAccessToken generators with their ExternalSecrets, and github-token-manager's App,
    Token and ClusterToken, from the cluster or from files. Nothing is changed.

    \b
    githubtoken migrate -A
    githubtoken migrate -f manifests.yaml > githubtokens.yaml
    githubtoken migrate -n team --adopt
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if files and (all_namespaces or where.namespace):
        raise click.UsageError("--filename goes with neither --namespace nor --all-namespaces: files are read whole")

    async def work(session: Session) -> list[JSON]:
        return await sources.of_cluster(session.survey, "" if all_namespaces else session.namespace)

    found = sources.of_files(files) if files else in_cluster(where, work)
    for line in passed_over(found):
        click.echo(line, err=True)
    made = translate(found)
    if not made:
        click.echo("There is nothing of external-secrets or github-token-manager that gets tokens of GitHub.", err=True)
    elif adopt:
        click.echo(adoption.commands(found), nl=False)
    else:
        click.echo(joined(made), nl=False)


def translate(objects: Sequence[JSON]) -> list[Equivalent]:
    """Our objects for all that are known."""
    return [*external_secrets.translate(objects), *token_manager.translate(objects)]


def passed_over(objects: Sequence[JSON]) -> list[str]:
    """A line for each object of those operators that has no equivalent here."""
    strange = [
        body
        for body in objects
        if body.get("kind") not in READ and any(group in str(body.get("apiVersion")) for group in _GROUPS)
    ]
    return [f"{label(body)} is not translated" for body in strange]
