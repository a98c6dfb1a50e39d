"""A cluster and a GitHub in memory, with every moment of every call as a place for a fault.

`Faults` numbers the calls of both together. At each there are two moments: `BEFORE` its effect and `AFTER` it, when the
answer is on its way. What is planned for a moment is done there: it raises, as a broken connection or the death of the
process would, or it changes the world behind the operator's back.
"""

from __future__ import annotations

import asyncio
import copy
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, Literal

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.adapters.journal import Journal
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster, Kind
from githubtoken_operator.adapters.kubernetes.errors import Conflict, Invalid, NotFound, Unavailable
from githubtoken_operator.adapters.kubernetes.lease import Uncontested
from githubtoken_operator.adapters.kubernetes.pods import Pods
from githubtoken_operator.adapters.kubernetes.stepwise import whole
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.apps.ground import Clocks, Ground
from githubtoken_operator.apps.signing import Signing
from githubtoken_operator.domain.github.device_answers import DeviceCode
from githubtoken_operator.domain.lanes.lane import Lane
from githubtoken_operator.domain.lanes.order import Lanes
from githubtoken_operator.domain.objects.secrets import ROLE, labels_of, trimmed
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.domain.vocabulary.errors import NotSent, OutcomeUnknown, TokenRefused
from githubtoken_operator.domain.vocabulary.model import (
    JSON,
    AccessToken,
    Answer,
    App,
    AppInfo,
    Installation,
    InstallationToken,
    PersonalTokenInfo,
    Server,
    Token,
)
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.engine.cache.watched import WATCHED, Ref, Watched
from githubtoken_operator.engine.scheduling.due_queue import Next
from githubtoken_operator.engine.scheduling.fence import Fence
from githubtoken_operator.engine.scheduling.turns import Turns
from githubtoken_operator.process.composition.runs import runs_on
from githubtoken_operator.settings import Settings
from githubtoken_operator.tokens.memory import app_ref
from tests.unit.builders import NAMESPACE, NOW
from tests.unit.signers import FakeSigners

Moment = Literal["before", "after"]
BEFORE: Final = "before"
AFTER: Final = "after"


class Killed(BaseException):
    """SIGKILL: the process is gone at this very moment, whatever it would catch."""


def raising(error: BaseException) -> Callable[[], None]:
    """Something to plan: the call ends so."""

    def strike() -> None:
        raise error

    return strike


API_AWAY: Final = Unavailable(0, "the API server cannot be reached")
NOT_SENT: Final = NotSent("GitHub cannot be reached")
LOST: Final = OutcomeUnknown("GitHub did not answer in time")
FORMER_HOSTS: Final = ("*.old.example",)
"""Of tokens that came from there, these hosts may still be asked."""


