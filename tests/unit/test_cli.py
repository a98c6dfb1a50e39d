"""The command line: what is refused before anything is asked, and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from githubtoken_operator import cli


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["refresh"], "give either names, or --selector, or --all"),
        (["refresh", "ci", "--all"], "give either names, or --selector, or --all"),
        (["refresh", "ci", "-l", "a=b"], "give either names, or --selector, or --all"),
        (["refresh", "ci", "-A"], "names are of one namespace"),
        (["refresh", "--all", "--timeout", "soon"], "must be a duration such as `20m`"),
        (["refresh", "-l", ""], "must not be empty"),
        (["list", "-l", " "], "must not be empty"),
        (["list", "-n", "demo", "-A"], "--namespace and --all-namespaces exclude each other"),
        (["list", "-n", "../demo"], "must be the name of an object"),
        (["list", "-o", "xml"], "is not one of 'json', 'yaml', 'wide'"),
        (["status", "ci", "-o", "wide"], "is not one of 'json', 'yaml'"),
        (["status"], "Missing argument 'NAME'"),
        (["status", "ght/ci"], "must be the name of an object"),
        (["status", "Ci"], "must be the name of an object"),
        (["run", "--pod-name", "a"], "--pod-name and --pod-uid go together"),
        (["run", "--pod-uid", "u"], "--pod-name and --pod-uid go together"),
        (["run", "--pkcs11-module", "/m"], "--pkcs11-module and --pkcs11-pin-file go together"),
        (["run", "--pkcs11-pin-file", "/p"], "--pkcs11-module and --pkcs11-pin-file go together"),
        (["run", "--pod-name", "a/b", "--pod-uid", "u"], "must be the name of a pod"),
        (["login"], "Missing argument 'NAME'"),
        (["doctor", "--bundle", "/no-such-folder/report.tar.gz"], "there is no folder /no-such-folder that may be"),
        (["doctor", "--bundle", __file__], "is there already"),
        (["login", "alice", "--timeout", "-1s"], "must be a duration such as `20m`"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused_with_what_they_must_be(arguments: list[str], says: str) -> None:
    ended = CliRunner().invoke(cli.cli, arguments)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert says in line
    assert line.endswith(f"(`cli {arguments[0]} --help` says what there is)")


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--frobnicate"]], ids=" ".join)
def test_what_is_no_command_is_one_line_too(arguments: list[str]) -> None:
    ended = CliRunner().invoke(cli.cli, arguments)
    assert ended.exit_code == 2
    assert ended.stderr.startswith("Error: No such ")
    assert len(ended.stderr.splitlines()) == 1


def test_a_proxy_that_is_not_served_is_refused_without_its_password() -> None:
    found = CliRunner(env={"HTTPS_PROXY": "socks5://user:s3cret@proxy:1080", "https_proxy": ""}).invoke(
        cli.cli, ["run"]
    )
    assert found.exit_code == 2
    assert "HTTPS_PROXY must begin with http://" in found.output
    assert "s3cret" not in found.output


def test_without_a_command_it_shows_what_there_is() -> None:
    ended = CliRunner().invoke(cli.cli, [])
    assert ended.exit_code == 2
    assert "Commands:" in ended.stderr


@pytest.mark.parametrize("command", ["list", "status", "refresh", "login", "doctor", "plan", "migrate"])
def test_help_has_an_example_on_a_line_of_its_own(command: str) -> None:
    shown = CliRunner().invoke(cli.cli, [command, "--help"]).stdout
    assert any(line.startswith(f"  githubtoken {command}") for line in shown.splitlines())


@pytest.mark.parametrize("name", cli.cli.list_commands(click.Context(cli.cli)))
def test_a_command_is_found_where_it_is_said_to_be(name: str) -> None:
    found = cli.cli.get_command(click.Context(cli.cli), name)
    assert found is not None
    assert found.name == name


def test_the_users_commands_begin_without_what_only_the_operator_needs() -> None:
    code = (
        "import sys, click; from githubtoken_operator.cli import cli; ctx = click.Context(cli)\n"
        "print(len([cli.get_command(ctx, name) for name in cli.list_commands(ctx)]))\n"
        "print(sorted({'kopf', 'httpx', 'prometheus_client'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, operators = ended.stdout.splitlines()
    assert int(count) > 10
    assert operators == "[]"


def test_what_asks_nobody_begins_without_the_cluster() -> None:
    code = (
        "import sys; from githubtoken_operator.cli import cli; cli(['version'], standalone_mode=False)\n"
        "print(sorted({'aiohttp', 'kubernetes', 'yaml'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("/usr/local/bin/kubectl-githubtoken", "kubectl githubtoken"),
        ("/usr/local/bin/githubtoken", "githubtoken"),
        ("/x/githubtoken_operator/__main__.py", "githubtoken"),
    ],
)
def test_as_a_kubectl_plugin_it_is_called_as_one(
    program: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "list", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().out.startswith(f"Usage: {name} list ")


def test_what_a_program_reads_is_utf_8_whatever_the_locale_has() -> None:
    command = [sys.executable, "-m", "githubtoken_operator", "crds"]
    ended = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=True)
    assert "\u2026" in ended.stdout.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
def test_an_output_that_is_full_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "githubtoken_operator", "crds"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "Error: the output cannot be written: No space left on device\n"
