"""How many Secrets of ClusterGitHubTokens are written at the same time, and which requests that takes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.errors import Conflict, HookAway
from githubtoken_operator.domain.consumer import consumer, spread
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import LEAST_LEFT, Failure, Spread, WantedNamespace
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.namespaces import NamespacesWish
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.memory import Spreading
from githubtoken_operator.tokens.spread import writing as spread_writing
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.writing import AT_ONCE, AT_ONCE_IN_HASTE, OF_ONE_NAMESPACE, RETRY, Writing
from tests.unit.builders import NOW, githubtoken, issued, personal_githubtoken, user_githubtoken
from tests.unit.fakes import World

NAMESPACES = [f"n{number:03}" for number in range(100)]
HELD = issued(number=1)
NEXT = issued(number=2)


@dataclass
class SlowApiServer(Api):
    """It takes what it is sent, and some time for it."""

    asked: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    most: int = 0

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        self.asked[f"{method} {path.split('/')[5]}"] += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        for _turn in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        return {**body, "metadata": {**body["metadata"], "uid": "u", "resourceVersion": "8"}}


def writing(api: Api) -> Writing:
    ground = replace(World().start(watching=False).ground, cluster=Cluster(api))
    return Writing(ground, Known(), Claims(ground.objects, ground.watched))


def spread_of(token: GitHubToken) -> GitHubToken:
    return replace(token, namespace="", wish=NamespacesWish(frozenset(NAMESPACES)))


async def write(to: Writing, tokens: Sequence[GitHubToken], before: Issued | None) -> list[Spread]:
    """Gives each of the tokens out, side by side; the namespaces have the one before, if there was one."""

    async def one(token: GitHubToken) -> Spread:
        body, old = (consumer.render(token, each, None) for each in (NEXT, before or HELD))
        meta = {"uid": "u", "resourceVersion": "7"}
        had = [
            {**old, "metadata": {**old["metadata"], "namespace": namespace, **meta}} if before else None
            for namespace in NAMESPACES
        ]
        namespaces = tuple(map(WantedNamespace, NAMESPACES, had))
        seen = Observation(now=NOW, token=token, secret=None, issued=NEXT)
        return await to.everywhere(seen, Spread(namespaces, published=before), Spreading(), body)

    return await asyncio.gather(*map(one, tokens))


def living(seconds: float) -> Issued:
    """A token that has so long to live."""
    return replace(HELD, access=replace(HELD.access, expires_at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("token", "before", "most"),
    [
        pytest.param(githubtoken("pull"), None, AT_ONCE, id="the first of an installation"),
        pytest.param(githubtoken("pull"), HELD, AT_ONCE, id="one whose predecessor lives"),
        pytest.param(githubtoken("pull"), living(LEAST_LEFT.total_seconds()), AT_ONCE, id="one that lives so long"),
        pytest.param(githubtoken("pull"), living(LEAST_LEFT.total_seconds() - 1), AT_ONCE_IN_HASTE, id="one that ends"),
        pytest.param(githubtoken("pull"), living(-1), AT_ONCE_IN_HASTE, id="one that has ended"),
        pytest.param(user_githubtoken("pull"), HELD, AT_ONCE_IN_HASTE, id="a user's"),
        pytest.param(personal_githubtoken("pull"), HELD, AT_ONCE_IN_HASTE, id="a human's"),
    ],
)
async def test_who_cannot_work_until_then_has_it_in_haste(token: GitHubToken, before: Issued | None, most: int) -> None:
    api = SlowApiServer()
    (found,) = await write(writing(api), [spread_of(token)], before)
    assert api.most == most
    assert len(found.namespaces) == len(NAMESPACES)
    assert not any(wanted.failure for wanted in found.namespaces)


async def test_all_objects_that_have_time_share_the_few_places() -> None:
    api = SlowApiServer()
    await write(writing(api), [spread_of(githubtoken(name, uid=name)) for name in "abc"], HELD)
    assert api.most == AT_ONCE
    assert api.asked["PATCH secrets"] == 3 * len(NAMESPACES)


class HangingNamespace(SlowApiServer):
    """The webhook of one namespace hangs, until it is said to be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = asyncio.Event()
        self.hanging = 0

    async def request(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        if f"/{NAMESPACES[0]}/secrets" in path:
            self.hanging += 1
            await self.away.wait()
            raise HookAway(500, "failed calling webhook")
        return await super().request(method, path, **kwargs)


async def test_a_namespace_that_hangs_leaves_places_for_what_others_are_given() -> None:
    api = HangingNamespace()
    tokens = [spread_of(githubtoken(f"t{number}", uid=f"t{number}")) for number in range(2 * AT_ONCE)]
    writes = asyncio.create_task(write(writing(api), tokens, HELD))
    elsewhere = len(tokens) * (len(NAMESPACES) - 1)
    for _ in range(20 * elsewhere):
        await asyncio.sleep(0)
    assert (api.hanging, api.asked["PATCH secrets"]) == (OF_ONE_NAMESPACE, elsewhere)
    api.away.set()
    for found in await writes:
        (failed,) = [wanted.failure for wanted in found.namespaces if wanted.failure]
        assert (failed.namespace, failed.reason) == (NAMESPACES[0], reasons.PENDING)


async def test_a_run_does_not_wait_for_long_for_a_place_in_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread_writing, "PATIENCE", 0)
    api = HangingNamespace()
    to = writing(api)
    hanging = [asyncio.create_task(write(to, [spread_of(githubtoken(f"h{n}", uid=f"h{n}"))], HELD)) for n in range(2)]
    # Until they are done everywhere else.
    for _ in range(40 * len(NAMESPACES)):
        await asyncio.sleep(0)
    assert api.hanging == OF_ONE_NAMESPACE
    (found,) = await write(to, [spread_of(githubtoken("pull"))], HELD)
    (failed,) = [wanted.failure for wanted in found.namespaces if wanted.failure]
    assert (failed.namespace, failed.reason) == (NAMESPACES[0], reasons.PENDING)
    assert "takes long" in failed.message
    api.away.set()
    await asyncio.gather(*hanging)