@dataclass
class Clock:
    """The time of a test; `sleep` moves it instead of waiting."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - NOW).total_seconds()

    def advance(self, by: timedelta) -> None:
        self.now += by

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Faults:
    """Numbers the calls, remembers them, and does what is planned for their moments."""

    calls: list[str] = field(default_factory=list)
    reached: list[tuple[str, Moment]] = field(default_factory=list)
    _by_number: dict[int, Callable[[], None]] = field(default_factory=dict)
    _by_name: dict[tuple[str, Moment], Callable[[], None]] = field(default_factory=dict)

    def at(self, number: int, do: Callable[[], None]) -> None:
        """Plans something for the `number`-th moment from now on, counted from 0; once."""
        self._by_number[len(self.reached) + number] = do

    def on(self, call: str, do: Callable[[], None], *, moment: Moment = BEFORE) -> None:
        """Plans something for each call of that name ("PUT secrets/ci-credential") until `clear`."""
        self._by_name[call, moment] = do

    def once(self, call: str, do: Callable[[], None], *, moment: Moment = BEFORE) -> None:
        """The same for the next such call only."""

        def strike() -> None:
            del self._by_name[call, moment]
            do()

        self.on(call, strike, moment=moment)

    def clear(self) -> None:
        """Nothing is planned any more."""
        self._by_number.clear()
        self._by_name.clear()

    def begin(self, call: str) -> None:
        """A call is under way."""
        self.calls.append(call)
        self._reach(call, BEFORE)

    def end(self, call: str) -> None:
        """A call has had its effect."""
        self._reach(call, AFTER)

    def _reach(self, call: str, moment: Moment) -> None:
        number = len(self.reached)
        self.reached.append((call, moment))
        for do in (self._by_number.pop(number, None), self._by_name.get((call, moment))):
            if do is not None:
                do()


class ApiServer(Api):
    """The API server's rules for objects, as far as the operator relies on them, over a dictionary.

    Keys are `secrets/ci`: all objects are in one namespace. Events are kept in `events`.
    """

    def __init__(self, faults: Faults, now: Callable[[], datetime]) -> None:
        self.faults = faults
        self._now = now
        self.objects: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.watcher: Callable[[str, JSON | None, str], None] = lambda *_: None
        """Told of each change: the key, the object or None, and the version since when it is so."""
        self.allows = False
        """Whether it says that the operator has rights in all namespaces."""
        self._applied: dict[str, set[tuple[str, str]]] = {}
        self._version = 100

    async def close(self) -> None:
        """There is nothing to close."""

    # --- What others do in the cluster: no call of the operator, no fault ---

    def put(self, body: Mapping[str, Any]) -> None:
        """Somebody creates or replaces an object."""
        stored = copy.deepcopy(dict(body))
        key = f"{stored['kind'].lower()}s/{stored['metadata']['name']}"
        self._store(key, stored)

    def edit(self, key: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Somebody edits an object."""
        stored = copy.deepcopy(self.objects[key])
        change(stored)
        self._store(key, stored)

    def delete(self, key: str) -> None:
        """Somebody deletes an object; one with finalizers goes with the last of them."""
        if self.objects[key]["metadata"].get("finalizers"):
            gone = format_time(self._now())
            self.edit(key, lambda stored: stored["metadata"].setdefault("deletionTimestamp", gone))
            return
        self._remove(key)

    # --- The API ---

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        keep: Callable[[Any], Any] = whole,
    ) -> dict[str, Any]:
        """One request; `body` goes the way that JSON goes."""
        key = re.sub(
            r"^(/api/v1|/apis/apps/v1|/apis/argoproj.io/v1alpha1|/apis/githubtoken.dev/v1alpha1)/(namespaces/(team|default)/(?=.))?",
            "",
            path,
        )
        call = f"{method} {key}"
        self.faults.begin(call)
        answer = self._answer(method, key, json.loads(json.dumps(body)), merge="merge-patch" in content_type)
        self.faults.end(call)
        copied: dict[str, Any] = copy.deepcopy(answer)
        return {**copied, "items": [keep(item) for item in copied["items"]]} if "items" in copied else copied

    def _answer(self, method: str, key: str, body: dict[str, Any], *, merge: bool) -> dict[str, Any]:
        if method == "GET" and key == "secrets":
            # The selector is not looked at: what is no credential has no intent either.
            listed = [item for name, item in self.objects.items() if name.startswith("secrets/")]
            return {"metadata": {}, "items": listed}
        if method == "GET" and key == "pods":
            return {"metadata": {}, "items": [pod for name, pod in self.objects.items() if name.startswith("pods/")]}
        if method == "GET":
            return self._found(key)
        if method == "POST" and key.endswith("/selfsubjectaccessreviews"):
            return {**body, "status": {"allowed": self.allows}}
        if method == "POST" and key == "events":
            self.events.append(body)
            return body
        if method == "POST":
            return self._create(f"{key}/{body['metadata']['name']}", body)
        if method == "PUT":
            return self._replace(key, body)
        if method == "DELETE":
            return self._delete(key, body)
        if merge:
            return self._merge(key.removesuffix("/status"), body)
        return self._apply_status(key.removesuffix("/status"), body) if "/status" in key else self._apply(key, body)

    def _found(self, key: str) -> dict[str, Any]:
        if key not in self.objects:
            raise NotFound(404, f"{key} not found")
        return self.objects[key]

    def _create(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        if key in self.objects:
            raise Conflict(409, f"{key} already exists")
        if "resourceVersion" in body["metadata"]:
            raise Invalid(400, "resourceVersion should not be set on objects to be created")
        return self._store(key, body)

    def _replace(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self._found(key)
        self._check(present, body["metadata"])
        if present.get("immutable") and present.get("data") != body.get("data"):
            raise Invalid(422, "data: field is immutable when `immutable` is set")
        return self._store(key, body)

    def _delete(self, key: str, options: dict[str, Any]) -> dict[str, Any]:
        self._check(self._found(key), options["preconditions"])
        self.delete(key)
        return {"kind": "Status", "status": "Success"}

    def _apply(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self.objects.get(key)
        if present is None:
            # A resourceVersion does not keep an apply from creating; a uid does.
            if "uid" in body["metadata"]:
                raise Conflict(409, f"{key}: uid mismatch, there is no such object")
            body["metadata"].pop("resourceVersion", None)
            self._applied[key] = _fields(body)
            return self._store(key, body)
        self._check(present, body["metadata"])
        if body.get("type") != present.get("type"):
            raise Invalid(422, "type: field is immutable")
        merged = copy.deepcopy(present)
        dropped = self._applied.get(key, set()) - _fields(body)
        for part in _PARTS:
            kept = {name: it for name, it in _part(merged, part).items() if (part, name) not in dropped}
            _holder(merged, part)[part] = kept | _part(body, part)
        owners = {owner["uid"]: owner for owner in merged["metadata"].get("ownerReferences", ())}
        owners = {uid: owner for uid, owner in owners.items() if ("owners", uid) not in dropped}
        owners |= {owner["uid"]: owner for owner in body["metadata"].get("ownerReferences", ())}
        merged["metadata"]["ownerReferences"] = list(owners.values())
        self._applied[key] = _fields(body)
        return self._store(key, merged)

    def _apply_status(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self._found(key)
        # A wrong uid is ignored here, the resourceVersion is not.
        self._check(present, {"resourceVersion": body["metadata"]["resourceVersion"]})
        return self._store(key, {**copy.deepcopy(present), "status": body["status"]})

    def _merge(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self._found(key)
        self._check(present, body["metadata"])
        merged = _merged(present, body)
        if "deletionTimestamp" in merged["metadata"] and not merged["metadata"].get("finalizers"):
            self._remove(key)
            return merged
        return self._store(key, merged)

    def _check(self, present: JSON, meta: JSON) -> None:
        for name in ("resourceVersion", "uid"):
            if meta.get(name) not in (None, present["metadata"][name]):
                raise Conflict(409, f"{name} is not the present one")

    def _store(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        present = self.objects.get(key)
        meta = body["metadata"] = dict(body["metadata"])
        if present is None:
            self._version += 1
            meta |= {"uid": meta.get("uid") or f"uid-{self._version}"}
        else:
            meta |= {"uid": present["metadata"]["uid"], "resourceVersion": present["metadata"]["resourceVersion"]}
            if body == present:
                # A write that changes nothing keeps the resourceVersion.
                return present
        self._version += 1
        meta["resourceVersion"] = str(self._version)
        self.objects[key] = body
        self.watcher(key, copy.deepcopy(body), meta["resourceVersion"])
        return body

    def _remove(self, key: str) -> None:
        del self.objects[key]
        self._applied.pop(key, None)
        self._version += 1
        self.watcher(key, None, str(self._version))


def _merged(present: JSON, changes: JSON) -> dict[str, Any]:
    """A JSON merge patch without deletions."""
    nested = {name: _merged(present.get(name) or {}, it) for name, it in changes.items() if isinstance(it, dict)}
    return {**copy.deepcopy(dict(present)), **changes, **nested}


_PARTS: Final = ("data", "labels", "annotations")


def _holder(body: dict[str, Any], part: str) -> dict[str, Any]:
    found: dict[str, Any] = body if part == "data" else body["metadata"]
    return found


def _part(body: dict[str, Any], part: str) -> dict[str, Any]:
    return _holder(body, part).get(part) or {}


def _fields(body: dict[str, Any]) -> set[tuple[str, str]]:
    """The fields that an apply sets, and that are removed once a later one leaves them out."""
    named = {(part, name) for part in _PARTS for name in _part(body, part)}
    return named | {("owners", owner["uid"]) for owner in body["metadata"].get("ownerReferences", ())}


@dataclass
class _Code:
    """A code of the device flow; `errors` are answers that come first."""

    user_code: str
    expires: datetime
    account: str | None = None
    denied: bool = False
    consumed: bool = False
    errors: list[dict[str, Any]] = field(default_factory=list)


class FakeGitHub(GitHub):
    """A GitHub with one App: refresh tokens are accepted once, installation tokens are minted as often as asked.

    `spent_twice` are the refresh tokens that were presented again although their answer was delivered, `replayed` those
    presented again of which nobody got the answer. `children` is which refresh token each of them was exchanged for.
    `personal` are the expiries of the personal tokens that it accepts.
    """

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.faults = faults
        self.clock = clock
        self.live: set[str] = set()
        self.access: str | None = None
        self.delivered: set[str] = set()
        self.spent: set[str] = set()
        self.spent_twice: list[str] = []
        self.replayed: list[str] = []
        self.children: dict[str, str] = {}
        self.minted: list[Token] = []
        self.revoked: set[str] = set()
        self.revokers: list[App] = []
        self.shown: dict[str, set[str]] = {}
        self.asked: list[Mapping[str, str]] = []
        self.accepted_after = 0
        self.refuses: dict[str, Exception] = {}
        self.life = timedelta(hours=1)
        self.personal: dict[str, datetime | None] = {}
        self.clock_ahead = timedelta(0)
        self.accounts: dict[str, str] = {}
        self.codes: dict[str, _Code] = {}
        self.polls: list[float] = []
        self._number = 0

    async def aclose(self) -> None:
        """There is nothing to close."""

    def sign_in(self, name: str, *, account: str = "alice") -> Token:
        """A human signs in: a new refresh token, which is accepted once."""
        self.live.add(f"ghr_{name}")
        self.accounts[f"ghr_{name}"] = account
        return Token(f"ghr_{name}")

    def skew(self, host: str) -> timedelta:
        return self.clock_ahead

    async def refresh(self, app: App, refresh_token: Token) -> Answer:
        self._begin("refresh")
        sent = refresh_token.reveal()
        self._see(app.server.web_host, refresh_token)
        body = self._spend(sent)
        self.faults.end("refresh")
        self.delivered.add(sent)
        date = format_datetime(self.clock.now + self.clock_ahead, usegmt=True)
        return Answer(200, {"date": date}, json.dumps(body).encode())

    async def start_device_flow(self, app: App, scopes: Sequence[str]) -> DeviceCode:
        self._begin("device_code")
        code = _Code(f"WDJB-000{len(self.codes)}", self.clock.now + timedelta(seconds=900))
        self.codes[code.user_code] = code
        self.faults.end("device_code")
        secret = Token(f"devicecode{code.user_code}")
        return DeviceCode(secret, code.user_code, "https://github.com/login/device", self.clock.now, code.expires, 5)

    async def poll_device_flow(self, app: App, device_code: Token) -> Answer:
        self._begin("device_poll")
        self.polls.append(self.clock.monotonic())
        self._see(app.server.web_host, device_code)
        code = self.codes[device_code.reveal().removeprefix("devicecode")]
        body = code.errors.pop(0) if code.errors else self._poll(code)
        self.faults.end("device_poll")
        return Answer(200, {"date": format_datetime(self.clock.now, usegmt=True)}, json.dumps(body).encode())

    def enter(self, account: str = "alice") -> None:
        """A human enters the newest code."""
        list(self.codes.values())[-1].account = account

    def deny(self) -> None:
        """A human says no to the newest code."""
        list(self.codes.values())[-1].denied = True

    async def get_app(self, app: App) -> AppInfo:
        self._begin("get_app")
        self.faults.end("get_app")
        return AppInfo("acme", "acme", "Iv23learnt", {"contents": "write"})

    async def find_installation(
        self, app: App, source: InstallationSource, *, repository_id: int | None = None
    ) -> Installation:
        self._begin("find_installation")
        self.faults.end("find_installation")
        return Installation(source.id or 678, "acme")

    async def create_installation_token(
        self,
        app: App,
        installation_id: int,
        *,
        repositories: object = (),
        repository_ids: object = (),
        permissions: Mapping[str, str] | None = None,
    ) -> InstallationToken:
        self._begin("mint")
        self._number += 1
        token = Token(f"ghs_minted{self._number}")
        self.minted.append(token)
        self.asked.append(permissions or {})
        self.faults.end("mint")
        created = (self.clock.now + self.clock_ahead).replace(microsecond=0)
        access = AccessToken(token, "bearer", created, expires_at=created + self.life)
        return InstallationToken(access, {"metadata": "read"}, "all")

    async def probe(
        self,
        app: App,
        token: Token,
        *,
        installation_id: int,
        permissions: Mapping[str, str],
        narrowed: bool,
    ) -> bool:
        self._begin("probe")
        self._see(app.server.api_host, token)
        self.faults.end("probe")
        self.accepted_after -= 1
        return self.accepted_after < 0

    async def get_login(self, app: App, token: Token) -> str:
        self._begin("get_login")
        self._see(app.server.api_host, token)
        self.faults.end("get_login")
        return self.accounts.get(token.reveal(), "alice")

    async def revoke_installation_token(self, app: App, token: Token) -> None:
        self._begin("revoke")
        self._see(app.server.api_host, token)
        self.revoked.add(token.reveal())
        self.faults.end("revoke")

    async def revoke_user_tokens(self, app: App, access: Token | None, refresh: Token | None) -> None:
        self._begin("revoke")
        self._see(app.server.api_host, access, refresh)
        self.revoked |= {token.reveal() for token in (access, refresh) if token}
        self.revokers.append(app)
        self.live -= self.revoked
        self.faults.end("revoke")

    async def check_personal_token(self, server: Server, token: Token) -> PersonalTokenInfo:
        self._begin("check")
        self._see(server.api_host, token)
        self.faults.end("check")
        if token.reveal() not in self.personal:
            raise TokenRefused("AuthenticationFailed", "GitHub does not accept the personal token: make another")
        now = (self.clock.now + self.clock_ahead).replace(microsecond=0)
        return PersonalTokenInfo("alice", now, "repo", self.personal[token.reveal()])

    def _see(self, host: str, *secrets: Token | None) -> None:
        for secret in secrets:
            if secret is not None:
                self.shown.setdefault(secret.reveal(), set()).add(host)

    def _begin(self, call: str) -> None:
        self.faults.begin(call)
        if call in self.refuses:
            raise self.refuses[call]

    def _poll(self, code: _Code) -> dict[str, Any]:
        if code.consumed:
            return {"error": "incorrect_device_code"}
        if code.expires <= self.clock.now:
            return {"error": "expired_token"}
        if code.denied:
            return {"error": "access_denied"}
        if code.account is None:
            return {"error": "authorization_pending"}
        code.consumed = True
        pair = self._pair()
        self._belongs(pair, code.account)
        return pair

    def _belongs(self, pair: dict[str, Any], account: str) -> None:
        self.accounts |= dict.fromkeys((pair["access_token"], pair["refresh_token"]), account)

    def _spend(self, sent: str) -> dict[str, Any]:
        if sent in self.spent:
            (self.spent_twice if sent in self.delivered else self.replayed).append(sent)
        if sent not in self.live:
            return {"error": "bad_refresh_token", "error_description": "The refresh token is invalid or expired."}
        self.live.remove(sent)
        self.spent.add(sent)
        pair = self._pair()
        if sent in self.accounts:
            self._belongs(pair, self.accounts[sent])
        self.children[sent] = pair["refresh_token"]
        return pair

    def _pair(self) -> dict[str, Any]:
        self._number += 1
        refresh, self.access = f"ghr_pair{self._number}", f"ghu_pair{self._number}"
        self.live.add(refresh)
        return {
            "access_token": self.access,
            "expires_in": 28_800,
            "refresh_token": refresh,
            "refresh_token_expires_in": 15_811_200,
            "token_type": "bearer",
            "scope": "",
        }


class FakeLease(Uncontested):
    """A Lease that a test can take away, or let be short of time; `contested` False: there is no election."""

    contested = True

    def __init__(self) -> None:
        self.lost = False
        self.short = False

    def held(self, margin: float = 0.0) -> bool:
        """Until the test says otherwise."""
        return not self.lost and not (self.short and margin) and super().held(margin)


class World:
    """A cluster, a GitHub and a clock that outlive the operator's processes."""

    watching = True
    """Whether processes read what their watches bring, where a test does not say so itself."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.clock = Clock()
        self.set_by = timedelta(0)
        """How far the wall clock of the operator's machine is from the API server's."""
        self.api = ApiServer(self.faults, self.clock)
        self.github = FakeGitHub(self.faults, self.clock)
        self.signers = FakeSigners()
        self.journal_folder: Path | None = None
        self._journal: Journal | None = None

    def start(self, *, clusterwide: bool = True, pod: Pod | None = None, watching: bool | None = None) -> Process:
        """A new process of the operator, which remembers nothing but what its journal's folder has.

        `watching`: its lists are complete, and its runs read what the watches bring.
        """
        if self._journal is not None:
            # The system gives up the folder of a process that is gone.
            self._journal.close()
        self._journal = Journal(self.journal_folder)
        process = Process(self, self._journal, clusterwide=clusterwide, pod=pod)
        self.api.watcher = lambda *_: None
        if self.watching if watching is None else watching:
            process.watch()
        return process

    def status(self, name: str = "ci") -> dict[str, Any]:
        found: dict[str, Any] = self.api.objects[f"githubtokens/{name}"]["status"]
        return found

    @property
    def message(self) -> str:
        """What `Ready` says, the first condition."""
        return str(self.status()["conditions"][0]["message"])

    def secret(self, name: str = "ci") -> dict[str, Any]:
        return self.api.objects[f"secrets/{name}"]

    @property
    def event_reasons(self) -> list[str]:
        return [event["reason"] for event in self.api.events]


class Process:
    """One process of the operator: everything that is lost when it ends, wired as in the application."""

    def __init__(self, world: World, journal: Journal, *, clusterwide: bool, pod: Pod | None) -> None:
        self.world = world
        self.journal = journal
        self.leadership = FakeLease()
        self.stopping = False
        self.woken: list[tuple[Ref, float]] = []
        self.metrics = Metrics("test")
        self.metrics.lead(True)
        self.watched = Watched()
        clock = world.clock
        self.lags = False
        self._events: list[tuple[str, JSON | None, str]] = []
        self.cluster = Cluster(world.api, announce=self._saw, answered=self.watched.answered)
        self.signing = Signing(
            Surroundings(token_folder=Path("/nowhere")),
            observer=self.metrics,
            now=clock,
            changed=self._wake,
            open_signer=world.signers.open,
            monotonic=clock.monotonic,
        )
        self.lanes: Lanes[Ref] = Lanes()
        self.turns = Turns(self.lanes, monotonic=clock.monotonic, wake=self._wake)
        self.ground = Ground(
            settings=Settings(
                namespaces=() if clusterwide else (NAMESPACE,),
                operator_namespace=NAMESPACE,
                allowed_hosts=FORMER_HOSTS,
            ),
            clocks=Clocks(
                now=clock,
                wall=lambda: clock() + world.set_by,
                monotonic=clock.monotonic,
                boottime=clock.monotonic,
            ),
            cluster=self.cluster,
            github=world.github,
            metrics=self.metrics,
            journal=journal,
            pods=Pods(self.cluster, NAMESPACE, own=pod),
            fence=Fence(self.leadership, stopping=lambda: self.stopping),
            watched=self.watched,
            turns=self.turns,
            signing=self.signing,
            wake=self._wake,
        )
        runs = runs_on(self.ground)
        self.app_runs, self.known, self.reconciler = runs.app_runs, runs.known, runs.reconciler
        self.apps, self.checks = self.app_runs._apps, self.app_runs._checks
        self.kinds = self.reconciler._gatherer._kinds
        self.users, self.savings = runs.users, runs.users.credentials.savings

    def _wake(self, key: Ref, *, delay: float = 0.0) -> None:
        self.woken.append((key, delay))

    def _saw(self, kind: Kind, namespace: str, name: str, body: JSON | None) -> None:
        self.watched.saw(Ref(kind, namespace, name), body)

    async def recover(self) -> None:
        """What a start does first."""
        self.savings.resume()
        await self.save_due()
        await self.users.credentials.store.recover([], begun=format_time(self.world.clock.now))

    async def save_due(self) -> None:
        """Answers whose pause is over are tried, as they are beside the runs."""
        await asyncio.gather(*self.savings.late.begin_due())

    def watch(self) -> None:
        """The watches bring what there is, and from now on each change: at once, or when `catch_up` says so."""
        for key, body in self.world.api.objects.items():
            self._bring(key, copy.deepcopy(body), body["metadata"]["resourceVersion"])
        for kind in WATCHED:
            self.watched.store.complete(kind)
        self.world.api.watcher = self._event

    def catch_up(self, events: int | None = None) -> None:
        """The watches bring the oldest of what they have not brought yet, or all of it."""
        now, self._events = self._events[:events], self._events[len(self._events[:events]) :]
        for event in now:
            self._bring(*event)

    def _event(self, key: str, body: JSON | None, version: str) -> None:
        self._events.append((key, body, version))
        if not self.lags:
            self.catch_up()

    def _bring(self, key: str, body: JSON | None, version: str) -> None:
        plural, name = key.split("/")
        kind = next((kind for kind in WATCHED if kind.plural == plural), None)
        if kind is None:
            return
        ref = Ref(kind, "" if kind in (Kind.CLUSTER_APP, Kind.NAMESPACE) else NAMESPACE, name)
        selected = kind is not Kind.SECRET or (body is not None and ROLE in labels_of(body))
        if body is not None and selected:
            changed = bool(self.watched.deliver(ref, trimmed(dict(body))))
        else:
            changed = self.watched.is_delivered(ref) and self.watched.forget(ref, version)
        if changed and kind is not Kind.TOKEN:
            self.apps.forget(ref)

    def listed(self) -> None:
        """The watches bring every GitHubToken that there is."""
        for body in () if self.world.api.watcher == self._event else self.world.api.objects.values():
            if body["kind"] == "GitHubToken":
                self.watched.deliver(token_ref(body["metadata"]["name"]), body)

    async def lane(self, name: str = "ci") -> Lane:
        """Where a GitHubToken stands in line at GitHub."""
        token = parse_token(self.world.api.objects[f"githubtokens/{name}"])
        return self.kinds[token.kind].lane(token, (await self.apps.resolve(app_ref(token))).app)

    async def run(self, name: str = "ci") -> Next | None:
        """One run for a GitHubToken."""
        self.listed()
        return await self.reconciler.run(token_ref(name))

    async def settle(self, name: str = "ci") -> None:
        """Runs it whenever it is due, the clock jumping there, until nothing is due for minutes.

        What is late in being saved is tried before each run.
        """
        clock = self.world.clock
        for _ in range(80):
            due = await self.run(name)
            wait, saving = (due.due if due else math.inf) - clock.now.timestamp(), self.savings.late.next_attempt_in
            if min(wait, saving) > PATIENCE.total_seconds():
                return
            if due is not None and wait <= saving:
                clock.now = max(clock.now, datetime.fromtimestamp(due.due, UTC))
            else:
                # A clock of whole microseconds must not stop short of the time.
                clock.advance(timedelta(seconds=saving, microseconds=1))
            await self.save_due()


PATIENCE: Final = timedelta(minutes=5)


def token_ref(name: str = "ci") -> Ref:
    return Ref(Kind.TOKEN, NAMESPACE, name)
