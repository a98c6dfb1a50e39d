"""The Lease by which one replica at a time is the leader, who writes.

The rules are those of client-go's leader election, with two more that single-use refresh tokens ask for:

    take over    only where nobody holds it, or its record did not change for the holder's own duration as seen from
                 here; no clock is compared with another machine's
    hold         until two thirds of the duration after the last successful renewal was *sent*, whatever happens to
                 the requests since; `held` says so without asking anybody, so it is a fence
    lose         as soon as a renewal finds another holder, or none; a lost Lease is not taken again
    release      the holder becomes empty, and whoever waits may go on at once

Every write is a PUT under the resourceVersion just read, so of two that are as fast only one succeeds. `term` is
`leaseTransitions`, which every change of the holder increments: work that spans the same term had no other leader.

Time is CLOCK_BOOTTIME, since the monotonic clock stands still while the machine is suspended and the others' does not.
What remains, as with any Lease: a process that is frozen right after `held` said yes, and a Lease deleted by hand.

https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from githubtoken_operator.adapters.clock import boottime, wall_now
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import ApiError, NotFound
from githubtoken_operator.domain.objects.secrets import FIELD_MANAGER
from githubtoken_operator.domain.vocabulary.model import JSON

LEASE_NAME: Final = "githubtoken-operator"

_DEADLINE: Final = 2 / 3
"""Of the duration: how long a renewal lasts for the holder itself. The rest is the margin between two leaders."""
_INTERVAL: Final = 1 / 3
"""Of the deadline: how often the holder renews."""
_LOOK: Final = 0.5
"""Seconds between two looks of a candidate, less where the interval is: a released Lease is taken within a second."""
_ATTEMPT: Final = 0.8
"""Of the interval: how long one attempt may take, with both of its requests."""
_RETRY: Final = 0.25
"""Of the interval: the pause after an attempt that failed."""
_JITTER: Final = 0.2
"""By how much at most a pause is shortened, so that replicas do not ask in step."""
_NOT_RENEWED: Final = "it was not renewed in time"
_RELEASES: Final = 3
"""Attempts to release; afterwards the duration has to pass."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Record:
    """What a Lease says; a change of any of it is a sign of life of its holder."""

    holder: str
    renewed: str
    transitions: int
    duration: float | None

    @classmethod
    def of(cls, lease: JSON) -> Self:
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            renewed=spec.get("renewTime") or "",
            transitions=spec.get("leaseTransitions") or 0,
            duration=spec.get("leaseDurationSeconds"),
        )


