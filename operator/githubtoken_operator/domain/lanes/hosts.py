"""The lanes that are in use, by host and credential; what says nothing any more is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from githubtoken_operator.domain.lanes.budget import Budget
from githubtoken_operator.domain.lanes.lane import CredentialState, HostState, Lane, LaneState

K = TypeVar("K")

_SWEEP: Final = 256


class Hosts(Generic[K]):
    """What is kept of each host, credential and lane. `points` a minute for each credential, and `share` places."""

    def __init__(self, points: float, share: int) -> None:
        self._points = points
        self._share = share
        self._hosts: dict[str, HostState[K]] = {}
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
        host = self._hosts.setdefault(lane.host, HostState())
        if (credential := host.credentials.get(lane.credential)) is None:
            credential = host.credentials[lane.credential] = CredentialState(Budget(self._points), allowed=self._share)
        state = credential.lanes[lane.installation] = LaneState(lane)
        self._made += 1
        return host, credential, state

    def waited_for(self) -> Iterator[tuple[HostState[K], CredentialState[K]]]:
        """The credentials for which somebody waits."""
        for host in self._hosts.values():
            for credential in host.credentials.values():
                if credential.waiting:
                    yield host, credential

    def _sweep(self, now: float) -> None:
        """Forgets what is idle. Doubling keeps the cost constant for each lane that is made."""
        if self._made < self._sweep_at:
            return
        for name, host in tuple(self._hosts.items()):
            for secret, credential in tuple(host.credentials.items()):
                credential.lanes = {where: state for where, state in credential.lanes.items() if state.in_use(now)}
                if not credential.in_use(now):
                    del host.credentials[secret]
            host.failing = {lane for lane in host.failing if lane.credential in host.credentials}
            if not host.credentials and not host.inside and host.outage.since is None:
                del self._hosts[name]
        self._made = len(self)
        self._sweep_at = max(_SWEEP, 2 * self._made)
