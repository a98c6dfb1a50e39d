"""`githubtoken doctor`: is this cluster as it should be, and if not, what is to be done?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from githubtoken_operator.commands.cluster.session import Session, in_cluster
from githubtoken_operator.commands.doctor import bundle as packing
from githubtoken_operator.commands.doctor import conflicts, objects, platform, rights
from githubtoken_operator.commands.doctor import github as hosts
from githubtoken_operator.commands.doctor.findings import Findings
from githubtoken_operator.commands.doctor.reading import read
from githubtoken_operator.commands.terminal import options
from githubtoken_operator.commands.terminal.checks import Check, as_table
from githubtoken_operator.commands.terminal.layout import Format, document
from githubtoken_operator.commands.terminal.options import Where

FAILED: Final = 3
"""The exit code where a check failed; 1 is an error of the command, and 2 a wrong flag."""


@click.command()
@options.at_a_place
@options.operator_namespace
@options.output()
@click.option("--github/--no-github", default=True, show_default=True, help="Ask each GitHub whether it answers.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write what a bug report needs, without secrets, into this .tar.gz.",
)
def doctor(where: Where, *, operator_namespace: str, output: Format | None, github: bool, bundle: Path | None) -> None:
    """Look at the whole installation.

    One line a check, with what to do. It reads as far as you may: all namespaces, or with -n one. Nothing is changed,
    and no value of a Secret is shown.
    The exit code is 3 where a check failed.

    \b
    githubtoken doctor
    githubtoken doctor -n team
    githubtoken doctor -o json | jq '.checks[] | select(.state == "failed")'
    githubtoken doctor --bundle report.tar.gz
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    if bundle is not None and os.path.lexists(bundle):
        raise click.UsageError(f"--bundle: {bundle} is there already")
    if bundle is not None and not os.access(bundle.parent, os.W_OK):
        raise click.UsageError(f"--bundle: there is no folder {bundle.parent} that may be written")

    async def work(session: Session) -> list[Check]:
        found = await read(session, namespace=where.namespace, operator_namespace=operator_namespace, github=github)
        checks = judged(found)
        if bundle is not None:
            texts = await packing.collect(session.survey, found, checks)
            try:
                packing.write(bundle, texts)
            except OSError as error:
                raise click.ClickException(f"--bundle: {bundle} cannot be written: {error.strerror}") from error
        return checks

    checks = in_cluster(where, work)
    click.echo(document({"checks": [check.as_json for check in checks]}, output) if output else as_table(checks))
    if output is None:
        click.echo(f"\n{summary(checks)}", err=True)
    if bundle is not None:
        click.echo(f"{bundle} is written: look into it before you hand it on.", err=True)
    if any(check.state == "failed" for check in checks):
        raise click.exceptions.Exit(FAILED)


def judged(found: Findings) -> list[Check]:
    """All checks, from the API server to what others do."""
    return [
        *platform.checks(found.platform),
        *rights.checks(found.rights),
        *hosts.checks(found.reached),
        *objects.checks(found.objects),
        *conflicts.checks(found.objects, found.rivals),
    ]


def summary(checks: Sequence[Check]) -> str:
    """`21 checks: 19 ok, 1 warning, 1 failed`."""
    counted = Counter(check.state for check in checks)
    told = ", ".join(f"{counted[state]} {state}" for state in ("ok", "warning", "failed", "unknown") if counted[state])
    return f"{len(checks)} checks: {told}"
