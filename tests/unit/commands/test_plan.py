"""`githubtoken plan`: what it is asked, and what it says."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from githubtoken_operator.cli import cli
from githubtoken_operator.commands.plan import MOST, as_document, by_installation, grouped
from githubtoken_operator.domain.runs.forecast import forecast
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW, githubtoken, personal_githubtoken, user_githubtoken

MINUTE = timedelta(minutes=1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plan", *arguments])


def test_it_says_what_becomes_of_so_many_tokens() -> None:
    done = run("--tokens", "300", "--installations", "2")
    assert done.exit_code == 0
    heading, app, *installations = done.output.splitlines()
    assert heading.split()[:4] == ["APP", "TOKENS", "NEEDS/MIN", "ALLOWED/MIN"]
    assert app.split("  ")[0] == "one App"
    assert "renewBefore 2m to 58m" in app
    assert len(installations) == 2


def test_apps_that_are_alike_are_shown_as_one() -> None:
    done = run("--tokens", "100", "--apps", "10", "-o", "json")
    (found,) = json.loads(done.output)["apps"]
    assert (found["app"], found["tokens"]) == ("each of 10 Apps", 10)
    assert found["firstExpires"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--tokens", "0"], "--tokens", id="no token"),
        pytest.param(["--tokens", "many"], "--tokens", id="no number"),
        pytest.param(["--tokens", f"{MOST + 1}"], f"at most {MOST}", id="too many"),
        pytest.param(["--apps", "3"], "--apps needs --tokens", id="apps of nothing"),
        pytest.param(["--life", "2h"], "--life needs --tokens", id="a life of nothing"),
        pytest.param(["--tokens", "1", "--life", "soon"], "must be a duration", id="no duration"),
        pytest.param(["--tokens", "1", "--life", "30s"], "more than a minute", id="too short"),
        pytest.param(["--tokens", "1", "--life", "0s"], "more than a minute", id="no life"),
        pytest.param(["--tokens", "1", "--life", "99999999h"], "at most 8760h", id="a life beyond the calendar"),
        pytest.param(["--tokens", "1", "--renew-before", "119s"], "at least 2m", id="later than a spec can have it"),
        pytest.param(
            ["--tokens", "1", "--renew-before", "1h"], "less than the life, 1h", id="renewed before it is made"
        ),
        pytest.param(["--tokens", "1", "-A"], "goes with neither", id="the cluster's too"),
        pytest.param(["--tokens", "1", "-n", "team"], "goes with neither", id="a namespace's too"),
        pytest.param(["--tokens", "1", "-o", "xml"], "--output", id="another form"),
        pytest.param(["--tokens", "1", "--github-requests-per-minute", "0"], "--github-requests", id="no pace"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.output.splitlines()[-1]
    assert "Traceback" not in done.output


def test_what_is_there_is_grouped_by_app_and_what_github_is_not_asked_for_is_left_out() -> None:
    status = {
        "expirationTime": format_time(NOW + 30 * MINUTE),
        "renewalTime": format_time(NOW + 10 * MINUTE),
        "installation": {"id": 7, "host": "api.github.com", "selector": "acme"},
    }
    known = githubtoken()
    object.__setattr__(known, "status", status)
    groups = grouped([known, githubtoken("new"), user_githubtoken("alice"), personal_githubtoken("bob")], NOW, 175)
    assert [(group.app, len(group.tokens)) for group in groups] == [
        ("GitHubApp team/acme", 2),
        ("GitHubApp team/acme, user tokens", 1),
    ]
    assert groups[1].per_minute < 40
    (of_seven,) = by_installation(groups[0])["7"]
    assert (of_seven.left, of_seven.due) == (30 * MINUTE, 10 * MINUTE)


def test_programs_get_seconds() -> None:
    (group,) = grouped([githubtoken()], NOW, 175)
    found = as_document(group, forecast(group.tokens, per_minute=group.per_minute))
    assert found["renewBefore"] == {"fits": True, "lowestSeconds": 120, "highestSeconds": 3600}
    assert found["mostTokens"] == 5250
