"""The command `githubtoken`. Every flag of `run` is also an environment variable, `GITHUBTOKEN_` and its name.

A wrong flag or a missing CRD ends the process with one clear line and a code that is not 0. Each command is imported
when it is asked for: `run` takes no memory for what users run, and these begin without the operator.
"""

from __future__ import annotations

import errno
import io
import os
import pkgutil
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from githubtoken_operator import __version__, settings
from githubtoken_operator.commands.completion import VARIABLE, completion, for_kubectl
from githubtoken_operator.commands.terminal.one_line import in_one_line
from githubtoken_operator.commands.terminal.options import Parsed
from githubtoken_operator.domain.apps import proxies
from githubtoken_operator.process import imports
from githubtoken_operator.settings import Settings

_COMMANDS: Final = {
    "list": "listing:list_tokens",
    "status": "status:status",
    "refresh": "refresh:refresh",
    "login": "login:login",
    "doctor": "doctor.command:doctor",
    "plan": "plan:plan",
    "migrate": "migrate.command:migrate",
    "journal": "journal:journal",
    "crds": "crds:crds",
}
"""Where each command is that stands in a module of its own, below `commands`."""

_OUTPUT_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a file behind the output can be short of."""

_VERSION: Final = f"githubtoken-operator {__version__} (Python {platform.python_version()})"

F = TypeVar("F", bound=Callable[..., Any])


def _count(maximum: int) -> Callable[[str], int]:
    return lambda text: settings.parse_count(text, maximum=maximum)


def _option(flag: str, kind: str, parse: Callable[[str], object], text: str) -> Callable[[F], F]:
    field = flag.removeprefix("--").replace("-", "_")
    default = getattr(Settings(), field)
    shown = (f"{default:g}s" if isinstance(default, float) else str(default)) if default else "none"
    kind_of_value = Parsed(kind, parse)
    return click.option(
        flag, envvar=_variable(field), type=kind_of_value, default=default, show_default=shown, help=text
    )


def _switch(flags: str, text: str) -> Callable[[F], F]:
    field = flags.partition("/")[0].removeprefix("--").replace("-", "_")
    return click.option(
        flags, envvar=_variable(field), type=_Switch(), default=getattr(Settings(), field), show_default=True, help=text
    )


def _variable(field: str) -> str:
    return f"GITHUBTOKEN_{field.upper()}"


class _Switch(click.types.BoolParamType):
    """The value of a switch's variable. One that is blank is no answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:  # noqa: ANN401 - click's
        """Reads the text; what is no text is a default, or the switch itself."""
        if isinstance(value, str) and (not value.strip() or self.str_to_bool(value) is None):
            self.fail(f"must be `true` or `false`, not {value!r}", param, ctx)
        return super().convert(value, param, ctx)


class _Commands(click.Group):
    """The commands; what is wrong with their arguments is said in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those of this module, and those that are imported when they are asked for."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name in _COMMANDS:
            found: click.Command = pkgutil.resolve_name(f"githubtoken_operator.commands.{_COMMANDS[cmd_name]}")
            return found
        return super().get_command(ctx, cmd_name)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's
        """Reads the arguments before the command."""
        with in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Reads the arguments of the command, and runs it."""
        with in_one_line(ctx):
            return super().invoke(ctx)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(message=_VERSION)
def cli() -> None:
    """Keep GitHub tokens in Kubernetes Secrets and renew them before they expire."""


