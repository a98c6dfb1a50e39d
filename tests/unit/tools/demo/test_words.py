from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo import words
from demo.manifests import ALICE
from demo.tally import Appeared, Failed, Happening, Held, Recovered, Restored, Rotated, Tally

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
FIRST = Held("u", "t1", 1, NOON + timedelta(seconds=100))
SECOND = Held("u", "t2", 2, NOON + timedelta(seconds=140))


@pytest.mark.parametrize(
    ("event", "line"),
    [
        pytest.param(Appeared(FIRST), "alice is there: Secret alice, expires 12:01:40", id="appeared"),
        pytest.param(
            Rotated(FIRST, SECOND),
            "alice rotated: revision 2, expires 12:01:40 → 12:02:20, Secret alice",
            id="rotated",
        ),
        pytest.param(Restored(), "alice restored: Secret alice is back, with the same token", id="restored"),
        pytest.param(Failed(NOON, "GitHub refuses it"), "alice FAILED: GitHub refuses it", id="failed"),
        pytest.param(Recovered(), "alice recovered: GitHub takes the token in Secret alice", id="recovered"),
    ],
)
def test_each_happening_is_one_line(event: Happening, line: str) -> None:
    assert words.happening(ALICE, event)[0] == line


def test_a_success_says_what_was_seen() -> None:
    tallies = [Tally("alice", looks=90, rotations=2, held=SECOND), Tally("ci", looks=90, rotations=1, held=SECOND)]
    assert words.verdict(tallies, []) == [
        "All went well. Rotated: alice twice, ci once. GitHub took the token at each of 180 looks."
    ]


def test_a_failure_says_what_went_wrong() -> None:
    assert words.verdict([Tally("ci")], ["ci never got a token"]) == ["The demo failed:", "  ci never got a token"]


def test_without_colour_nothing_is_added() -> None:
    assert words.styled("text", "good", colour=False) == "text"
    assert words.styled("text", "plain", colour=True) == "text"
    assert words.styled("text", "good", colour=True) == "\x1b[32mtext\x1b[0m"


def test_a_command_has_one_flag_a_line() -> None:
    assert words.command("run", {"--a": "1", "--b": "2"}) == "run \\\n  --a 1 \\\n  --b 2"


def test_commands_for_another_terminal_name_everything_that_is_needed() -> None:
    text = words.look_for_yourself(
        kubectl=Path("/usr/bin/kubectl"),
        kubeconfig=Path("/x/admin.kubeconfig"),
        namespace="demo",
        metrics="http://127.0.0.1:1/metrics",
        log=Path("/x/operator.log"),
    )
    assert "alias k='/usr/bin/kubectl --kubeconfig /x/admin.kubeconfig -n demo'" in text.splitlines()
    assert "curl -s http://127.0.0.1:1/metrics | grep ^githubtoken_expiration" in text.splitlines()
    assert "tail -f /x/operator.log" in text.splitlines()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        pytest.param("/home/me/.cache/kubectl", "~/.cache/kubectl", id="at home"),
        pytest.param("/home/metoo/kubectl", "/home/metoo/kubectl", id="at somebody else's"),
        pytest.param("/usr/bin/kubectl", "/usr/bin/kubectl", id="elsewhere"),
    ],
)
def test_the_home_folder_is_a_tilde(path: str, shown: str) -> None:
    assert words.shortened(Path(path), home=Path("/home/me")) == shown


def test_indented_text_has_no_blanks_at_the_ends_of_lines() -> None:
    assert words.indented("a  \n\nb\n") == "  a\n\n  b"
