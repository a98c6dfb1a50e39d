"""What `githubtoken run` does with its settings; the other commands import nothing of it."""

from __future__ import annotations

import asyncio

import click

from githubtoken_operator.adapters import logs
from githubtoken_operator.adapters.http_server import CannotListen
from githubtoken_operator.adapters.journal import CannotJournal
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.adapters.network.ca_file import CannotTrust
from githubtoken_operator.process import footprint
from githubtoken_operator.process.background import TaskEnded
from githubtoken_operator.process.leading import LeaseLost
from githubtoken_operator.process.lifecycle import CannotStart, run
from githubtoken_operator.settings import Settings
from githubtoken_operator.watching.embedding import WatchesHang


def serve(settings: Settings) -> None:
    """Runs the operator until SIGTERM; what it cannot begin or go on with is one line, as click shows it."""
    logs.configure(settings.log_format, settings.log_level)
    footprint.small()
    try:
        asyncio.run(run(settings))
    except (
        CannotStart,
        LeaseLost,
        TaskEnded,
        WatchesHang,
        CannotListen,
        CannotJournal,
        CannotTrust,
    ) as error:
        raise click.ClickException(str(error)) from error
    except ApiError as error:
        raise click.ClickException(error.message) from error
