"""Completion, in the real shells, and as kubectl asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from githubtoken_operator.cli import cli
from githubtoken_operator.commands.completion import SHELLS, for_kubectl

BIN = Path(sys.executable).parent


def script(shell: str) -> str:
    ended = CliRunner().invoke(cli, ["completion", shell])
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def proposals(shell: str, program: str) -> list[str]:
    """What the shell says when it runs a program after it has read its script."""
    if (found := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    # A shell keeps files of its own in the home folder, and makes it where it may.
    with tempfile.TemporaryDirectory() as home:
        run = subprocess.run(
            [found, "-c", f"{script(shell)}\n{program}"],
            env={**os.environ, "PATH": path, "HOME": home},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    return run.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shells_script_is_for_that_command_and_needs_no_cluster(shell: str) -> None:
    assert f"_GITHUBTOKEN_COMPLETE={shell}_complete" in script(shell)


def test_bash_proposes_commands_and_flags() -> None:
    asked = "COMP_WORDS=(githubtoken {}); COMP_CWORD={}; _githubtoken_completion githubtoken; echo ${{COMPREPLY[@]}}"
    assert proposals("bash", asked.format("st", 1)) == ["status"]
    assert proposals("bash", asked.format("list --orp", 2)) == ["--orphans"]


def test_fish_proposes_commands_with_what_they_do() -> None:
    assert proposals("fish", 'complete -C "githubtoken refr"') == ["refresh", "Renew", "GitHubTokens", "now."]


def test_zsh_takes_the_script() -> None:
    loaded = 'print ${+functions[_githubtoken_completion]} "${_comps[githubtoken]}"'
    assert proposals("zsh", f"autoload -Uz compinit; compinit -D -u; {loaded}")[0] == "1"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["li"], "list\tShow GitHubTokens, and when they expire.\n:4\n"),
        (["list", "--orp"], "--orphans\tCredential Secrets that no GitHubToken has any more.\n:4\n"),
        (["completion", "f"], "fish\n:4\n"),
        (["doctor", "--bundle", "re"], ":0\n"),
        (["nonsense", "x"], ":4\n"),
    ],
)
def test_kubectl_is_answered_in_its_own_protocol(words: list[str], answer: str) -> None:
    assert for_kubectl(cli, words) == answer


def test_kubectl_is_told_all_commands_where_nothing_is_typed_yet() -> None:
    all_of_them = cli.list_commands(click.Context(cli))
    assert {line.partition("\t")[0] for line in for_kubectl(cli, [""]).splitlines()} == {*all_of_them, ":4"}
    assert for_kubectl(cli, []) == for_kubectl(cli, [""])
