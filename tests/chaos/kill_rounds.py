"""SIGKILL at a random moment, round after round, while user tokens are rotated all the time.

A round starts the real operator where the last one was killed, asks for the next rotation of each token as soon as the
last is over, and kills the process at a moment that the seed chose: a third of them from its first instruction until it
would lead, the rest from then on. Then the books are read, with no operator running. Whose sign-in was lost is signed
in anew when the operator has said so. Every few rounds the process is let be until all is well, so that nothing can be
stuck unseen.

The same seed gives the same moments; what the process was doing then is up to the machine.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from github_simulator.control_client import App, Ledger, sha256
from githubtoken_operator.domain.vocabulary import reasons
from tests.chaos.books import Books, Place, Step, handled, text_of
from tests.chaos.container import Container
from tests.integration.operator.stage.conditions import ready_of
from tests.integration.operator.stage.leaks import find_secrets
from tests.integration.operator.stage.world import World

if TYPE_CHECKING:
    from tests.integration.operator.stage.cluster import Object

ROTATING: Final = 2.5
"""Seconds for which a process that leads is let be, at most."""
USUAL_START: Final = 1.5
"""Seconds from a process's start until it leads; what is measured takes its place."""
LEADS_WITHIN: Final = 60.0
USERS: Final = 8
BOTS: Final = 2
"""Installation tokens beside them."""
GONE: Final = 0.1
"""How often the journal goes with its pod."""
CALM_EVERY: Final = 20
CALM_WITHIN: Final = 60.0
FEW: Final = 10
"""With so many failures it is enough."""
POLL: Final = 0.05


@dataclass
class Tally:
    """What was counted, apart for kills that left the journal and those that did not."""

    kills: int = 0
    struck: Counter[Step] = field(default_factory=Counter)
    """Kills that found a rotation in the step."""
    caught: Counter[Step] = field(default_factory=Counter)
    """Rotations that a kill found in the step."""
    lost: Counter[Step] = field(default_factory=Counter)


