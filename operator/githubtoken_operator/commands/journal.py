"""`githubtoken journal`: what waits in a journal, told without its tokens. It only looks, also while the operator runs.

It is for whoever has a shell where the folder is: `kubectl exec POD -- githubtoken journal`, where the chart names it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from githubtoken_operator import settings
from githubtoken_operator.adapters.journal_files import HOLDER, SUFFIX, UNREADABLE
from githubtoken_operator.commands.terminal import layout
from githubtoken_operator.commands.terminal.options import Parsed
from githubtoken_operator.domain.user.entry import NoEntry, decode
from githubtoken_operator.domain.vocabulary.times import format_time

HEADINGS = ["NAMESPACE", "SECRET", "SINCE", "SENT SHA-256", "SEED SHA-256"]


@click.command()
@click.option(
    "--journal-dir",
    envvar="GITHUBTOKEN_JOURNAL_DIR",
    required=True,
    type=Parsed("folder", settings.parse_path),
    help="The folder that `githubtoken run` was given.",
)
def journal(journal_dir: Path) -> None:
    """Show what waits in a journal: whose pair, and since when. Tokens are not shown.

    \b
    githubtoken journal --journal-dir /var/lib/githubtoken/journal
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    try:
        holder = journal_dir / HOLDER
        files = sorted(path for path in journal_dir.iterdir() if path.suffix in {SUFFIX, UNREADABLE})
        if not files and not holder.exists():
            # Whoever looks into a folder beside it must not be told that nothing waits.
            raise click.ClickException(f"{journal_dir} is no journal: no `githubtoken run` has used it as one")
        click.echo(f"holder: {holder.read_text(errors='replace')[:32] if holder.exists() else '<none>'}", err=True)
        rows = [row for path in files if path.suffix == SUFFIX and (row := _row(path))]
    except OSError as error:
        raise click.ClickException(f"the journal {journal_dir} cannot be read: {error.strerror}") from error
    for path in files:
        if path.suffix == UNREADABLE:
            click.echo(f"{path.name}: put aside, because it cannot be read", err=True)
    if rows:
        click.echo(layout.table(HEADINGS, rows))
    elif any(path.exists() for path in files):
        click.echo("Nothing else waits.", err=True)
    else:
        click.echo("Nothing waits: every pair is stored.", err=True)


def _row(path: Path) -> list[str] | None:
    """None for a file that went while we looked, or that the operator will put aside."""
    try:
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        (namespace, name), entry = decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except NoEntry as error:
        click.echo(f"{path.name}: {error}", err=True)
        return None
    return [namespace, name, format_time(since), entry.parent, entry.seed]
