"""`githubtoken login` against the API server, where the test does what the operator would: it writes status."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.times import format_time
from tests.integration.operator.commands import BIN, Commands, Login
from tests.integration.operator.conftest import POLL, WITHIN, Cluster, Object, new_namespace

pytestmark = pytest.mark.xdist_group("operator-apart")

ADDRESS = "https://github.com/login/device"
REQUESTED = "githubtoken.dev/login-requested-at"


@dataclass
class Stage:
    """The GitHubToken `alice` of one test, without an operator."""

    cluster: Cluster
    namespace: str

    def create(self, **user: Any) -> None:  # noqa: ANN401 - fields of `user`
        spec = {"appRef": {"name": "acme"}, "user": {"deviceFlow": {}, **user}}
        manifest = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": "GitHubToken", "metadata": {"name": "alice"}}
        self.cluster.create({**manifest, "spec": spec}, self.namespace)

    def request(self) -> str | None:
        """What the annotation asks for."""
        meta = (self.cluster.get("GitHubToken", self.namespace, "alice") or {})["metadata"]
        found: str | None = meta.get("annotations", {}).get(REQUESTED)
        return found

    def wait_for_request(self, before: str | None = None) -> str:
        deadline = datetime.now(UTC) + timedelta(seconds=WITHIN)
        while (found := self.request()) in {None, before}:
            assert datetime.now(UTC) < deadline
            time.sleep(POLL)
        assert found is not None
        return found

    def status(self, *conditions: Object, **fields: Any) -> None:  # noqa: ANN401 - of status
        """Writes status as the operator does; a field that is None goes."""
        body = {"status": {"conditions": list(conditions), **fields}}
        self.cluster.patch("GitHubToken", self.namespace, "alice/status", body)

    def show(self, code: str, **fields: Any) -> None:  # noqa: ANN401 - of status
        expires = format_time(datetime.now(UTC) + timedelta(minutes=9, seconds=59))
        flow = {"userCode": code, "verificationURI": ADDRESS, "expirationTime": expires}
        self.status(*needed("AwaitingAuthorization", f"enter {code}"), deviceFlow=flow, **fields)

    def sign_in(self) -> None:
        expires = format_time(datetime.now(UTC) + timedelta(hours=8))
        about = {"account": "alice", "tokenSHA256": "new", "secretName": "alice", "expirationTime": expires}
        self.status(condition("Ready", "True", "Fresh", "valid"), deviceFlow=None, **about)


def condition(kind: str, status: str, reason: str, message: str) -> Object:
    since = {"lastTransitionTime": format_time(datetime.now(UTC)), "observedGeneration": 1}
    return {"type": kind, "status": status, "reason": reason, "message": message, **since}


def needed(reason: str, message: str) -> list[Object]:
    return [condition("Ready", "False", reason, message), condition("Stalled", "True", reason, message)]


@pytest.fixture
def stage(cluster_apart: Cluster) -> Iterator[Stage]:
    with new_namespace(cluster_apart) as namespace:
        yield Stage(cluster_apart, namespace)


@pytest.fixture
def run(stage: Stage) -> Commands:
    return Commands(stage.cluster.control_plane.kubeconfig, stage.namespace)


@pytest.fixture
def login(run: Commands) -> Iterator[Callable[..., Login]]:
    """Starts `githubtoken login alice`."""
    started: list[Login] = []

    def start(*flags: str) -> Login:
        started.append(Login(run.start(str(BIN / "githubtoken"), "login", "alice", *flags)))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.join()


def test_a_code_is_asked_for_shown_and_waited_for(stage: Stage, login: Callable[..., Login]) -> None:
    stage.create()
    running = login()
    stage.show("AAAA-1111", lastHandledLoginAt=stage.wait_for_request())
    assert running.code() == "AAAA-1111"
    stage.show("BBBB-2222")
    assert running.line() == "That code has expired. A new one:"
    assert running.code() == "BBBB-2222"
    stage.sign_in()
    assert running.line().startswith(
        f"Signed in as alice. The token is in the Secret `alice` of the namespace `{stage.namespace}`; it"
    )
    assert running.end() == (0, "waiting until BBBB-2222 is entered")


def test_a_code_that_is_there_is_shown_again_unless_a_new_one_is_wanted(
    stage: Stage, login: Callable[..., Login]
) -> None:
    stage.create()
    stage.show("AAAA-1111")
    assert login().code() == "AAAA-1111"
    assert stage.request() is None
    running = login("--new")
    stage.show("BBBB-2222", lastHandledLoginAt=stage.wait_for_request())
    assert running.code() == "BBBB-2222"


def test_a_sign_in_that_fails_ends_with_the_operators_words(stage: Stage, login: Callable[..., Login]) -> None:
    stage.create(login="alice")
    running = login()
    stage.show("AAAA-1111", lastHandledLoginAt=stage.wait_for_request())
    running.code()
    stage.status(*needed("WrongAccount", "`mallory` signed in, not `alice`"), deviceFlow=None)
    assert running.end() == (1, "Error: not signed in: WrongAccount: `mallory` signed in, not `alice`")


def test_when_the_time_is_over_it_says_what_is_missing(stage: Stage, run: Commands) -> None:
    stage.create()
    ended = run("login", "alice", "--timeout", "1s")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == (
        "Error: nobody signed in within 1s: waiting for the operator to get a code; Ready is Unknown, Pending"
    )


def test_ctrl_c_ends_the_command_and_not_the_sign_in(stage: Stage, login: Callable[..., Login]) -> None:
    stage.create()
    stage.show("AAAA-1111")
    running = login()
    running.code()
    running.process.send_signal(signal.SIGINT)
    code, line = running.end()
    assert code == 130
    assert line == "The sign-in goes on in the cluster; `githubtoken login alice` shows the code again."


def test_without_a_device_flow_it_says_what_to_set(stage: Stage, run: Commands) -> None:
    stage.cluster.create(
        {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": "GitHubToken",
            "metadata": {"name": "alice"},
            "spec": {"appRef": {"name": "acme"}, "user": {"seedSecretRef": {"name": "seed"}}},
        },
        stage.namespace,
    )
    assert run("login", "alice").complaint.startswith(
        "Error: `alice` has no device flow: set `spec.user.deviceFlow` to `{}`, for example by `kubectl -n "
    )
    assert stage.request() is None
