"""`githubtoken completion`: what makes a shell complete the command, and what makes kubectl complete the plugin.

The shells' scripts are click's. kubectl asks an executable `kubectl_complete-githubtoken` on the PATH, by the protocol
of cobra: one proposal a line, a tab before its description, and a last line with `:` and a number of flags
(https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import ShellComplete, get_completion_class

VARIABLE: Final = "_GITHUBTOKEN_COMPLETE"
"""By this variable click tells a run that is asked for proposals from any other."""
SHELLS: Final = ("bash", "zsh", "fish")
_FILES: Final = 0
"""cobra's flags: let the shell propose files."""
_NO_FILES: Final = 4


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the script that makes a shell complete this command.

    \b
    githubtoken completion bash > ~/.local/share/bash-completion/completions/githubtoken
    githubtoken completion zsh > "${fpath[1]}/_githubtoken"
    githubtoken completion fish > ~/.config/fish/completions/githubtoken.fish
    """  # noqa: D301 - click keeps the lines after a backspace as they are.
    made = get_completion_class(shell)
    assert made is not None, "it is one of the choices"  # noqa: S101 - for the type checker.
    click.echo(made(ctx.find_root().command, {}, "githubtoken", VARIABLE).source())


def for_kubectl(command: click.Command, words: Sequence[str]) -> str:
    """The answer to kubectl, for the words behind `kubectl githubtoken`, of which the last is still being typed."""
    *before, incomplete = words or [""]
    found = ShellComplete(command, {}, "githubtoken", VARIABLE).get_completions(list(before), incomplete)
    files = any(item.type in {"file", "dir"} for item in found)
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found if item.type == "plain"]
    return "".join(f"{line}\n" for line in [*lines, f":{_FILES if files else _NO_FILES}"])
