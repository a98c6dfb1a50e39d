"""The key of an App that is with a service: an outage is not seen before eight minutes have passed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
import pytest

from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.adapters.signers import attempts, remote_key
from githubtoken_operator.adapters.signers.checked import CheckedSigner
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
    Transient,
)
from tests.unit.fakes import Clock
from tests.unit.keys import pem
from tests.unit.signers import FakeSigner, Seen, private_key

pytestmark = pytest.mark.every_python

AWAY = SignerUnavailable("Vault is sealed")
DENIED = SignerDenied("permission denied")
ISSUER = "Iv23acme"


@dataclass
class Timer:
    """A clock whose sleepers wake when a test has moved it so far."""

    clock: Clock = field(default_factory=Clock)
    sleepers: list[tuple[float, asyncio.Event]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self.sleepers.append((self.clock.monotonic() + seconds, event))
        await event.wait()

    async def advance(self, seconds: float, step: float = 1.0) -> None:
        """Moves it in steps, and lets everything that is due then be done."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.advance(timedelta(seconds=min(step, end - self.clock.monotonic())))
            due = [each for each in self.sleepers if each[0] <= self.clock.monotonic()]
            self.sleepers = [each for each in self.sleepers if each not in due]
            for _, event in due:
                event.set()
            for _ in range(8):
                await asyncio.sleep(0)


@dataclass
class Stage:
    timer: Timer
    signer: FakeSigner
    key: RemoteKey
    changes: list[float]
    seen: Seen

    async def bearer(self, *, renew: bool = False) -> str:
        return await self.key.bearer(ISSUER, self.timer.clock(), renew=renew)

    @property
    def signatures(self) -> int:
        return self.signer.calls.count("sign")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    timer, signer, changes, seen = Timer(), FakeSigner(), list[float](), Seen()

    async def connect() -> CheckedSigner:
        return CheckedSigner(signer, backend="vault", observer=seen)

    key = RemoteKey(
        connect,
        name="ClusterGitHubApp acme",
        now=timer.clock,
        monotonic=timer.clock.monotonic,
        changed=lambda: changes.append(timer.clock.monotonic()),
        sleep=timer.sleep,
    )
    yield Stage(timer, signer, key, changes, seen)
    await key.aclose()
    assert signer.closed or not signer.calls


