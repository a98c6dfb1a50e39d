from __future__ import annotations

import io

import pytest

from demo.__main__ import parser
from demo.console import Console


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        pytest.param([], None, id="until Ctrl-C"),
        pytest.param(["--seconds", "90"], 90, id="90"),
        pytest.param(["--seconds=86400"], 86400, id="a day"),
    ],
)
def test_seconds_are_read(arguments: list[str], seconds: int | None) -> None:
    assert parser().parse_args(arguments).seconds == seconds


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon", "", "86401", "9" * 30, "٣", "1e3"])
def test_other_seconds_are_refused_in_one_clear_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([f"--seconds={text}"])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "argument --seconds: must be a whole number of seconds from 1 to 86400, such as 90" in last


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("colourful")
def test_colours_are_for_terminals() -> None:
    out = Terminal()
    Console(out).line("well", "good")
    assert out.getvalue() == "\x1b[32mwell\x1b[0m\n"


@pytest.mark.usefixtures("colourful")
@pytest.mark.parametrize(
    ("out", "variable", "value"),
    [
        pytest.param(io.StringIO(), "TERM", "xterm", id="no terminal"),
        pytest.param(Terminal(), "NO_COLOR", "1", id="NO_COLOR"),
        pytest.param(Terminal(), "TERM", "dumb", id="dumb terminal"),
    ],
)
def test_elsewhere_there_are_no_control_characters(
    out: io.StringIO, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    Console(out).line("well", "good")
    assert out.getvalue() == "well\n"


def test_empty_lines_never_come_in_twos() -> None:
    out = io.StringIO()
    console = Console(out)
    console.heading("Applied")
    console.block("kind: GitHubToken\n")
    console.heading("Look")
    console.line("here")
    assert out.getvalue() == "Applied\n\n  kind: GitHubToken\n\nLook\n\nhere\n"
