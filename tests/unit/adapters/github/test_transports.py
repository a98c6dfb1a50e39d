from __future__ import annotations

import asyncio

import httpx
import pytest

from githubtoken_operator.adapters.github.transports import MOST, Transports
from githubtoken_operator.domain.vocabulary.certificates import CABundle
from githubtoken_operator.domain.vocabulary.model import ClientCertificate


class Transport(httpx.AsyncBaseTransport):
    closed = False

    async def aclose(self) -> None:
        self.closed = True


class Opened:
    """The transports that were made, in their order."""

    def __init__(self) -> None:
        self.made: list[Transport] = []
        self.transports = Transports(self._make)

    def _make(self, _ca_bundle: CABundle | None, _shown: ClientCertificate | None) -> httpx.AsyncBaseTransport:
        self.made.append(Transport())
        return self.made[-1]

    async def use(self, bundle: CABundle | None, shown: ClientCertificate | None = None) -> httpx.AsyncBaseTransport:
        async with self.transports.trusting(bundle, shown) as transport:
            return transport


def bundle(number: int) -> CABundle:
    return CABundle(digest=str(number))


@pytest.fixture
def opened() -> Opened:
    return Opened()


async def test_one_set_of_cas_has_one_transport(opened: Opened) -> None:
    used = await asyncio.gather(*(opened.use(bundle(number % 2)) for number in range(6)))
    assert len(set(used)) == len(opened.made) == 2


async def test_what_was_not_used_for_longest_is_closed(opened: Opened) -> None:
    for number in range(MOST):
        await opened.use(bundle(number))
    first = await opened.use(bundle(0))
    await opened.use(bundle(MOST))
    assert [each.closed for each in opened.made] == [False, True, *[False] * (MOST - 1)]
    assert await opened.use(bundle(0)) is first
    assert await opened.use(bundle(1)) is opened.made[-1]


async def test_the_usual_cas_stay(opened: Opened) -> None:
    usual = await opened.use(None)
    for number in range(2 * MOST):
        await opened.use(bundle(number))
    assert await opened.use(None) is usual
    assert sum(not each.closed for each in opened.made) == MOST + 1


async def test_a_transport_is_not_closed_under_a_request(opened: Opened) -> None:
    async with opened.transports.trusting(bundle(0)):
        async with opened.transports.trusting(bundle(0)):
            for number in range(1, MOST + 2):
                await opened.use(bundle(number))
        assert not opened.made[0].closed
    assert opened.made[0].closed


async def test_at_the_end_all_are_closed(opened: Opened) -> None:
    for each in (None, bundle(1), bundle(2)):
        await opened.use(each)
    await opened.transports.aclose()
    assert all(each.closed for each in opened.made)


async def test_a_client_certificate_has_connections_of_its_own() -> None:
    kept = Opened()
    one, other = ClientCertificate("one"), ClientCertificate("other")
    found = [await kept.use(bundle(1), shown) for shown in (None, one, other, one)]
    assert len({id(each) for each in found}) == 3
    assert found[1] is found[3]