def claims(text: str, of: str = "") -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(
        text, private_key(of).public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    return found


async def test_a_web_token_verifies_and_serves_for_nine_minutes(stage: Stage) -> None:
    now = int(stage.timer.clock().timestamp())

    assert claims(await stage.bearer()) == {"iat": now - 60, "exp": now + 540, "iss": ISSUER}


async def test_it_is_called_by_its_fingerprint_at_github(stage: Stage) -> None:
    assert await stage.key.identify() == load_private_key(pem("").encode()).fingerprint
    assert stage.signer.calls == ["public_key"]


async def test_all_requests_of_eight_minutes_cost_one_signature_and_one_ahead(stage: Stage) -> None:
    first = await stage.bearer()
    await stage.timer.advance(470, 10)

    assert await stage.bearer() == first
    assert stage.signatures == 2


async def test_an_app_that_is_in_use_costs_seven_and_a_half_signatures_an_hour(stage: Stage) -> None:
    await stage.bearer()
    await stage.timer.advance(3600, 5)

    assert stage.signatures in {8, 9, 10}


async def test_an_app_that_is_not_in_use_any_more_costs_none(stage: Stage) -> None:
    await stage.bearer()
    await stage.timer.advance(remote_key.LOOKED_AFTER + 600, 10)
    before = stage.signatures
    await stage.timer.advance(7200, 30)

    assert stage.signatures == before


@pytest.mark.parametrize("begins", [0, 100, 474, 481, 700, 955, 1439])
async def test_with_the_service_away_for_eight_minutes_every_request_has_its_web_token_at_once(
    stage: Stage, begins: int
) -> None:
    await stage.bearer()
    await stage.timer.advance(begins, 5)
    stage.signer.error = AWAY

    for _ in range(48):
        await stage.timer.advance(10, 5)
        now = int(stage.timer.clock().timestamp())
        sent = claims(await stage.bearer())
        assert sent["iat"] <= now < sent["exp"] <= now + 600

    assert stage.key.trouble is None


async def test_after_that_it_says_so_and_the_app_is_told(stage: Stage) -> None:
    await stage.bearer()
    stage.signer.error = AWAY
    await stage.timer.advance(1100, 5)

    with pytest.raises(SignerUnavailable) as told:
        await stage.bearer()

    assert told.value.reason == reasons.SIGNER_UNAVAILABLE
    assert stage.key.trouble is AWAY
    assert len(stage.changes) == 1


async def test_when_the_service_is_back_it_signs_within_half_a_minute_and_the_app_is_told(stage: Stage) -> None:
    await stage.bearer()
    stage.signer.error = AWAY
    await stage.timer.advance(2000, 5)
    stage.signer.error = None
    await stage.timer.advance(30)

    assert stage.key.trouble is None
    assert len(stage.changes) == 2
    assert await stage.bearer()


async def test_attempts_get_rarer_by_themselves_and_denser_for_who_needs_one(stage: Stage) -> None:
    stage.signer.error = AWAY
    with pytest.raises(SignerUnavailable):
        await stage.bearer()
    await stage.timer.advance(600, 5)
    alone = stage.signatures
    for _ in range(60):
        await stage.timer.advance(1)
        with pytest.raises(SignerUnavailable):
            await stage.bearer()

    assert 18 <= alone <= 24
    assert 28 <= stage.signatures - alone <= 31


async def test_a_limit_of_the_service_is_waited_for_whoever_asks(stage: Stage) -> None:
    stage.signer.error = SignerThrottled("429", retry_after=40)
    with pytest.raises(SignerThrottled):
        await stage.bearer()
    stage.signer.error = None
    for _ in range(39):
        await stage.timer.advance(1)
        with pytest.raises(SignerThrottled) as told:
            await stage.bearer()
        assert 0 < (told.value.retry_after or 0) <= 40

    assert stage.signatures == 1
    await stage.timer.advance(2)
    assert await stage.bearer()


@pytest.mark.parametrize("error", [DENIED, SignerKeyInvalid("EC")])
async def test_a_refusal_is_for_a_human_and_looked_at_again_each_minute(stage: Stage, error: TokenError) -> None:
    stage.signer.error = error
    with pytest.raises(type(error)):
        await stage.bearer()
    await stage.timer.advance(600, 5)

    assert stage.key.trouble is error
    assert stage.signatures <= 14


async def test_a_librarys_own_error_is_not_shown(stage: Stage) -> None:
    stage.signer.error = RuntimeError("hvs.CAESIJlongcanarylongcanarylong")

    with pytest.raises(SignerUnavailable) as told:
        await stage.bearer()

    assert "canary" not in str(told.value)
    assert "RuntimeError" in told.value.message


async def test_who_finds_a_service_that_hangs_is_sent_away_and_comes_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PATIENCE", 0.0)
    stage.signer.hang = asyncio.Event()

    for _ in range(100):
        with pytest.raises(TokenError) as told:
            await stage.bearer()
        assert (told.value.reason, told.value.retry_after) == (reasons.PENDING, 1.0)  # type: ignore[attr-defined]
    stage.signer.hang.set()
    await stage.timer.advance(1)

    assert await stage.bearer()
    assert stage.signatures == 2
    assert len(stage.changes) == 1


async def test_requests_that_come_at_once_share_one_signature(stage: Stage) -> None:
    texts = await asyncio.gather(*(stage.bearer() for _ in range(100)))

    assert len(set(texts)) == 1
    assert stage.signatures == 2


async def test_another_key_signs_all_from_the_next_web_token_on_and_the_app_is_told(stage: Stage) -> None:
    first = await stage.bearer()
    stage.signer.keys["v2"], stage.signer.signs = private_key("another"), "v2"
    await stage.timer.advance(490)

    second = await stage.bearer()

    assert second != first
    assert stage.key.key_id == "v2"
    assert stage.key.fingerprint == load_private_key(pem("another").encode()).fingerprint
    jwt.decode(
        second,
        private_key("another").public_key(),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    assert len(stage.changes) == 1


async def test_github_refuses_a_key_that_was_replaced_and_the_new_one_signs_at_once(stage: Stage) -> None:
    refused = await stage.bearer()
    stage.signer.keys["v2"], stage.signer.signs = private_key("another"), "v2"
    await stage.timer.advance(20)

    other = await stage.key.bearer_of_another_key(ISSUER, stage.timer.clock(), refused)

    assert other is not None
    assert await stage.bearer() == other
    assert stage.key.key_id == "v2"


async def test_github_refuses_the_key_that_still_signs_and_once_a_minute_that_is_looked_at(stage: Stage) -> None:
    refused = await stage.bearer()
    await stage.timer.advance(20)
    for _ in range(10):
        assert await stage.key.bearer_of_another_key(ISSUER, stage.timer.clock(), refused) is None

    assert stage.signatures == 4


async def test_until_a_slow_service_has_answered_nobody_says_that_the_key_is_still_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await stage.bearer()
    stage.signer.keys["v2"], stage.signer.signs = private_key("another"), "v2"
    await stage.timer.advance(20)
    monkeypatch.setattr(attempts, "PATIENCE", 0.0)
    stage.signer.hang = asyncio.Event()

    with pytest.raises(Transient) as told:
        await stage.key.bearer_of_another_key(ISSUER, stage.timer.clock(), refused)
    assert (told.value.reason, told.value.retry_after) == (reasons.PENDING, 1.0)
    assert await stage.bearer() == refused
    stage.signer.hang.set()
    await stage.timer.advance(1)

    assert claims(await stage.bearer(), "another")["iss"] == ISSUER


async def test_a_refusal_while_the_service_is_away_takes_no_web_token_away(stage: Stage) -> None:
    refused = await stage.bearer()
    await stage.timer.advance(20)
    stage.signer.error = AWAY

    assert await stage.key.bearer_of_another_key(ISSUER, stage.timer.clock(), refused) is None
    assert await stage.bearer() == refused


async def test_times_that_github_refused_are_not_sent_again(stage: Stage) -> None:
    await stage.bearer()
    ahead = stage.timer.clock() + timedelta(hours=3)

    text = await stage.key.bearer(ISSUER, ahead, renew=True)

    assert claims(text)["iat"] == int(ahead.timestamp()) - 60


async def test_an_app_that_a_host_knows_by_its_number_has_a_web_token_of_its_own(stage: Stage) -> None:
    first = await stage.key.bearer(ISSUER, stage.timer.clock())
    second = await stage.key.bearer("12345", stage.timer.clock())

    assert (claims(first)["iss"], claims(second)["iss"]) == (ISSUER, "12345")


async def test_after_its_end_nothing_is_signed(stage: Stage) -> None:
    await stage.bearer()
    await stage.key.aclose()
    before = stage.signatures
    await stage.timer.advance(2000, 5)

    with pytest.raises(SignerUnavailable):
        await stage.bearer()
    assert stage.signatures == before
    assert stage.signer.closed
