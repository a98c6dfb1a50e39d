"""The options that the user's commands share, with kubectl's names."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import click

from githubtoken_operator.domain.durations import parse_duration

Command = Callable[..., Any]

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Place:
    """Which cluster, and which namespace; None stands for what the kubeconfig says."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None


class ObjectName(click.ParamType[str]):
    """The name of a Kubernetes object; nothing else may become a part of a URL."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's
        """The name as it was given."""
        text = str(value)
        if not _NAME.fullmatch(text):
            self.fail(
                f"must be the name of an object, of lower-case letters, digits, `-` and `.`, not {text!r}", param, ctx
            )
        return text


class Duration(click.ParamType[timedelta]):
    """A duration such as `2m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401 - click's
        """The duration that the text says."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def at_a_place(command: Command) -> Command:
    """Adds the options that say which cluster and namespace; the command takes them as its first argument."""

    @click.option("--kubeconfig", metavar="FILE", help="Instead of KUBECONFIG or ~/.kube/config.")
    @click.option("--context", metavar="NAME", help="The context of the kubeconfig, instead of its current one.")
    @click.option("-n", "--namespace", type=ObjectName(), help="The namespace, instead of the context's.")
    @functools.wraps(command)
    def placed(*, kubeconfig: str | None, context: str | None, namespace: str | None, **others: Any) -> Any:  # noqa: ANN401 - whatever the command takes
        return command(Place(kubeconfig, context, namespace), **others)

    return placed


def all_namespaces(command: Command) -> Command:
    """Adds `-A`, which excludes `-n`."""

    @click.option("-A", "--all-namespaces", is_flag=True, help="In every namespace.")
    @functools.wraps(command)
    def checked(place: Place, *, all_namespaces: bool, **others: Any) -> Any:  # noqa: ANN401 - whatever the command takes
        if all_namespaces and place.namespace:
            raise click.UsageError("--namespace and --all-namespaces exclude each other")
        return command(place, all_namespaces=all_namespaces, **others)

    return checked


one_token = click.argument("name", type=ObjectName())


def _selector(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Not empty: `-l "$UNSET"` must not mean everything."""
    if value is not None and not value.strip():
        raise click.BadParameter("must not be empty")
    return value


selector = click.option(
    "-l", "--selector", metavar="LABELS", callback=_selector, help="Labels to match, such as `team=web,env!=test`."
)

output = click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="For programs instead of humans.")


def timeout(default: str) -> Callable[[Command], Command]:
    """`--timeout`."""
    return click.option("--timeout", type=Duration(), default=default, show_default=True, help="How long to wait.")
