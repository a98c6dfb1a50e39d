"""The order of the lanes as it is meant, without anything that is kept of it: everybody is asked at every look."""

from __future__ import annotations

import math

from githubtoken_operator.domain.lanes.agenda import Order
from githubtoken_operator.domain.lanes.hosts import Hosts
from githubtoken_operator.domain.lanes.lane import CredentialState, HostState, Lane, LaneState, Waiter
from githubtoken_operator.domain.lanes.order import Lanes


class PlainHosts(Hosts[int]):
    """Passes over all hosts, credentials and lanes, as often as it is asked."""

    def told(self, lane: Lane, now: float) -> None:
        """It looks for itself."""

    def first(self, now: float) -> tuple[int, Waiter, LaneState[int]] | None:
        """The most urgent of those that may go."""
        found = [each for host in self._hosts.values() if (each := _first_of_host(host, now))]
        return min(found, key=lambda each: each[0])[1] if found else None

    def next_at(self, now: float) -> float:
        """The first time at which anything opens."""
        times = [host.outage.opens(now) for host in self._hosts.values()]
        times += [host.outage.opens_to_new(now) for host in self._hosts.values()]
        for credential in (each for host in self._hosts.values() for each in host.credentials.values()):
            waiters = [waiter for state in credential.lanes.values() for waiter in state.waiting.values()]
            times += [credential.paused_until]
            times += [credential.budget.free_at(waiter.points, now) for waiter in waiters]
            times += [max(state.paused_until, state.outage.opens(now)) for state in credential.lanes.values()]
        return min((each for each in times if each > now), default=math.inf)


def plain_lanes(*, requests_per_minute: float, places: int) -> Lanes[int]:
    """Lanes that keep nothing of the order."""
    lanes: Lanes[int] = Lanes(requests_per_minute=requests_per_minute, places=places)
    hosts = lanes._hosts
    lanes._hosts = PlainHosts(hosts._points, hosts._share, hosts._host_share)
    return lanes


def _first_of_host(host: HostState[int], now: float) -> tuple[Order, tuple[int, Waiter, LaneState[int]]] | None:
    if host.inside >= host.share:
        return None
    found = [each for credential in host.credentials.values() if (each := _first_of_credential(credential, now))]
    found = [each for each in found if _opens(host, each[1][2], now) <= now]
    return min(found, key=lambda each: each[0], default=None)


def _first_of_credential(
    credential: CredentialState[int], now: float
) -> tuple[Order, tuple[int, Waiter, LaneState[int]]] | None:
    if credential.inside >= credential.allowed or credential.paused_until > now:
        return None
    found = [
        (Order(state.failing, waiter.rank), (key, waiter, state))
        for state in credential.lanes.values()
        if state.inside < state.allowed and max(state.paused_until, state.outage.opens(now)) <= now
        for key, waiter in state.waiting.items()
    ]
    best = min(found, key=lambda each: each[0], default=None)
    return best if best and credential.budget.free_at(best[1][1].points, now) <= now else None


def _opens(host: HostState[int], state: LaneState[int], now: float) -> float:
    return host.outage.opens(now) if state.failing else host.outage.opens_to_new(now)
