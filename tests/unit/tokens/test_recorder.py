"""What a run leaves behind: status where it differs, an event on a transition and never twice, series of metrics."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden, Unavailable
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.objects.specs.github_token import Failures, parse_token
from githubtoken_operator.domain.observed.observation import Observation, Renewal
from githubtoken_operator.domain.observed.standing import BackingOff, Paused, Standing
from githubtoken_operator.domain.runs.status import Granted, Result
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal, Transient
from githubtoken_operator.tokens.kind import Gathered, TokenKind
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.recorder import Recorder
from tests.unit.builders import NOW, githubtoken_body, observation, settled
from tests.unit.fakes import World, raising

STATUS = "PATCH githubtokens/ci/status"
AWAY = Transient(reasons.GITHUB_UNAVAILABLE, "GitHub does not answer")
LIMITED = Transient(reasons.RATE_LIMITED, "GitHub limits the App")
SUSPENDED = Terminal(reasons.INSTALLATION_SUSPENDED, "the installation is suspended")
NOT_INSTALLED = Terminal(reasons.INSTALLATION_NOT_FOUND, "the App is not installed")
WAITING = BackingOff()


class Desk:
    """A recorder over a cluster in memory; `restart` makes it forget what it said."""

    def __init__(self) -> None:
        self.world = World()
        self.world.api.put(githubtoken_body())
        process = self.world.start()
        self.metrics, self.recorder = process.metrics, Recorder(process.ground)
        self.memory = Memory("uid-ci")

    def restart(self) -> None:
        self.memory = Memory("uid-ci")

    async def record(self, error: Standing | None, *, held: bool, renewal: Renewal | None = None) -> None:
        """A run that ended so, with or without a valid token."""
        body = self.world.api.objects["githubtokens/ci"]
        token = parse_token(body)
        seen: Observation = replace(settled() if held else observation(), token=token)
        if renewal is not None:
            seen = replace(seen, renewal=renewal)
        gathered = Gathered(seen, cast("TokenKind", None), body, Resolved(NOW), NOW, seen.issued, "")
        failures = Failures(1, NOW, NOW + timedelta(seconds=5)) if error else Failures()
        await self.recorder.record(gathered, self.memory, Result(seen.issued, Granted(), error, failures))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("ends", "events"),
    [
        pytest.param([(None, True)], ["Fresh"], id="the first token"),
        pytest.param([(None, True), (None, True)], ["Fresh"], id="a renewal is no transition"),
        pytest.param([(AWAY, False)] * 3, ["GitHubUnavailable"], id="a failure that stands"),
        pytest.param(
            [(AWAY, False), (LIMITED, False), (AWAY, False)],
            ["GitHubUnavailable", "RateLimited", "GitHubUnavailable"],
            id="each other reason",
        ),
        pytest.param(
            [(None, True), (AWAY, True), (AWAY, True), (None, True)],
            ["Fresh", "GitHubUnavailable", "Fresh"],
            id="a renewal that fails for a while",
        ),
        pytest.param(
            [(None, True), (SUSPENDED, True), (SUSPENDED, False)],
            ["Fresh", "InstallationSuspended", "InstallationSuspended"],
            id="once more when the token has died",
        ),
    ],
)
async def test_an_event_is_made_on_a_transition_only(
    desk: Desk, ends: Sequence[tuple[Standing | None, bool]], events: list[str]
) -> None:
    for error, held in ends:
        await desk.record(error, held=held)
    assert desk.world.event_reasons == events


@pytest.mark.parametrize(
    ("ends", "events"),
    [
        pytest.param([(None, True), (None, True)], ["Fresh"], id="fresh"),
        pytest.param([(AWAY, False), (AWAY, False)], ["GitHubUnavailable"], id="failing"),
        pytest.param([(SUSPENDED, False), (SUSPENDED, False)], ["InstallationSuspended"], id="stalled"),
        pytest.param([(SUSPENDED, True), (SUSPENDED, True)], ["InstallationSuspended"], id="stalled, yet valid"),
        pytest.param([(AWAY, True), (AWAY, True)], ["GitHubUnavailable"], id="a renewal that fails"),
        pytest.param(
            [(SUSPENDED, True), (NOT_INSTALLED, True)],
            ["InstallationSuspended", "InstallationNotFound"],
            id="another reason is said",
        ),
        pytest.param(
            [(AWAY, True), (SUSPENDED, True)], ["GitHubUnavailable", "InstallationSuspended"], id="a human is called"
        ),
        pytest.param([(SUSPENDED, False), (None, True)], ["InstallationSuspended", "Fresh"], id="healed is said"),
        pytest.param([(AWAY, True), (None, True)], ["GitHubUnavailable", "Fresh"], id="a renewal that went well again"),
    ],
)
async def test_a_restart_repeats_no_event(
    desk: Desk, ends: Sequence[tuple[Standing | None, bool]], events: list[str]
) -> None:
    for error, held in ends:
        await desk.record(error, held=held)
        desk.restart()
    assert desk.world.event_reasons == events


async def test_waiting_after_a_restart_says_nothing_new(desk: Desk) -> None:
    await desk.record(SUSPENDED, held=False)
    desk.restart()
    await desk.record(WAITING, held=False)
    assert desk.world.event_reasons == [reasons.INSTALLATION_SUSPENDED]
    assert ready_of(desk.world.status()) == ("False", reasons.INSTALLATION_SUSPENDED)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(SUSPENDED, reasons.INSTALLATION_SUSPENDED, id="a human is needed"),
        pytest.param(AWAY, reasons.EXPIRED, id="transient"),
    ],
)
async def test_a_token_that_dies_while_the_next_attempt_is_waited_for_is_said(
    desk: Desk, error: Standing, said: str
) -> None:
    await desk.record(error, held=True)
    desk.restart()
    await desk.record(WAITING, held=True)
    await desk.record(WAITING, held=False)
    await desk.record(WAITING, held=False)
    assert desk.world.event_reasons == [error.reason, said]
    assert ready_of(desk.world.status()) == ("False", said)


async def test_suspension_is_said_when_it_costs_the_token_and_not_again_after_a_restart(desk: Desk) -> None:
    await desk.record(None, held=True)
    desk.world.api.edit("githubtokens/ci", lambda it: it["spec"].update(suspend=True))
    for held in (True, False, False):
        await desk.record(Paused(), held=held)
        desk.restart()
    assert desk.world.event_reasons == ["Fresh", "Suspended"]


async def test_an_event_says_what_to_do_and_warns_of_failures(desk: Desk) -> None:
    await desk.record(SUSPENDED, held=False)
    await desk.record(None, held=True)
    warning, normal = desk.world.api.events
    assert (warning["type"], warning["reason"], warning["message"]) == (
        "Warning",
        "InstallationSuspended",
        "the installation is suspended",
    )
    assert (normal["type"], normal["message"]) == ("Normal", "token valid until 2026-03-01T13:00:00Z")
    involved = warning["involvedObject"]
    assert (involved["kind"], involved["name"], involved["uid"]) == ("GitHubToken", "ci", "uid-ci")


async def test_status_is_written_once_for_what_stays(desk: Desk) -> None:
    for _ in range(3):
        await desk.record(None, held=True)
    assert desk.world.faults.calls.count(STATUS) == 1


async def test_a_conflict_is_for_the_run_to_repeat_and_no_event_is_lost_by_it(desk: Desk) -> None:
    desk.world.faults.once(STATUS, raising(Conflict(409, "the resourceVersion is not the present one")))
    with pytest.raises(Conflict):
        await desk.record(None, held=True)
    assert desk.world.event_reasons == []
    await desk.record(None, held=True)
    assert desk.world.event_reasons == [reasons.FRESH]


async def test_a_status_that_may_not_be_written_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.world.faults.on(STATUS, raising(Forbidden(403, "githubtokens/status is forbidden")))
    with caplog.at_level(logging.WARNING):
        await desk.record(None, held=True)
    assert "status of GitHubToken team/ci cannot be written" in caplog.text


async def test_an_event_that_is_lost_repeats_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.world.faults.on("POST events", raising(Unavailable(503, "try later")))
    with caplog.at_level(logging.WARNING):
        await desk.record(None, held=True)
    assert "an event was not written" in caplog.text
    assert ready_of(desk.world.status()) == ("True", reasons.FRESH)


async def test_metrics_show_what_status_says(desk: Desk) -> None:
    await desk.record(SUSPENDED, held=True)
    about = {"namespace": "team", "name": "ci"}
    value = desk.metrics.registry.get_sample_value
    assert value("githubtoken_ready_status", {**about, "condition": "True"}) == 1
    assert value("githubtoken_needs_human", {**about, "reason": "InstallationSuspended"}) == 1
    assert value("githubtoken_issued_timestamp_seconds", about) == NOW.timestamp()
    assert value("githubtoken_expiration_timestamp_seconds", about) == (NOW + timedelta(hours=1)).timestamp()
    assert value("githubtoken_renewal_timestamp_seconds", about) == (NOW + timedelta(minutes=39)).timestamp()
    await desk.record(AWAY, held=False)
    assert value("githubtoken_issued_timestamp_seconds", about) is None
    assert value("githubtoken_needs_human", {**about, "reason": "InstallationSuspended"}) is None


async def test_a_renew_before_that_is_ignored_is_said_once_per_spec(desk: Desk) -> None:
    ignored = Renewal(NOW + timedelta(minutes=39), renew_before_ignored=True)
    desk.world.api.edit("githubtokens/ci", lambda it: it["spec"].update(renewBefore="2h"))
    for _ in range(3):
        await desk.record(None, held=True, renewal=ignored)
    assert desk.world.event_reasons == ["Fresh", "RenewBeforeIgnored"]
    assert "`spec.renewBefore` (2h) must be less than the token's life (3600 s)" in desk.world.api.events[1]["message"]
    desk.world.api.edit("githubtokens/ci", lambda it: it["metadata"].update(generation=2))
    await desk.record(None, held=True, renewal=ignored)
    assert desk.world.event_reasons == ["Fresh", "RenewBeforeIgnored", "RenewBeforeIgnored"]


async def test_a_text_that_lost_its_token_on_the_way_is_said_once_per_spec(desk: Desk) -> None:
    data = {"config.ini": "token = ", "empty": "", "whole": "$(token)"}
    desk.world.api.edit("githubtokens/ci", lambda it: it["spec"].update(secret={"data": data}))
    for _ in range(3):
        await desk.record(None, held=True)
    assert desk.world.event_reasons == ["Fresh", "DataWithoutToken"]
    message = desk.world.api.events[1]["message"]
    assert "under `config.ini`, `empty`." in message
    assert "write `$(token)`" in message


async def test_texts_with_the_token_are_not_spoken_of(desk: Desk) -> None:
    desk.world.api.edit("githubtokens/ci", lambda it: it["spec"].update(secret={"data": {"whole": "${token}"}}))
    await desk.record(None, held=True)
    assert desk.world.event_reasons == ["Fresh"]
