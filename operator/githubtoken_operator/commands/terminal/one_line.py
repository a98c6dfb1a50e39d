"""What is wrong with the arguments of a command, in one line where click would put its usage before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from click.core import ParameterSource


class WrongArguments(click.ClickException):
    """The line; it ends with whose help says what there is."""

    exit_code = 2

    def __init__(self, text: str, command: str) -> None:
        super().__init__(f"{' '.join(text.split())} (`{command} --help` says what there is)")


@contextmanager
def in_one_line(group: click.Context | None = None) -> Iterator[None]:
    """Turns what click says of wrong arguments into the line; `group` is the context of the group that is invoked."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise WrongArguments(_said(error, group), _command(error, group)) from error


def _said(error: click.UsageError, group: click.Context | None) -> str:
    """The words, with the variable that a wrong value came from, and with what a switch is called that got a value."""
    if isinstance(error, click.BadParameter) and (variable := _variable(error)):
        error.param_hint = f"'{error.param.opts[0]}' ({variable})" if error.param else variable
    text = error.format_message()
    if isinstance(error, click.BadOptionUsage) and (names := _switch(error.option_name, group)):
        return f"{text.removesuffix('.')}: it is {' or '.join(names)}"
    return text


def _variable(error: click.BadParameter) -> str:
    """The environment variable that the value came from; empty where it came from elsewhere."""
    name = error.param.name if error.param else None
    told = error.ctx.get_parameter_source(name) if error.ctx and name else None
    return str(error.param.envvar) if error.param and told is ParameterSource.ENVIRONMENT else ""


def _switch(option: str, group: click.Context | None) -> list[str]:
    """Both names of a switch of the command that was asked for; none where the option is no such."""
    if group is None or not isinstance(group.command, click.Group) or group.invoked_subcommand is None:
        return []
    command = group.command.get_command(group, group.invoked_subcommand)
    both = [(*it.opts, *it.secondary_opts) for it in (command.params if command else ()) if it.secondary_opts]
    return next(([f"`{name}`" for name in names] for names in both if option in names), [])


def _command(error: click.UsageError, group: click.Context | None) -> str:
    """The command whose arguments they are; click's parser does not always say it."""
    if error.ctx is not None:
        return error.ctx.command_path
    if group is None:
        return "githubtoken"
    return " ".join(filter(None, (group.command_path, group.invoked_subcommand)))