@cli.command(short_help="Run the operator until SIGTERM.")
@_option("--namespaces", "list", settings.parse_namespaces, "Namespaces to serve, separated by commas; none means all.")
@_option("--operator-namespace", "namespace", settings.parse_namespace, "Where the operator's Lease and pods are.")
@_option("--pod-name", "name", settings.parse_pod_name, "The pod that this process runs in; with --pod-uid.")
@_option("--pod-uid", "uid", settings.parse_pod_uid, "Its uid; with --pod-name.")
@_option("--metrics-address", "address", settings.parse_address, "Where /metrics is served.")
@_option("--health-address", "address", settings.parse_address, "Where /healthz and /readyz are served.")
@_option(
    "--allowed-hosts",
    "hosts",
    settings.parse_allowed_hosts,
    "Hosts that Apps may name beside GitHub's own: `host`, `host:port` or `*.suffix`, separated by commas.",
)
@_switch("--leader-elect/--no-leader-elect", "Let a Lease decide which replica writes.")
@_option("--lease-duration", "duration", settings.parse_lease_duration, "Until a silent leader is replaced.")
@_option(
    "--ca-file",
    "file",
    settings.parse_path,
    "CAs in PEM, trusted beside the usual ones where an App has no `caBundle`.",
)
@_option(
    "--signer-tokens",
    "folder",
    settings.parse_path,
    "Projected tokens for services that sign for Apps, one file for each audience.",
)
@_option(
    "--pkcs11-module",
    "file",
    settings.parse_path,
    "The PKCS#11 library of the HSM that signs for Apps; with --pkcs11-pin-file.",
)
@_option("--pkcs11-pin-file", "file", settings.parse_path, "File with the PIN of the HSM's user; with --pkcs11-module.")
@_option(
    "--journal-dir",
    "folder",
    settings.parse_path,
    "Where rotated pairs are kept until they are stored; best in memory.",
)
@_option(
    "--grace-period",
    "duration",
    settings.parse_grace_period,
    "From SIGTERM to SIGKILL, such as the pod's terminationGracePeriodSeconds: one that is too short is told.",
)
@_option("--concurrency", "number", _count(100), "GitHubTokens that are worked on at once.")
@_option("--github-requests-per-minute", "number", _count(100_000), "New tokens a minute for each App and host.")
@_switch(
    "--verify-before-publish/--no-verify-before-publish",
    "See GitHub accept a new installation token before it is published.",
)
@_option("--log-format", "format", settings.parse_log_format, "`json` or `text`.")
@_option("--log-level", "level", settings.parse_log_level, "`debug`, `info`, `warning` or `error`.")
def run(**flags: Any) -> None:  # noqa: ANN401 - one keyword for each flag above
    """Run the operator until SIGTERM; every flag is also an environment variable, GITHUBTOKEN_ and its name."""
    if (flags["pod_name"] is None) != (flags["pod_uid"] is None):
        raise click.UsageError("--pod-name and --pod-uid go together: give both, or neither")
    if (flags["pkcs11_module"] is None) != (flags["pkcs11_pin_file"] is None):
        raise click.UsageError("--pkcs11-module and --pkcs11-pin-file go together: give both, or neither")
    try:
        proxies.read(os.environ)
    except proxies.UnusableProxy as error:
        raise click.UsageError(str(error)) from error
    with imports.undisturbed():
        from githubtoken_operator.process.serve import serve  # noqa: PLC0415 - kopf and the like take as long as a whole `list`.

    serve(Settings(**flags))


@cli.command()
def version() -> None:
    """Print the versions of the operator and of Python."""
    click.echo(_VERSION)


cli.add_command(completion)


def main() -> None:
    """Entry point of `githubtoken` and of `kubectl githubtoken`."""
    name = "kubectl githubtoken" if Path(sys.argv[0]).name == "kubectl-githubtoken" else "githubtoken"
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What programs read is UTF-8, as YAML and JSON are; a terminal may have less.
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace")
    try:
        cli(prog_name=name, complete_var=VARIABLE)
    except OSError as error:
        if error.errno not in _OUTPUT_FULL:
            raise
        sys.exit(f"Error: the output cannot be written: {error.strerror}")


def complete_for_kubectl() -> None:
    """Entry point of `kubectl_complete-githubtoken`, which kubectl asks for proposals."""
    click.echo(for_kubectl(cli, sys.argv[1:]), nl=False)
