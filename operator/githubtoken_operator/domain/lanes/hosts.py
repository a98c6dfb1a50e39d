"""The lanes that are in use, by host and credential; what says nothing any more is forgotten."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from githubtoken_operator.domain.lanes.agenda import Agenda
from githubtoken_operator.domain.lanes.budget import Budget
from githubtoken_operator.domain.lanes.lane import TOGETHER, CredentialState, HostState, Lane, LaneState, Waiter

K = TypeVar("K")

_SWEEP: Final = 256


class Hosts(Generic[K]):
    """What is kept of each host, credential and lane. `points` a minute for each credential, and `share` places.

    Whatever is changed of one of them is `told`, so that only what changed is asked whether it may go.
    """

    def __init__(self, points: float, share: int, host_share: int) -> None:
        self._points = points
        self._share = share
        self._host_share = host_share
        self._hosts: dict[str, HostState[K]] = {}
        self._agenda = Agenda()
        self._made = 0
        self._sweep_at = _SWEEP

    def __len__(self) -> int:
        """How many lanes are kept."""
        return sum(len(each.lanes) for host in self._hosts.values() for each in host.credentials.values())

    def find(self, lane: Lane) -> tuple[HostState[K] | None, CredentialState[K] | None, LaneState[K] | None]:
        """What is kept of a lane's host, of its credential and of itself."""
        host = self._hosts.get(lane.host)
        credential = host.credentials.get(lane.credential) if host else None
        return host, credential, credential.lanes.get(lane.installation) if credential else None

    def of(self, lane: Lane, now: float) -> tuple[HostState[K], CredentialState[K], LaneState[K]]:
        """The same, made where it is not there yet."""
        host, credential, state = self.find(lane)
        if host is not None and credential is not None and state is not None:
            return host, credential, state
        self._sweep(now)
        host = self._hosts.setdefault(lane.host, HostState(self._host_share))
        if (credential := host.credentials.get(lane.credential)) is None:
            credential = host.credentials[lane.credential] = CredentialState(Budget(self._points), allowed=self._share)
        state = credential.lanes[lane.installation] = LaneState(lane)
        self._made += 1
        return host, credential, state

    def told(self, lane: Lane, now: float) -> None:
        """Something of the lane has changed, of its credential or of its host."""
        host, credential, state = self.find(lane)
        if host is None or credential is None or state is None:
            return
        credential.agenda.put(lane.installation, state.offer(now))
        host.agenda.put(lane.credential, credential.offer(now))
        self._agenda.put(lane.host, host.offer(now))

    def first(self, now: float) -> tuple[K, Waiter, LaneState[K]] | None:
        """The most urgent one that may go. While a host is away, one whose own lane has not failed goes before."""
        while (name := self._agenda.due(now)) is not None:
            self._agenda.put(name, self._hosts[name].offer(now))
        best = self._agenda.best()
        return self._hosts[best[1]].next() if best is not None else None

    def next_at(self, now: float) -> float:
        """When somebody may go next, if nothing is told meanwhile; infinite where only what is told can help."""
        return now if self._agenda.best() is not None else max(self._agenda.again(), now)

    def out(self, now: float) -> list[tuple[Lane, float]]:
        """The lanes and hosts that do not answer, and for how many seconds. May be asked from another thread.

        One that nobody asks any more is none of them.
        """
        found = []
        for name, host in self._hosts.copy().items():
            states = [state for each in host.credentials.copy().values() for state in each.lanes.copy().values()]
            asked = [state for state in states if state.in_use(now)]
            outages = [(Lane(name, ""), host.outage)] if asked else []
            outages += [(state.lane, state.outage) for state in asked]
            found += [(lane, now - since) for lane, outage in outages if (since := outage.since) is not None]
        return found

    def _sweep(self, now: float) -> None:
        """Forgets what is idle. Doubling keeps the cost constant for each lane that is made."""
        if self._made < self._sweep_at:
            return
        for name, host in tuple(self._hosts.items()):
            for secret, credential in tuple(host.credentials.items()):
                credential.lanes = {where: state for where, state in credential.lanes.items() if state.in_use(now)}
                if not credential.in_use(now):
                    del host.credentials[secret]
            host.failing = {
                lane: state
                for lane, state in host.failing.items()
                if (owner := host.credentials.get(lane.credential)) and lane.installation in owner.lanes
            }
            if not host.credentials and not host.inside and host.outage.next_look + TOGETHER <= now:
                del self._hosts[name]
        self._made = len(self)
        self._sweep_at = max(_SWEEP, 2 * self._made)
