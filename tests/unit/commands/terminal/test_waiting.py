"""Waiting: when it looks, and when it gives up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta

import pytest

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, Unavailable
from githubtoken_operator.commands.terminal.waiting import Progress, until_done

AWAY = Unavailable(0, "the API server cannot be reached")


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


async def wait(answers: Sequence[str | ApiError | None], within: float = 60.0) -> tuple[str | None, list[float]]:
    """How it ended, and when it looked; the last answer is given again and again."""
    clock, looks = Clock(), list[float]()

    async def look(waited: float) -> str | None:
        answer = answers[min(len(looks), len(answers) - 1)]
        looks.append(waited)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    missing = await until_done(
        look,
        within=timedelta(seconds=within),
        progress=Progress(),
        monotonic=clock.monotonic,
        sleep=clock.sleep,
    )
    return missing, looks


async def test_it_looks_once_a_second_until_it_is_done() -> None:
    assert await wait(["a", "b", None]) == (None, [0.0, 1.0, 2.0])


async def test_when_the_time_is_over_it_says_what_is_missing_after_a_last_look() -> None:
    assert await wait(["a", "a", "b"], within=1.5) == ("b", [0.0, 1.0, 1.5])


async def test_without_any_time_it_looks_once() -> None:
    assert await wait(["a"], within=0) == ("a", [0.0])


async def test_an_api_server_that_is_away_for_a_moment_ends_no_wait() -> None:
    assert await wait([AWAY, AWAY, None]) == (None, [0.0, 1.0, 2.0])


async def test_one_that_stays_away_is_what_is_missing() -> None:
    assert await wait([AWAY], within=2) == (AWAY.message, [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    "error",
    [Forbidden(403, "no"), Unavailable(401, "who"), Unavailable(404, "the answer is not JSON")],
    ids=["a right that is missing", "credentials that are not accepted", "a kind that is not served"],
)
async def test_what_waiting_does_not_heal_ends_it(error: ApiError) -> None:
    with pytest.raises(type(error)):
        await wait(["a", error])


async def test_without_a_terminal_progress_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    await wait(["a", "a", "b\x1b[2J", None])
    assert capsys.readouterr().err == "a\nb [2J\n"


async def test_on_a_terminal_progress_is_one_line_that_is_rewritten_and_wiped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "10")
    await wait(["a", "0123456789", None])
    assert capsys.readouterr().err == "\r\x1b[2Ka (0s)\r\x1b[2K012345678\r\x1b[2K"


async def test_progress_is_wiped_also_where_an_error_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with pytest.raises(Forbidden):
        await wait(["a", Forbidden(403, "no")])
    assert capsys.readouterr().err.endswith("a (0s)\r\x1b[2K")
