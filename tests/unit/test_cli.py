"""The command line: what is refused before anything is asked, and what is imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner

from githubtoken_operator import __version__, cli
from githubtoken_operator.settings import Address, Settings


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
        (["run", "--leader-elect=false"], "it is `--leader-elect` or `--no-leader-elect`"),
        (["run", "--no-leader-elect=true"], "it is `--leader-elect` or `--no-leader-elect`"),
        (["run", "--journal-dir", ""], "must be a path, not ''"),
        (["run", "--ca-file="], "must be a path, not ''"),
        (["journal", "--journal-dir", ""], "must be a path, not ''"),
        (["doctor", "--github=no"], "it is `--github` or `--no-github`"),
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


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        (
            "GITHUBTOKEN_CONCURRENCY",
            "0",
            "'--concurrency' (GITHUBTOKEN_CONCURRENCY): must be a whole number from 1 to 100",
        ),
        ("GITHUBTOKEN_LEADER_ELECT", "maybe", "(GITHUBTOKEN_LEADER_ELECT): must be `true` or `false`, not 'maybe'"),
        ("GITHUBTOKEN_LEADER_ELECT", " ", "(GITHUBTOKEN_LEADER_ELECT): must be `true` or `false`, not ' '"),
        ("GITHUBTOKEN_NAMESPACES", ",", "(GITHUBTOKEN_NAMESPACES): must name namespaces"),
    ],
)
def test_of_a_wrong_value_it_is_said_which_variable_it_came_from(variable: str, value: str, says: str) -> None:
    ended = CliRunner(env={variable: value}).invoke(cli.cli, ["run"])
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert says in line


def settings_of(arguments: Sequence[str] = (), variables: Mapping[str, str] | None = None) -> Settings:
    """What `run` would be given."""
    told: list[Settings] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("githubtoken_operator.process.serve.serve", told.append)
        ended = CliRunner(env=variables).invoke(cli.cli, ["run", *arguments])
    assert ended.exit_code == 0, ended.output
    [found] = told
    return found


UID = "0f6d3d5e-7f3a-4a6e-9a53-9df2a1e5a5f0"
GIVEN: Final[Mapping[str, tuple[str, Any]]] = {
    "namespaces": ("a,b", ("a", "b")),
    "operator_namespace": ("tokens", "tokens"),
    "pod_name": ("operator-1", "operator-1"),
    "pod_uid": (UID, UID),
    "metrics_address": ("127.0.0.1:1", Address("127.0.0.1", 1)),
    "health_address": ("127.0.0.1:2", Address("127.0.0.1", 2)),
    "leader_elect": ("false", False),
    "lease_duration": ("30s", 30.0),
    "allowed_hosts": ("ghes,*.corp.example", ("ghes", "*.corp.example")),
    "concurrency": ("4", 4),
    "github_requests_per_minute": ("60", 60),
    "verify_before_publish": ("false", False),
    "ca_file": ("/ca", Path("/ca")),
    "signer_tokens": ("/signers", Path("/signers")),
    "pkcs11_module": ("/hsm.so", Path("/hsm.so")),
    "pkcs11_pin_file": ("/pin", Path("/pin")),
    "journal_dir": ("/journal", Path("/journal")),
    "grace_period": ("90s", 90.0),
    "log_format": ("text", "text"),
    "log_level": ("debug", "debug"),
}
"""Of each setting a text, and what it is then."""
TOGETHER: Final = (("pod_name", "pod_uid"), ("pkcs11_module", "pkcs11_pin_file"))


def flag(field: str) -> list[str]:
    """The setting as it is in `GIVEN`, by its flag."""
    name = field.replace("_", "-")
    return [f"--no-{name}"] if GIVEN[field][1] is False else [f"--{name}", GIVEN[field][0]]


def test_each_setting_is_tried() -> None:
    assert GIVEN.keys() == {each.name for each in fields(Settings)}


@pytest.mark.parametrize("field", GIVEN)
def test_each_setting_is_a_flag_and_a_variable(field: str) -> None:
    group = next((group for group in TOGETHER if field in group), (field,))
    wanted = replace(Settings(), **{each: GIVEN[each][1] for each in group})
    assert settings_of([word for each in group for word in flag(each)]) == wanted
    assert settings_of(variables={f"GITHUBTOKEN_{each.upper()}": GIVEN[each][0] for each in group}) == wanted
    assert getattr(Settings(), field) != GIVEN[field][1]


def test_a_flag_counts_and_not_its_variable() -> None:
    assert settings_of(["--concurrency", "4"], {"GITHUBTOKEN_CONCURRENCY": "5"}).concurrency == 4
    assert settings_of(["--leader-elect"], {"GITHUBTOKEN_LEADER_ELECT": "false"}).leader_elect
    assert not settings_of(["--no-leader-elect"], {"GITHUBTOKEN_LEADER_ELECT": "true"}).leader_elect


@pytest.mark.parametrize("field", GIVEN)
def test_an_empty_variable_is_none(field: str) -> None:
    assert settings_of(variables={f"GITHUBTOKEN_{field.upper()}": ""}) == Settings()


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


def test_the_list_of_commands_cuts_no_sentence() -> None:
    shown = CliRunner().invoke(cli.cli, ["--help"]).stdout
    assert "..." not in shown.split("Commands:")[1]


def test_the_version_is_a_command_and_an_option() -> None:
    told = {CliRunner().invoke(cli.cli, [word]).stdout for word in ("version", "--version")}
    assert told == {f"githubtoken-operator {__version__} (Python {platform.python_version()})\n"}


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