@dataclass
class KillRounds:
    """One run. `say` is told how it goes."""

    world: World
    app: App
    container: Container
    seed: int
    say: Callable[[str], object]

    def __post_init__(self) -> None:
        self.kept, self.gone = Tally(), Tally()
        self.failures: list[str] = []
        self.rounds = self.reported = self.double_spends = self.replays = self.rotations = self.mints = 0
        self.seconds = self.oldest = 0.0
        self._numbers = random.Random(self.seed)  # noqa: S311 - moments, not keys
        self._users = [f"user-{number}" for number in range(USERS)]
        self._bots = [f"bot-{number}" for number in range(BOTS)]
        self._lost: set[str] = set()
        self._fresh: set[str] = set()
        self._log_read = 0
        self._started, self._usual_start = time.monotonic(), USUAL_START
        self._leading = False

    # --- the whole ---------------------------------------------------------------------------------------------------

    def run(self, rounds: int, *, write: Callable[[], object]) -> None:
        """So many kills; what failed is in `failures`. `write` is called now and then, for a run that is cut short."""
        begun = time.monotonic()
        self._set_up()
        try:
            for number in range(1, rounds + 1):
                self._round(number)
                self.rounds, self.seconds = number, time.monotonic() - begun
                if number % CALM_EVERY == 0 or number == rounds:
                    self._calm(number)
                    self.seconds = time.monotonic() - begun
                    self.say(self._progress(rounds))
                    write()
                if len(self.failures) >= FEW:
                    break
        finally:
            self.world.operator.kill()
            write()

    def _progress(self, rounds: int) -> str:
        left = self.seconds / self.rounds * (rounds - self.rounds) / 60
        lost = sum((self.kept.lost + self.gone.lost).values())
        return (
            f"round {self.rounds} of {rounds}, {self.seconds / 60:.1f} min, {left:.0f} min to go: "
            f"{self.rotations} rotations, {lost} answers lost on the way, {self.double_spends} double spends, "
            f"{self.replays} replays, {len(self.failures)} failures"
        )

    def _set_up(self) -> None:
        for name in self._users:
            self.world.user_token(name, seed=self._sign_in(name))
        for name in self._bots:
            self.world.installation_token(name)
        self._calm(0)

    # --- one round ---------------------------------------------------------------------------------------------------

    def _round(self, number: int) -> None:
        moment, gone = self._numbers.uniform(0, 3), self._numbers.random() < GONE
        self._begin()
        if moment >= 1:
            self._wait_until_it_leads(number)
            ended = self._kill_at(time.monotonic() + (moment - 1) / 2 * ROTATING, number)
        else:
            ended = self._kill_at(self._started + moment * self._usual_start, number)
        if (code := self.world.operator.process.wait()) != -signal.SIGKILL:
            self._fail(number, f"the process had ended by itself with code {code}")
        self._judge(number, gone=gone, ended=ended)
        if gone:
            self.container.new_pod()

    def _wait_until_it_leads(self, number: int) -> None:
        if self._leading:
            return
        deadline = time.monotonic() + LEADS_WITHIN
        while not self.container.led():
            if self.world.operator.process.poll() is not None or time.monotonic() > deadline:
                self._fail(number, "the process does not lead")
                return
            time.sleep(POLL)
        self._usual_start += 0.1 * (time.monotonic() - self._started - self._usual_start)

    def _kill_at(self, moment: float, number: int) -> float:
        """Looks after the tokens until the process is killed by another thread; returns when, since the epoch."""
        killed = threading.Event()
        ends: list[float] = []

        def kill() -> None:
            self.world.operator.process.kill()
            ends.append(time.time())
            killed.set()

        timer = threading.Timer(max(0.0, moment - time.monotonic()), kill)
        timer.start()
        try:
            while not killed.wait(POLL):
                self._look(number)
        finally:
            timer.join()
        return ends[0]

    def _begin(self) -> None:
        """The process of this round: the one that was let be until all was well, or a new one."""
        self._leading = self.world.operator.process.poll() is None
        if not self._leading:
            self._started = time.monotonic()
            self.world.operator = self.container.start()

    def _look(self, number: int) -> list[Object]:
        """Asks for rotations where none is under way, and signs in anew where that was asked for."""
        tokens = self.world.cluster.list("GitHubToken", self.world.namespace)
        for token in tokens:
            name, ready = token["metadata"]["name"], ready_of(token)
            if (ready.status, ready.reason) == ("False", reasons.REAUTHORIZATION_REQUIRED) and name not in self._fresh:
                if name not in self._lost:
                    self._fail(number, f"{name} has to sign in anew although nothing was lost: {ready.message}")
                self.reported += name in self._lost
                self._lost.discard(name)
                self._fresh.add(name)
                self.world.seed(name, self._sign_in(name))
            elif ready.status == "True" and handled(token) and name not in self._lost:
                self._fresh.discard(name)
                self.world.annotate(name, refresh_requested_at=f"{time.time()}")
        return tokens

    def _sign_in(self, name: str) -> str:
        return str(self.world.github.sign_in(self.app, name).refresh_token)

    # --- after the kill ----------------------------------------------------------------------------------------------

    def _judge(self, number: int, *, gone: bool, ended: float) -> None:
        """Reads the books while nobody runs."""
        # A request that the dead process sent may have its effect still.
        time.sleep(POLL)
        books = self._books(gone=gone, ended=ended)
        tally = self.gone if gone else self.kept
        led = self.container.led()
        steps = set() if led else {Step.START}
        for name in (name for name in self._users if name not in self._lost):
            place = books.place(name)
            if led or place.lost:
                steps.add(place.step)
                tally.caught[place.step] += 1
            if place.lost:
                self._lose(name, place, books, tally)
            if place.fault:
                journal = f"the journal {'gone' if gone else 'kept'}"
                self._fail(number, f"{name}: {place.fault} ({journal}; {books.evidence(name)})")
        tally.kills += 1
        tally.struck.update(steps)
        self._read(number, books.ledger)

    def _lose(self, name: str, place: Place, books: Books, tally: Tally) -> None:
        tally.lost[place.step] += 1
        self.oldest = max(self.oldest, place.age)
        self._lost.add(name)
        self._fresh.discard(name)
        if place.step is not Step.WIRE:
            # GitHub saw its answer arrive; nobody else can tell it that it went with the process.
            self.world.github.lose_answer(sha256(text_of(books.secrets[f"{name}-credential"], "refresh_token")))

    def _books(self, *, gone: bool, ended: float) -> Books:
        tokens, secrets = (
            {item["metadata"]["name"]: item for item in self.world.cluster.list(kind, self.world.namespace)}
            for kind in ("GitHubToken", "Secret")
        )
        return Books(self.world.github, self.world.ledger(), tokens, secrets, self.container.journal, gone, ended)

    def _read(self, number: int, ledger: Ledger) -> None:
        """Counts what GitHub saw since the last time."""
        self.rotations += sum(request.error is None for request in ledger.of("refresh"))
        self.mints += len(ledger.of("mint"))
        self.replays += len(ledger.replays)
        self.double_spends += len(ledger.double_spends)
        for again, times in Counter(spend.sha256 for spend in ledger.replays).items():
            if times > 1:
                self._fail(number, f"one process sent a refresh token {times} times: {again[:12]}")
        for spend in ledger.double_spends:
            self._fail(number, f"a refresh token was sent again although its answer had come: {spend.sha256[:12]}")
        self.world.github.reset_ledger()

    # --- calm --------------------------------------------------------------------------------------------------------

    def _calm(self, number: int) -> None:
        """Lets the process be until every consumer has a token that lives, and all that was lost was said."""
        self._begin()
        deadline = time.monotonic() + CALM_WITHIN
        while (wrong := self._wrong(number)) and time.monotonic() < deadline:
            time.sleep(POLL)
        for name, what in wrong.items():
            self._fail(number, f"{name} did not come to rest: {what}")
        # The books of the time without a kill: the ledger is read while nothing is asked for.
        self._read(number, self.world.ledger())
        self._search(number)
        self._started = time.monotonic()

    def _wrong(self, number: int) -> dict[str, str]:
        """What is not well yet, by the GitHubToken's name."""
        tokens = self._look(number) if self._lost or self._fresh else self._list()
        secrets = {item["metadata"]["name"]: item for item in self.world.cluster.list("Secret", self.world.namespace)}
        wrong = {}
        for token in tokens:
            name, ready = token["metadata"]["name"], ready_of(token)
            consumer = text_of(secrets.get(name), "token")
            if ready.status != "True" or not handled(token):
                wrong[name] = f"{ready.status} {ready.reason} {ready.message}, handled: {handled(token)}"
            elif not self.world.github.token_is_alive(sha256(consumer)):
                wrong[name] = "its consumer has a token that is dead"
            elif name in self._users and not self.world.github.token_is_alive(
                sha256(text_of(secrets.get(f"{name}-credential"), "refresh_token"))
            ):
                wrong[name] = "its stored refresh token is dead"
        return wrong

    def _list(self) -> list[Object]:
        return self.world.cluster.list("GitHubToken", self.world.namespace)

    def _search(self, number: int) -> None:
        """No secret in what was logged since the last time, and no traceback."""
        with self.container.log.open("rb") as log:
            log.seek(self._log_read)
            text = log.read().decode(errors="replace")
            self._log_read = log.tell()
        for found in {*find_secrets(text, []), *(["a traceback"] if "Traceback" in text else [])}:
            self._fail(number, f"the log has {found}")

    def _fail(self, number: int, what: str) -> None:
        text = f"seed {self.seed}, round {number}: {what}"
        self.failures.append(text)
        self.say(text)
