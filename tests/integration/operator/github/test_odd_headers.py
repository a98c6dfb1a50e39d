"""Headers as no GitHub should send them: no living token dies of one, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.operator.listeners import Handler, Listener, listening
from tests.integration.operator.stage.conditions import conditions_of

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

EXPIRY = "GitHub-Authentication-Token-Expiration"
UNDER_WAY = frozenset({"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length"})


@contextmanager
def saying(upstream: str) -> Iterator[tuple[Listener, list[str]]]:
    """A front of `upstream`; lines that are put into the list are sent in place of its headers of these names."""
    said: list[str] = []

    class Front(Handler):
        """Writes a head as it is told to: `send_header` and proxies would mend it."""

        def answer(self) -> None:
            self.server.asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            passed_on = {
                name: value for name, value in self.headers.items() if name.lower() not in {"host", *UNDER_WAY}
            }
            with httpx.Client(trust_env=False) as client:
                given = client.request(self.command, upstream + self.path, headers=passed_on, content=body, timeout=30)
            replaced = {line.partition(":")[0].lower() for line in said} | UNDER_WAY
            kept = [f"{name}: {value}" for name, value in given.headers.multi_items() if name.lower() not in replaced]
            head = [f"HTTP/1.1 {given.status_code} {given.reason_phrase}", *kept, *said, "Connection: close"]
            self.wfile.write("\r\n".join([*head, f"Content-Length: {len(given.content)}", "", ""]).encode())
            self.wfile.write(given.content)
            self.close_connection = True

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

    with listening(Front) as listener:
        yield listener, said


@pytest.fixture
def api(world: World) -> Iterator[tuple[Listener, list[str]]]:
    with saying(world.simulator.api_url) as front:
        yield front


@pytest.fixture
def web(world: World) -> Iterator[tuple[Listener, list[str]]]:
    with saying(world.simulator.web_url) as front:
        yield front


SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
TWENTY_DAYS = SOON.strftime("%Y-%m-%d %H:%M:%S UTC")
HTTP_DATE = SOON.strftime("%a, %d %b %Y %H:%M:%S GMT")

EXPIRIES: list[tuple[str, list[str], bool]] = [
    ("now", [f"{EXPIRY}: now"], False),
    ("empty", [f"{EXPIRY}:"], False),
    ("zero", [f"{EXPIRY}: 0"], False),
    ("yesterday", [f"{EXPIRY}: 2001-01-01 00:00:00 UTC"], False),
    ("never", [f"{EXPIRY}: never"], False),
    ("an HTTP date", [f"{EXPIRY}: {HTTP_DATE}"], True),
    ("RFC 3339", [f"{EXPIRY}: {SOON.isoformat()}"], True),
    ("in small letters", [f"{EXPIRY.lower()}: {TWENTY_DAYS}"], True),
    ("in capitals", [f"{EXPIRY.upper()}: {TWENTY_DAYS}"], True),
    ("twice, the first empty", [f"{EXPIRY}:", f"{EXPIRY}: {TWENTY_DAYS}"], True),
    ("twice, the second odd", [f"{EXPIRY}: {TWENTY_DAYS}", f"{EXPIRY.lower()}: now"], True),
]


@pytest.mark.parametrize(("lines", "told"), [row[1:] for row in EXPIRIES], ids=[row[0] for row in EXPIRIES])
def test_no_expiry_that_is_said_oddly_ends_a_personal_token(
    world: World, api: tuple[Listener, list[str]], lines: list[str], *, told: bool
) -> None:
    front, said = api
    token = world.made_by_hand(kind="fine-grained", life=30 * 86400)
    world.secret("robot-pat", {"token": token}, role="seed")
    source = {"secretRef": {"name": "robot-pat"}, "apiURL": front.url, "webURL": world.simulator.web_url}
    world.token("robot", {"personal": source})
    before = world.wait_ready("robot")["status"]["expirationTime"]
    said.extend(lines)
    check(world, "robot", front)
    expected = SOON.strftime("%Y-%m-%dT%H:%M:%SZ") if told else before
    world.wait_for("robot", lambda found: found["status"].get("expirationTime") == expected)
    assert world.ready("robot").status == "True"
    assert conditions_of(world.found("robot")) == {}
    assert world.data("robot")["token"] == token


def check(world: World, name: str, front: Listener) -> None:
    """The operator asks GitHub once more, and has recorded what it was told."""
    asked = len(front.asked)
    world.annotate(name, refresh_requested_at="now")
    world.wait_for(name, lambda found: found["status"].get("lastHandledRefreshAt") == "now")
    assert len(front.asked) > asked


DATES: list[tuple[str, Callable[[datetime], list[str]]]] = [
    ("now", lambda _: ["Date: now"]),
    ("empty", lambda _: ["Date:"]),
    ("none", lambda _: ["X-Nothing: Date"]),
    ("1970", lambda _: ["Date: Thu, 01 Jan 1970 00:00:00 GMT"]),
    ("in thirty years", lambda now: [f"Date: {http_date(now.replace(year=now.year + 30))}"]),
    ("RFC 850", lambda now: [f"Date: {now.strftime('%A, %d-%b-%y %H:%M:%S GMT')}"]),
    ("asctime", lambda now: [f"Date: {now.strftime('%a %b %d %H:%M:%S %Y')}"]),
    ("RFC 3339", lambda now: [f"Date: {now.isoformat()}"]),
    ("in another zone", lambda now: [f"Date: {(now + timedelta(hours=9)).strftime('%a, %d %b %Y %H:%M:%S +0900')}"]),
    ("twice, the first empty", lambda now: ["Date:", f"DATE: {http_date(now)}"]),
    ("twice, the second odd", lambda now: [f"date: {http_date(now)}", "Date: now"]),
]


def http_date(time: datetime) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("line", [row[1] for row in DATES], ids=[row[0] for row in DATES])
def test_no_date_that_is_said_oddly_ends_a_token_or_keeps_the_next_away(
    world: World,
    api: tuple[Listener, list[str]],
    web: tuple[Listener, list[str]],
    line: Callable[[datetime], list[str]],
) -> None:
    """Tokens are counted from the answer's `Date`, JWTs are made for it, and a refresh is kept with it."""
    app = world.register()
    world.install(app)
    world.app_secret(app)
    for front in (api, web):
        front[1].extend(line(datetime.now(UTC).replace(microsecond=0)))
    world.github_app(app, apiURL=api[0].url, webURL=web[0].url)
    world.installation_token()
    world.user_token(seed=world.sign_in(app))
    for name in ("ci", "alice"):
        world.wait_ready(name)
        world.annotate(name, refresh_requested_at="now")
        status = world.wait_ready(name, revision=2)["status"]
        life = datetime.fromisoformat(status["expirationTime"]) - datetime.now(UTC)
        expected = timedelta(hours=1 if name == "ci" else 8)
        assert abs(life - expected) < timedelta(minutes=2)
        assert world.data(name)["token"]
        assert world.events(name, reason="GitHubUnavailable") == []
    world.settle(1)
    # No date makes a renewal due at once, again and again.
    assert world.status("ci")["revision"] == world.status("alice")["revision"] == 2
    assert world.double_spends() == 0