async def test_what_goes_on_failing_is_tried_less_and_less_often() -> None:
    api = HangingNamespace()
    api.away.set()
    to, token, pauses = writing(api), spread_of(githubtoken("pull")), []
    body = consumer.render(token, NEXT, None)
    there = Spread((WantedNamespace(NAMESPACES[0]),), published=NEXT)
    for _ in range(7):
        now = max((wanted.again or NOW for wanted in there.namespaces), default=NOW)
        seen = Observation(now=now, token=token, secret=None, issued=NEXT)
        there = await to.everywhere(seen, there, Spreading(), body)
        pauses += [wanted.again - now for wanted in there.namespaces if wanted.again]
    assert pauses == [RETRY, RETRY * 2, RETRY * 4, RETRY * 8, RETRY * 16, RECHECK_DENIED, RECHECK_DENIED]


@pytest.mark.parametrize("before", [None, Failure(NAMESPACES[0], reasons.SECRET_CONFLICT, "it is another's")])
async def test_what_begins_to_fail_otherwise_is_tried_again_soon(before: Failure | None) -> None:
    api = HangingNamespace()
    api.away.set()
    token = spread_of(githubtoken("pull"))
    there = Spread((WantedNamespace(NAMESPACES[0], failure=before, pause=RECHECK_DENIED),), published=NEXT)
    seen = Observation(now=NOW, token=token, secret=None, issued=NEXT)
    found = await writing(api).everywhere(seen, there, Spreading(), consumer.render(token, NEXT, None))
    assert [wanted.again for wanted in found.namespaces] == [NOW + RETRY]


@pytest.mark.parametrize("token", [githubtoken("pull"), user_githubtoken("pull")], ids=["installation", "user"])
async def test_a_renewal_is_one_request_for_each_namespace(token: GitHubToken) -> None:
    api = SlowApiServer()
    await write(writing(api), [spread_of(token)], HELD)
    assert api.asked == {"PATCH secrets": len(NAMESPACES)}


async def test_where_the_secret_is_new_its_namespace_is_told_once() -> None:
    api = SlowApiServer()
    await write(writing(api), [spread_of(githubtoken("pull"))], None)
    assert api.asked == {"PATCH secrets": len(NAMESPACES), "POST events": len(NAMESPACES)}


class ForeignSecrets(SlowApiServer):
    """In each namespace somebody else has a Secret of that name."""

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        if method == "PATCH":
            raise Conflict(409, "it exists")
        meta = {"name": "pull", "namespace": path.split("/")[4], "uid": "u", "resourceVersion": "7"}
        return await super().request(method, path, body=body or {"kind": "Secret", "metadata": meta, "type": "Opaque"})


async def test_a_tenant_is_told_once_that_its_secret_is_in_the_way_also_where_the_operator_is_restarted() -> None:
    token = spread_of(githubtoken("pull"))
    told = []
    for _ in range(2):
        api = ForeignSecrets()
        (found,) = await write(writing(api), [token], None)
        told.append(api.asked["POST events"])
        assert {wanted.failure.reason for wanted in found.namespaces if wanted.failure} == {reasons.SECRET_CONFLICT}
        token = replace(token, status=spread.distribution(found, None).document)
    assert told == [len(NAMESPACES), len(NAMESPACES) - spread.MOST_FAILURES]
