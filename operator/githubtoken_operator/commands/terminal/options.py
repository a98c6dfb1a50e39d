"""The options that the user's commands share, with kubectl's names."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import click

from githubtoken_operator.domain.vocabulary.times import parse_duration

Command = Callable[..., Any]

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it."""

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster, and which namespace; None stands for what the kubeconfig says."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None


class Parsed(click.ParamType[Any]):
    """A value that a function reads, which raises ValueError with a sentence that says what the text must be."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> object:  # noqa: ANN401 - click's
        """Reads the text; what is no text is a default that was read already."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def parse_name(text: str) -> str:
    """Read the name of a Kubernetes object; nothing else may become a part of a URL."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"must be the name of an object, of lower-case letters, digits, `-` and `.`, not {text!r}")
    return text


def parse_selector(text: str) -> str:
    """Read a label selector. It is not empty: `-l "$UNSET"` must not mean everything."""
    if not text.strip():
        raise ValueError("must not be empty")
    return text


NAME: Final = Parsed("name", parse_name)


def at_a_place(command: Command) -> Command:
    """Adds the options that say which cluster and namespace; the command takes them as its first argument."""

    @click.option("--kubeconfig", metavar="FILE", help="Instead of KUBECONFIG or ~/.kube/config.")
    @click.option("--context", metavar="NAME", help="The context of the kubeconfig, instead of its current one.")
    @click.option("-n", "--namespace", type=NAME, help="The namespace, instead of the context's.")
    @functools.wraps(command)
    def placed(*, kubeconfig: str | None, context: str | None, namespace: str | None, **others: Any) -> Any:  # noqa: ANN401 - whatever the command takes
        return command(Where(kubeconfig, context, namespace), **others)

    return placed


def all_namespaces(command: Command) -> Command:
    """Adds `-A`, which excludes `-n`."""

    @click.option("-A", "--all-namespaces", is_flag=True, help="In every namespace.")
    @functools.wraps(command)
    def checked(where: Where, *, all_namespaces: bool, **others: Any) -> Any:  # noqa: ANN401 - whatever the command takes
        if all_namespaces and where.namespace:
            raise click.UsageError("--namespace and --all-namespaces exclude each other")
        return command(where, all_namespaces=all_namespaces, **others)

    return checked


operator_namespace = click.option(
    "--operator-namespace",
    envvar="GITHUBTOKEN_OPERATOR_NAMESPACE",
    type=NAME,
    default="githubtoken-system",
    show_default=True,
    help="Where the operator runs, and the Secrets of ClusterGitHubApps are.",
)

clusterwide = click.option("--cluster", "clusterwide", is_flag=True, help="ClusterGitHubTokens.")

one_token = click.argument("name", type=NAME)

selector = click.option(
    "-l", "--selector", type=Parsed("labels", parse_selector), help="Labels to match, such as `team=web,env!=test`."
)


def output(*more: str) -> Callable[[Command], Command]:
    """`-o`, for programs instead of humans, and what `more` a command knows."""
    return click.option("-o", "--output", type=click.Choice(["json", "yaml", *more]), help="Another form of output.")


def timeout(default: str) -> Callable[[Command], Command]:
    """`--timeout`."""
    return click.option(
        "--timeout",
        type=Parsed("duration", parse_duration),
        default=default,
        show_default=True,
        help="How long to wait.",
    )