class Lease:
    """One candidate. `identity` is its name in the Lease: the pod's, and something of this process alone."""

    contested = True
    """Whether another process may write at the same time, or believe that it may."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        duration: float,
        boottime: Callable[[], float] = boottime,
        now: Callable[[], datetime] = wall_now,
        jitter: Callable[[], float] = random.random,
        tell: Callable[[bool, float], None] = lambda *_: None,
    ) -> None:
        """`duration` in seconds. `now` is only written down, for humans; `jitter` gives numbers from 0 to 1.

        `tell` is told of each renewal whether it succeeded, and how many seconds it took.
        """
        self.identity: Final = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self._api = api
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace
        self._duration = duration
        self._deadline = duration * _DEADLINE
        self._interval = self._deadline * _INTERVAL
        self._boottime = boottime
        self._now = now
        self._jitter = jitter
        self._tell = tell
        self._until = -math.inf
        self.term = 0
        """`leaseTransitions` of the Lease as this process holds it."""
        self._seen: _Record | None = None
        self._seen_at = -math.inf
        self._said = ""
        self.why_lost = _NOT_RENEWED
        """How the last term came to its end, where nobody asked for that."""

    def held(self, margin: float = 0.0) -> bool:
        """Whether the Lease is held, and is for `margin` more seconds even if no renewal succeeds any more.

        A margin of more than four ninths of the duration is refused right before a renewal too.
        """
        return self._boottime() + margin < self._until

    @property
    def seconds_left(self) -> float | None:
        """For how long it is held even if no renewal succeeds any more; None where it is not held."""
        left = self._until - self._boottime()
        return left if left > 0 else None

    async def acquire(self) -> None:
        """Returns once the Lease is held. While the API server cannot be asked, or refuses, it keeps trying."""
        while True:
            try:
                async with asyncio.timeout(self._interval * _ATTEMPT):
                    if await self._take():
                        logger.info("leading: holding Lease %s/%s, term %d", self._namespace, LEASE_NAME, self.term)
                        return
            except (ApiError, TimeoutError) as error:
                self._say(logging.WARNING, f"the Lease cannot be acquired yet: {_words(error)}")
            await asyncio.sleep(self._jittered(min(self._interval, _LOOK)))

    async def renew_until_lost(self) -> None:
        """Renews the Lease and returns when it is lost; call it when `acquire` has returned."""
        pause = self._interval
        while (left := self._until - self._boottime()) > 0:
            await asyncio.sleep(min(self._jittered(pause), left))
            if (left := self._until - self._boottime()) <= 0:
                break
            began, renewed = self._boottime(), False
            try:
                # Not longer than the Lease is held: a renewal that comes too late must not bring it back.
                async with asyncio.timeout(min(self._interval * _ATTEMPT, left)):
                    renewed = await self._renew()
                pause = self._interval
            except (ApiError, TimeoutError) as error:
                logger.warning("the Lease was not renewed: %s", _words(error))
                pause = self._interval * _RETRY
            self._tell(renewed, self._boottime() - began)
        self._until = -math.inf
        logger.error("the Lease is lost: %s", self.why_lost)

    async def release(self) -> None:
        """Lets the next leader begin at once. Where that fails it has to wait for the duration."""
        self._until = -math.inf
        for _ in range(_RELEASES):
            try:
                async with asyncio.timeout(self._interval * _ATTEMPT):
                    current, record, _asked = await self._look()
                    if current is not None and record.holder == self.identity:
                        await self._put(current, {"holderIdentity": "", "leaseDurationSeconds": 1})
            except (ApiError, TimeoutError) as error:
                # A conflict too: a renewal that was cancelled under way may have arrived in between.
                logger.warning("the Lease was not released: %s", _words(error))
                await asyncio.sleep(self._jittered(self._interval * _RETRY))
            else:
                logger.info("the Lease is released")
                return

    async def _take(self) -> bool:
        current, record, asked = await self._look()
        if record.holder not in {"", self.identity}:
            # A holder may have another duration than this candidate, so its own counts.
            duration = self._duration if record.duration is None else record.duration
            if asked < self._seen_at + duration:
                self._say(logging.INFO, f"standing by: {record.holder} holds the Lease")
                return False
        # An earlier attempt of ours may have succeeded although its answer was lost: then this is a renewal.
        await self._hold(current, record, changes=record.holder != self.identity)
        return True

    async def _renew(self) -> bool:
        """Whether it is still ours."""
        current, record, _asked = await self._look()
        if current is None or record.holder != self.identity:
            self.why_lost = f"{record.holder} holds it" if record.holder else "somebody took it away"
            self._until = -math.inf
            return False
        await self._hold(current, record, changes=False)
        return True

    async def _look(self) -> tuple[JSON | None, _Record, float]:
        """The Lease as it is, and when it was asked for. What is new counts as seen when the answer was here."""
        asked = self._boottime()
        try:
            current: JSON | None = await self._api.request("GET", f"{self._collection}/{LEASE_NAME}")
        except NotFound:
            current = None
        # Where it was deleted the next term goes on from the last one that was seen; the very first is 0.
        last = self._seen.transitions if self._seen else -1
        record = _Record("", "", last, None) if current is None else _Record.of(current)
        if record != self._seen:
            self._seen_at = self._boottime()
            self._seen = record
        return current, record, asked

    async def _hold(self, current: JSON | None, record: _Record, *, changes: bool) -> None:
        time = _micro_time(self._now())
        spec: dict[str, Any] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "renewTime": time,
            "leaseTransitions": record.transitions + changes,
        }
        if changes:
            spec["acquireTime"] = time
        sent = self._boottime()
        await self._put(current, spec)
        self.term = record.transitions + changes
        self._until = sent + self._deadline

    async def _put(self, current: JSON | None, spec: Mapping[str, Any]) -> None:
        manager = {"fieldManager": FIELD_MANAGER}
        if current is None:
            meta = {"name": LEASE_NAME, "namespace": self._namespace}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
            await self._api.request("POST", self._collection, body=body, query=manager)
        else:
            body = {**current, "spec": {**(current.get("spec") or {}), **spec}}
            await self._api.request("PUT", f"{self._collection}/{LEASE_NAME}", body=body, query=manager)

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 - _JITTER * self._jitter())

    def _say(self, level: int, text: str) -> None:
        """Logs what is new: a standby asks for weeks."""
        if text != self._said:
            self._said = text
            logger.log(level, "%s", text)


class Uncontested:
    """In place of a Lease where there is one replica and no election."""

    contested = False
    why_lost: Final = ""
    term: Final = 0
    seconds_left: Final = None

    def held(self, margin: float = 0.0) -> bool:  # noqa: ARG002 - it lasts for ever.
        """Always."""
        return True

    async def acquire(self) -> None:
        """At once."""

    async def renew_until_lost(self) -> None:
        """Never returns."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""


Leadership = Lease | Uncontested
"""Whether this process may write."""


def _micro_time(time: datetime) -> str:
    """`2026-01-02T03:04:05.000006Z`, Kubernetes' MicroTime."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _words(error: ApiError | TimeoutError) -> str:
    return error.message if isinstance(error, ApiError) else "the API server did not answer in time"
