"""A refresh token is spent once: the order of writes, and every fault and death at every moment of a rotation.

The operator's whole run is exercised, from the seed to status, against a cluster and a GitHub in memory. A rehearsal
without faults numbers the moments; then the same is done once for each moment with something happening there.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Conflict, Forbidden
from githubtoken_operator.domain.lanes.budget import READ
from githubtoken_operator.domain.objects.secrets import decoded, encoded
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.credentials.credential import INTENT, REFUSED, Intent
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_of
from githubtoken_operator.domain.vocabulary.errors import Terminal, Transient
from githubtoken_operator.domain.vocabulary.model import Answer, App, Token
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.kind import StartOver
from githubtoken_operator.tokens.user.credentials import FOREIGN_INTENT_WAIT, POD_LOOK
from tests.unit.builders import NAMESPACE, NOW, app, app_body, pod_body, secret, user_body
from tests.unit.fakes import AFTER, API_AWAY, BEFORE, LOST, NOT_SENT, Killed, Moment, Process, World, raising, token_ref

CREDENTIAL = "secrets/ci-credential"
PUT_CREDENTIAL = f"PUT {CREDENTIAL}"
OF_GITHUB = {"refresh", "get_login"}
CONFLICT = Conflict(409, "the resourceVersion is not the present one")


def signed_in() -> World:
    """Alice has just put a refresh token into the seed Secret; nothing was done about it yet."""
    world = World()
    world.api.put(app_body(privateKeySecretRef=None))
    world.api.put(secret("acme-app", {"client-secret": "the-client-secret"}))
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("alice").reveal()}))
    world.api.put(user_body())
    return world


async def running() -> World:
    """Her token was obtained, and now its renewal is due."""
    world = signed_in()
    await world.start().settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    world.clock.advance(timedelta(hours=6))
    return world


async def seeding() -> World:
    return signed_in()


BEGINNINGS = [pytest.param(seeding, id="the first pair"), pytest.param(running, id="a renewal")]
Beginning = Callable[[], Awaitable[World]]


async def rehearse(begin: Beginning) -> list[tuple[str, Moment]]:
    """The moments of an undisturbed run, in order."""
    world = await begin()
    first = len(world.faults.reached)
    await world.start().settle()
    return world.faults.reached[first:]


def stored_refresh_token(world: World) -> str:
    return decoded(world.api.objects[CREDENTIAL], "refresh_token") or ""


def assert_settled(world: World) -> None:
    """The consumer holds the access token that lives, the store the refresh token that does."""
    assert stored_refresh_token(world) in world.github.live
    assert decoded(world.secret(), "token") == world.github.access
    assert ready_of(world.status()) == ("True", "Fresh")
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]


def assert_spent_once(world: World) -> None:
    assert (world.github.spent_twice, world.github.replayed) == ([], [])


def assert_loss_is_reported(world: World) -> None:
    """The pair is gone for good: it was asked for once more, as nobody could know, and then never again."""
    assert len(world.github.spent_twice + world.github.replayed) == 1
    assert world.status()["conditions"][-1]["type"] == "Stalled"
    assert world.status()["conditions"][-1]["reason"] == reasons.REAUTHORIZATION_REQUIRED
    stored = credential.read(world.api.objects[CREDENTIAL])
    assert stored.refused == stored.current


@pytest.mark.parametrize("seconds", [3, 300])
async def test_a_limit_ends_when_github_says(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    world = await running()
    limit = b'{"message": "You have exceeded a secondary rate limit."}'

    async def refuse(*_: object) -> Answer:
        return Answer(429, {"date": "Fri, 02 Jan 2026 03:04:05 GMT", "retry-after": f"{seconds}"}, limit)

    monkeypatch.setattr(world.github, "refresh", refuse)
    await world.start().run()
    assert f"in {seconds} s" in world.message


# --- The order of writes ---------------------------------------------------------------------------------------------


async def test_the_order_is_intent_post_pair_consumer_status() -> None:
    world = await running()
    world.faults.calls.clear()
    await world.start().run()
    effects = [call for call in world.faults.calls if not call.startswith("GET")]
    assert effects[:5] == [
        PUT_CREDENTIAL,
        "refresh",
        PUT_CREDENTIAL,
        "PATCH secrets/ci",
        "PATCH githubtokens/ci/status",
    ]


async def test_whose_token_it_is_is_asked_after_status_was_written() -> None:
    world = signed_in()
    await world.start().run()
    effects = [call for call in world.faults.calls if not call.startswith("GET")]
    assert effects[-4:-1] == ["PATCH githubtokens/ci/status", "POST events", "get_login"]
    assert world.status()["account"] == "alice"


async def test_a_github_that_does_not_tell_whose_token_it_is_delays_no_status() -> None:
    world = signed_in()
    told: list[tuple[str, str]] = []
    world.faults.on("get_login", lambda: told.append(ready_of(world.status())))
    await world.start().run()
    assert told == [("True", "Fresh")]


async def test_whose_token_it_is_is_asked_in_the_clients_turn_and_later_where_that_is_not_come() -> None:
    world = signed_in()
    process = world.start()
    lane = (await process.lane())._replace(host="api.github.com")
    other, now = token_ref("other"), world.clock.monotonic()
    assert process.lanes.ask(other, lane, deadline=0, points=READ, now=now)
    await process.settle()
    assert ready_of(world.status()) == ("True", "Fresh")
    assert "get_login" not in world.faults.calls
    process.lanes.leave(other, now)
    process.turns.pump()
    assert process.woken[-1][0] == token_ref("ci")
    await process.run()
    assert world.status()["account"] == "alice"
    assert process.lanes.waiting() == []


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_while_the_lease_is_short_nothing_is_sent_and_it_is_tried_again_within_a_second(
    begin: Beginning,
) -> None:
    world = await begin()
    process = world.start()
    process.leadership.short = True
    sent = world.faults.calls.count("refresh")
    due = await process.run()
    assert due is not None
    assert due.due <= (world.clock.now + timedelta(seconds=1)).timestamp()
    assert world.faults.calls.count("refresh") == sent
    assert "the operator's Lease was not renewed for seconds" in world.message
    assert "failedAttempts" not in world.status()
    assert INTENT not in world.api.objects[CREDENTIAL]["metadata"].get("annotations", {})
    process.leadership.short = False
    world.clock.now = datetime.fromtimestamp(due.due, UTC)
    await process.settle()
    assert_settled(world)
    assert_spent_once(world)


async def test_the_intent_says_who_is_about_to_send_which_token() -> None:
    world = await running()
    announced: list[Intent | None] = []
    world.faults.once("refresh", lambda: announced.append(credential.read(world.api.objects[CREDENTIAL]).intent))
    await world.start().run()
    (intent,) = announced
    assert intent is not None
    assert intent.attempt == 1
    assert intent.started == format_time(world.clock.now)


async def test_nothing_is_sent_where_the_secret_cannot_be_written() -> None:
    world = await running()
    world.faults.on(PUT_CREDENTIAL, raising(Forbidden(403, "secrets is forbidden")))
    await world.start().run()
    assert "refresh" not in world.faults.calls[-5:]
    assert len(world.github.spent) == 1


# --- Death at every moment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_whenever_the_process_is_killed_the_next_one_goes_on(begin: Beginning) -> None:
    moments = await rehearse(begin)
    answered = moments.index(("refresh", AFTER))
    # Between GitHub's effect and the store's, the pair is in memory only.
    unsafe = {answered, answered + 1}
    assert moments[answered + 1] == (PUT_CREDENTIAL, BEFORE)
    for number in range(len(moments)):
        world = await begin()
        world.faults.at(number, raising(Killed()))
        with pytest.raises(Killed):
            await world.start().settle()
        await world.start().settle()
        if number in unsafe:
            assert_loss_is_reported(world)
        else:
            assert_spent_once(world)
            assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_loss_is_healed_by_a_new_sign_in(begin: Beginning) -> None:
    world = await begin()
    world.faults.once("refresh", raising(Killed()), moment=AFTER)
    with pytest.raises(Killed):
        await world.start().settle()
    process = world.start()
    await process.settle()
    world.api.put(secret("alice-seed", {"refresh_token": world.github.sign_in("again").reveal()}))
    await process.settle()
    assert_settled(world)


# --- Faults at every moment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", BEGINNINGS)
@pytest.mark.parametrize(
    ("error", "moment"),
    [
        pytest.param(API_AWAY, BEFORE, id="the API server is away"),
        pytest.param(API_AWAY, AFTER, id="the API server's answer is lost"),
        pytest.param(CONFLICT, BEFORE, id="409"),
    ],
)
async def test_no_fault_of_the_api_server_costs_a_pair(begin: Beginning, error: Exception, moment: Moment) -> None:
    for number, (call, reached) in enumerate(await rehearse(begin)):
        if reached != moment or call in OF_GITHUB or (error is CONFLICT and call.startswith("GET")):
            continue
        world = await begin()
        world.faults.at(number, raising(error))
        await world.start().settle()
        assert_spent_once(world)
        assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_while_the_api_server_is_away_for_long_the_pair_is_kept_and_saved_at_last(begin: Beginning) -> None:
    world = await begin()
    refused: list[str] = []

    def go_away() -> None:
        world.faults.on(PUT_CREDENTIAL, refuse)

    def refuse() -> None:
        refused.append(PUT_CREDENTIAL)
        if len(refused) == 50:
            world.faults.clear()
        raise API_AWAY

    world.faults.once("refresh", go_away, moment=AFTER)
    await world.start().settle()
    assert len(refused) == 50
    assert_spent_once(world)
    assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
@pytest.mark.parametrize(
    ("error", "moment", "lost"),
    [
        pytest.param(NOT_SENT, BEFORE, False, id="not sent"),
        pytest.param(LOST, BEFORE, False, id="lost on the way there"),
        pytest.param(LOST, AFTER, True, id="lost on the way back"),
        pytest.param(Transient(reasons.RATE_LIMITED, "slow down", retry_after=9), BEFORE, False, id="limited"),
        pytest.param(Terminal(reasons.AUTHENTICATION_FAILED, "wrong secret"), BEFORE, False, id="refused, not spent"),
    ],
)
async def test_a_fault_on_the_way_to_github(begin: Beginning, error: Exception, moment: Moment, *, lost: bool) -> None:
    world = await begin()
    world.faults.once("refresh", raising(error), moment=moment)
    await world.start().settle()
    if lost:
        assert_loss_is_reported(world)
    else:
        assert_spent_once(world)
        assert_settled(world)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        pytest.param(LOST, True, id="unknown: it stays, for the next attempt to see"),
        pytest.param(NOT_SENT, False, id="not sent: it is removed"),
        pytest.param(Terminal(reasons.AUTHENTICATION_FAILED, "wrong secret"), False, id="not spent: it is removed"),
    ],
)
async def test_what_becomes_of_the_intent(error: Exception, *, kept: bool) -> None:
    world = await running()
    world.faults.once("refresh", raising(error))
    await world.start().run()
    assert (credential.read(world.api.objects[CREDENTIAL]).intent is not None) is kept


async def test_an_unknown_outcome_is_asked_for_again_by_the_same_process_without_the_long_wait() -> None:
    world = await running()
    world.faults.once("refresh", raising(LOST))
    before = world.clock.now
    attempts: list[int] = []

    def note() -> None:
        intent = credential.read(world.api.objects[CREDENTIAL]).intent
        attempts.append(intent.attempt if intent else 0)

    process = world.start()
    await process.run()
    world.faults.once("refresh", note)
    await process.settle()
    assert attempts == [2]
    assert world.clock.now - before < FOREIGN_INTENT_WAIT
    assert_settled(world)


# --- A human acts at every moment ------------------------------------------------------------------------------------


def sign_in_by_seed(world: World) -> str:
    token = world.github.sign_in("newer").reveal()
    world.api.put(secret("alice-seed", {"refresh_token": token}))
    return token


def sign_in_by_hand(world: World) -> str:
    token = world.github.sign_in("newer").reveal()
    if CREDENTIAL in world.api.objects:
        world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": token})))
    else:
        sign_in_by_seed(world)
    return token


def descendants(world: World, token: str) -> set[str]:
    found = {token}
    while token in world.github.children:
        token = world.github.children[token]
        found.add(token)
    return found


@pytest.mark.parametrize("begin", BEGINNINGS)
@pytest.mark.parametrize("act", [sign_in_by_seed, sign_in_by_hand])
async def test_a_newer_sign_in_is_never_overwritten(begin: Beginning, act: Callable[[World], str]) -> None:
    for number in range(len(await rehearse(begin))):
        world = await begin()
        tokens: list[str] = []

        def strike(world: World = world, tokens: list[str] = tokens) -> None:
            tokens.append(act(world))

        world.faults.at(number, strike)
        process = world.start()
        await process.settle()
        # The watch tells of the human's act, or the next renewal looks.
        await process.settle()
        assert stored_refresh_token(world) in descendants(world, tokens[0]), number
        assert_spent_once(world)
        assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_human_who_signs_in_and_a_death_at_the_same_moment_lose_nothing_of_the_new_sign_in(
    begin: Beginning,
) -> None:
    for number in range(len(await rehearse(begin))):
        world = await begin()
        tokens: list[str] = []

        def strike(world: World = world, tokens: list[str] = tokens) -> None:
            tokens.append(sign_in_by_hand(world))
            raise Killed

        world.faults.at(number, strike)
        with pytest.raises(Killed):
            await world.start().settle()
        process = world.start()
        await process.settle()
        await process.settle()
        assert stored_refresh_token(world) in descendants(world, tokens[0]), number
        assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_deleted_credential_is_never_made_again_from_the_old_chain(begin: Beginning) -> None:
    for number, (call, _) in enumerate(await rehearse(begin)):
        world = await begin()
        deleted: list[str] = []

        def strike(world: World = world, deleted: list[str] = deleted) -> None:
            if CREDENTIAL in world.api.objects:
                deleted.append(stored_refresh_token(world))
                world.api.delete(CREDENTIAL)

        world.faults.at(number, strike)
        process = world.start()
        await process.settle()
        await process.settle()
        if deleted and CREDENTIAL not in world.api.objects:
            # The process knows that it spent the seed that is still there, and that the token before is dead.
            assert_spent_once(world)
            published = world.api.objects.get("secrets/ci")
            lives = published is not None and decoded(published, "token") == world.github.access
            assert lives or ready_of(world.status()) == ("False", reasons.REAUTHORIZATION_REQUIRED), (number, call)
        elif deleted:
            # Only the seed that is still there can start a chain, and it is spent unless it was never sent.
            live = stored_refresh_token(world) in world.github.live
            assert live is (len(world.github.replayed + world.github.spent_twice) == 0), (number, call)
            assert len(world.github.replayed + world.github.spent_twice) <= 1


# --- Refused by GitHub -----------------------------------------------------------------------------------------------


async def test_a_refused_token_is_marked_and_never_sent_again_not_even_after_a_restart() -> None:
    world = await running()
    world.github.live.clear()
    await world.start().settle()
    sent = world.faults.calls.count("refresh")
    stored = credential.read(world.api.objects[CREDENTIAL])
    assert stored.refused == stored.current
    assert stored.intent is None
    await world.start().settle()
    assert world.faults.calls.count("refresh") == sent


async def refused_and_deleted() -> World:
    world = await running()
    world.github.live.clear()
    await world.start().settle()
    world.api.delete(CREDENTIAL)
    return world


async def rotated_while_it_was_deleted() -> World:
    world = await running()
    world.api.delete("secrets/alice-seed")
    world.faults.once("refresh", lambda: world.api.delete(CREDENTIAL), moment=AFTER)
    await world.start().settle()
    return world


@pytest.mark.parametrize("end", [refused_and_deleted, rotated_while_it_was_deleted])
async def test_a_dead_token_whose_credential_is_gone_is_called_ready_by_no_later_process(end: Beginning) -> None:
    world = await end()
    world.api.objects.pop("secrets/alice-seed", None)
    for _ in range(3):
        await world.start().settle()
        assert ready_of(world.status()) == ("False", reasons.CREDENTIAL_MISSING)
    sign_in_by_hand(world)
    await world.start().settle()
    assert_settled(world)


async def test_a_token_that_lives_is_ready_though_its_credential_is_gone() -> None:
    world = await running()
    world.api.delete("secrets/alice-seed")
    world.api.delete(CREDENTIAL)
    for _ in range(3):
        await world.start().settle()
        assert ready_of(world.status()) == ("True", "Fresh")
        assert "refresh failing: there is no refresh token to start from" in world.message


async def test_a_refusal_counts_for_nothing_where_somebody_else_has_won_meanwhile() -> None:
    world = await running()

    def win() -> None:
        world.github.live.clear()
        sign_in_by_hand(world)

    world.faults.once("refresh", win)
    await world.start().settle()
    assert REFUSED not in world.api.objects[CREDENTIAL]["metadata"]["annotations"]
    assert_settled(world)


async def test_an_old_seed_that_is_put_back_is_never_sent() -> None:
    world = await running()
    await world.start().settle()
    world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": "ghr_alice"})))
    sent = world.faults.calls.count("refresh")
    await world.start().settle()
    assert world.faults.calls.count("refresh") == sent
    assert "an old, spent refresh token was put back" in world.status()["conditions"][-1]["message"]


async def test_the_unchanged_seed_applied_again_does_nothing() -> None:
    world = signed_in()
    process = world.start()
    await process.settle()
    before = copy.deepcopy(world.api.objects)
    world.api.edit("secrets/alice-seed", lambda body: body["metadata"].update(labels={"applied": "again"}))
    before["secrets/alice-seed"] = world.api.objects["secrets/alice-seed"]
    await process.settle()
    assert world.api.objects == before


# --- Others ----------------------------------------------------------------------------------------------------------


POD = Pod(NAMESPACE, "operator-a", "uid-pod-a")
OWN_POD = Pod(NAMESPACE, "operator-b", "uid-pod-b")


def announce(world: World, holder: str = "another", attempt: int = 1, pod: Pod | None = None) -> None:
    stored = credential.read(world.api.objects[CREDENTIAL])
    intent = Intent(stored.current or "", holder, attempt, format_time(world.clock.now), pod)
    token = parse_token(world.api.objects["githubtokens/ci"])
    world.api.edit(CREDENTIAL, lambda body: body.update(credential_body.with_intent(body, intent, token, "Iv23acme")))


async def test_another_processs_intent_is_waited_for_and_overruled_at_last() -> None:
    world = await running()
    announce(world)
    process, seen = world.start(), world.clock.now
    due = await process.run()
    assert due is not None
    assert due.due == (seen + FOREIGN_INTENT_WAIT).timestamp()
    assert len(world.github.spent) == 1
    assert ready_of(world.status()) == ("True", "Fresh")
    await process.settle()
    assert world.clock.now >= seen + FOREIGN_INTENT_WAIT
    assert_spent_once(world)
    assert_settled(world)


async def test_without_an_election_another_intent_is_of_a_process_that_is_gone() -> None:
    world = await running()
    announce(world)
    process, begun = world.start(), world.clock.now
    process.leadership.contested = False
    await process.run()
    assert world.clock.now == begun
    assert_spent_once(world)
    assert_settled(world)


async def test_an_intent_names_the_pod_of_its_process() -> None:
    world = await running()
    found: list[Intent | None] = []
    world.faults.once("refresh", lambda: found.append(credential.read(world.api.objects[CREDENTIAL]).intent))
    await world.start(pod=OWN_POD).run()
    assert [intent and intent.pod for intent in found] == [OWN_POD]


async def test_a_pod_that_is_gone_is_not_waited_for() -> None:
    world = await running()
    announce(world, pod=POD)
    begun = world.clock.now
    await world.start(pod=OWN_POD).run()
    assert world.clock.now == begun
    assert_spent_once(world)
    assert_settled(world)


@pytest.mark.parametrize("moment", [BEFORE, AFTER], ids=["before GitHub", "after GitHub"])
async def test_a_pod_that_died_around_the_request_is_followed_at_once(moment: Moment) -> None:
    world = await running()
    world.faults.once("refresh", raising(Killed()), moment=moment)
    with pytest.raises(Killed):
        await world.start(pod=POD).run()
    begun = world.clock.now
    await world.start(pod=OWN_POD).run()
    assert world.clock.now == begun
    if moment == BEFORE:
        assert_spent_once(world)
        assert_settled(world)
    else:
        assert_loss_is_reported(world)


async def test_a_pod_that_is_there_is_waited_for_until_it_goes() -> None:
    world = await running()
    world.api.put(pod_body())
    announce(world, pod=POD)
    process, seen = world.start(pod=OWN_POD), world.clock.now
    due = await process.run()
    assert due is not None
    assert due.due == (seen + POD_LOOK).timestamp()
    said = world.status()
    world.clock.advance(POD_LOOK)
    await process.run()
    assert world.status() == said
    assert len(world.github.spent) == 1
    world.api.delete("pods/operator-a")
    world.clock.advance(POD_LOOK)
    await process.run()
    assert_spent_once(world)
    assert_settled(world)


@pytest.mark.parametrize(
    ("prepare", "pod"),
    [
        pytest.param(lambda world: world.api.put(pod_body()), POD, id="it runs"),
        pytest.param(
            lambda world: world.api.put(pod_body("operator-b", "uid-pod-b")), OWN_POD, id="our own, of a lost journal"
        ),
        pytest.param(lambda _world: None, Pod("elsewhere", "operator-a", "uid-pod-a"), id="in another namespace"),
        pytest.param(
            lambda world: world.faults.on("GET pods/operator-a", raising(API_AWAY)), POD, id="it cannot be asked for"
        ),
        pytest.param(
            lambda world: world.faults.on("GET pods/operator-a", raising(Forbidden(403, "no"))), POD, id="no right"
        ),
    ],
)
async def test_a_pod_that_may_be_there_is_waited_for_as_long_as_any(
    prepare: Callable[[World], object], pod: Pod
) -> None:
    world = await running()
    prepare(world)
    announce(world, pod=pod)
    process, seen = world.start(pod=OWN_POD), world.clock.now
    await process.settle()
    assert seen + FOREIGN_INTENT_WAIT <= world.clock.now < seen + FOREIGN_INTENT_WAIT + POD_LOOK
    assert_spent_once(world)
    assert_settled(world)


async def test_a_late_pair_of_a_process_whose_pod_is_gone_is_taken_and_makes_the_refusal_void() -> None:
    world = await running()
    zombie = world.start(pod=POD)
    successors: list[Process] = []

    async def overtaken(app: App, refresh_token: Token) -> Answer:
        answer = await type(world.github).refresh(world.github, app, refresh_token)
        world.github.refresh = original  # type: ignore[method-assign]
        successors.append(world.start(pod=OWN_POD))
        await successors[0].run()
        assert credential.read(world.api.objects[CREDENTIAL]).refused == refresh_token.sha256
        return answer

    original = world.github.refresh
    world.github.refresh = overtaken  # type: ignore[method-assign]
    await zombie.run()
    await successors[0].settle()
    assert_settled(world)


async def test_another_intent_of_the_same_holder_is_waited_for_anew() -> None:
    world = await running()
    announce(world)
    process = world.start()
    await process.run()
    world.clock.advance(FOREIGN_INTENT_WAIT - timedelta(seconds=1))
    announce(world, attempt=2)
    due = await process.run()
    assert due is not None
    assert due.due == (world.clock.now + FOREIGN_INTENT_WAIT).timestamp()


async def test_an_intent_cannot_block_a_new_sign_in() -> None:
    world = await running()
    announce(world)
    process, seen = world.start(), world.clock.now
    await process.run()
    sign_in_by_seed(world)
    await process.run()
    assert world.clock.now == seen
    assert_settled(world)


@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_sigterm_at_any_moment_leaves_nothing_half_done(begin: Beginning) -> None:
    for number in range(len(await rehearse(begin))):
        world = await begin()
        process = world.start()
        world.faults.at(number, partial(setattr, process, "stopping", True))
        await process.run()
        if CREDENTIAL in world.api.objects:
            assert INTENT not in world.api.objects[CREDENTIAL]["metadata"]["annotations"], number
        await world.start().settle()
        assert_spent_once(world)
        assert_settled(world)


async def test_after_sigterm_nothing_is_sent_any_more() -> None:
    world = await running()
    process = world.start()
    world.faults.once(PUT_CREDENTIAL, partial(setattr, process, "stopping", True), moment=AFTER)
    await process.run()
    assert len(world.github.spent) == 1


# --- Rotation by itself ----------------------------------------------------------------------------------------------


async def rotate(process: Process) -> None:
    token = parse_token(process.world.api.objects["githubtokens/ci"])
    await process.users.rotation.rotate(token, app(), "Iv23acme")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda world: world.api.delete(CREDENTIAL), id="deleted"),
        pytest.param(lambda world: world.api.edit(CREDENTIAL, lambda it: it.update(data={})), id="emptied"),
        pytest.param(lambda world: world.api.edit(CREDENTIAL, lambda it: it.update(immutable=True)), id="immutable"),
        pytest.param(
            lambda world: world.api.edit(CREDENTIAL, lambda it: it["metadata"].update(labels={}, annotations={})),
            id="not ours",
        ),
    ],
)
async def test_a_credential_that_changed_since_it_was_seen_is_looked_at_again(change: Callable[[World], None]) -> None:
    world = await running()
    change(world)
    spent = set(world.github.spent)
    with pytest.raises((StartOver, Terminal)):
        await rotate(world.start())
    assert world.github.spent == spent


async def test_a_seed_is_not_taken_over_what_somebody_wrote_meanwhile() -> None:
    world = await running()
    world.faults.once(PUT_CREDENTIAL, lambda: world.api.edit(CREDENTIAL, lambda it: it["data"].update(x="")))
    token = parse_token(world.api.objects["githubtokens/ci"])
    with pytest.raises(StartOver):
        await world.start().users.credentials.take_seed(token, world.github.sign_in("newer"), "Iv23acme")


async def test_the_pair_goes_on_with_the_chains_memory() -> None:
    world = await running()
    await world.start().settle()
    stored = credential.read(world.api.objects[CREDENTIAL])
    assert stored.revision == 2
    assert stored.access is not None
    assert stored.access.created == NOW + timedelta(hours=6)
    assert len(stored.seeds_taken) == 1


async def test_after_a_new_sign_in_a_new_chain_begins() -> None:
    world = await running()
    newer = sign_in_by_hand(world)
    await world.start().settle()
    stored = credential.read(world.api.objects[CREDENTIAL])
    assert stored.seed == stored.parent == Token(newer).sha256