PAUSES = [
    ("empty", ["Retry-After:"]),
    ("a word", ["Retry-After: soon"]),
    ("less than nothing", ["Retry-After: -1"]),
    ("a date of before", ["Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"]),
    ("a reset that is no number", ["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: now"]),
    ("a reset of before", ["X-RATELIMIT-REMAINING: 0", "X-RATELIMIT-RESET: 1"]),
    ("for a year", ["Retry-After: 31536000"]),
    ("more digits than there is time", [f"Retry-After: {'9' * 40}"]),
]


@pytest.mark.parametrize("lines", [row[1] for row in PAUSES], ids=[row[0] for row in PAUSES])
def test_no_pause_that_is_said_oddly_outlasts_an_hour(
    world: World, api: tuple[Listener, list[str]], lines: list[str]
) -> None:
    front, said = api
    app = world.register()
    world.install(app)
    world.app_secret(app)
    world.github_app(app, apiURL=front.url)
    world.installation_token()
    world.wait_ready()
    fault = world.github.fail("mint", app=app, status=403, times=1)
    said.extend(lines)
    world.annotate("ci", refresh_requested_at="now")
    world.wait_failing()
    said.clear()
    status = world.status()
    assert world.ready().status == "True", "the token that is held lives"
    assert conditions_of(world.found()) == {}
    wait = datetime.fromisoformat(status["nextAttemptTime"]) - datetime.now(UTC)
    assert wait <= timedelta(hours=1, minutes=2)
    assert all(found["id"] != fault for found in world.github.faults())
