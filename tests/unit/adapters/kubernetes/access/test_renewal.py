"""A plugin's token is got anew when it ends or is refused, once for all who wait for it."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from kubernetes.aio import client

from githubtoken_operator.adapters.kubernetes.access import renewal
from githubtoken_operator.adapters.kubernetes.access.exec_plugin import ExecCredential, ExecPlugin
from githubtoken_operator.adapters.kubernetes.access.renewal import PluginToken, read_again
from githubtoken_operator.adapters.kubernetes.errors import ApiError


class Plugin:
    """Signs in as often as it is run."""

    def __init__(self) -> None:
        self.runs = 0

    async def run(self, *, terminal: bool) -> ExecCredential:
        assert not terminal
        await asyncio.sleep(0)
        self.runs += 1
        return ExecCredential(f"token-{self.runs}", None, None, datetime.now(UTC) + timedelta(hours=1))


def renewing(plugin: Plugin, expires: datetime | None) -> tuple[PluginToken, client.Configuration]:
    configuration = client.Configuration(api_key={"BearerToken": "Bearer token-0"})
    credential = ExecCredential("token-0", None, None, expires)
    return PluginToken(configuration, cast("ExecPlugin", plugin), credential), configuration


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)


@pytest.mark.parametrize(
    ("left", "runs"),
    [(timedelta(hours=1), 0), (timedelta(), 1), (-timedelta(hours=1), 1), (None, 0)],
    ids=["it lives", "it ends now", "it has ended", "it says no end"],
)
async def test_a_token_that_has_ended_is_got_anew_before_a_request(left: timedelta | None, runs: int) -> None:
    plugin = Plugin()
    made, configuration = renewing(plugin, datetime.now(UTC) + left if left is not None else None)
    for _ in range(3):
        await made.before_a_request(configuration)
    assert plugin.runs == runs
    assert configuration.api_key["BearerToken"] == f"Bearer token-{runs}"


async def test_of_many_that_are_refused_at_once_one_runs_the_plugin() -> None:
    plugin = Plugin()
    made, configuration = renewing(plugin, None)
    await asyncio.gather(*(made.again() for _ in range(32)))
    assert plugin.runs == 1
    await made.again()
    assert configuration.api_key["BearerToken"] == "Bearer token-2"


async def test_what_cannot_be_loaded_anew_leaves_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "READ_AGAIN", -1.0)
    asked = 0

    async def load() -> None:
        nonlocal asked
        asked += 1
        raise ApiError(0, "the kubeconfig is gone")

    look = read_again(load)
    await look()
    await look()
    assert asked == 2
