"""`githubtoken login` on real parts: the code it shows is entered at GitHub, or is not."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from github_simulator.control_client import sha256
from tests.integration.operator.command_line import BIN, Commands, Login

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

REQUESTED = "githubtoken.dev/login-requested-at"


@pytest.fixture
def githubtoken(world: World) -> Commands:
    return Commands(world.cluster.control_plane.kubeconfig)


@pytest.fixture
def login(world: World, githubtoken: Commands) -> Iterator[Callable[..., Login]]:
    """Starts `githubtoken login alice`."""
    started: list[Login] = []

    def start(*flags: str) -> Login:
        alice = world.addressed("alice")
        started.append(Login(githubtoken.start(str(BIN / "githubtoken"), "login", *alice, *flags)))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def allow_sign_in(world: World, *, login: str | None = None, **app: Any) -> None:  # noqa: ANN401 - settings of an App
    """`alice`, whose App allows the device flow unless `app` says otherwise, and has no secrets."""
    registered = world.register(**{"device_flow": True, "device_interval": 1, **app})
    world.github_app(registered, privateKeySecretRef=None, clientSecretSecretRef=None)
    user = {"deviceFlow": {}, **({"login": login} if login else {})}
    world.token("alice", {"appRef": {"name": "acme"}, "user": user})


def wait_code(world: World) -> str:
    token = world.wait_for("alice", lambda found: "deviceFlow" in found.get("status", {}))
    return str(token["status"]["deviceFlow"]["userCode"])


def request(world: World) -> str | None:
    """What the annotation asks for."""
    found: str | None = (world.get("GitHubToken", "alice") or {})["metadata"].get("annotations", {}).get(REQUESTED)
    return found


def test_a_human_signs_in_with_the_code_that_is_shown(world: World, login: Callable[..., Login]) -> None:
    allow_sign_in(world)
    running = login()
    code = running.code()
    world.github.approve(code, "alice")
    where = "1/1 namespaces" if world.shared else f"the namespace `{world.namespace}`"
    assert running.line().startswith(
        f"Signed in as alice. The token is in the Secret `alice` of {where}; it expires in "
    )
    assert running.end() == (0, f"waiting until {code} is entered")
    assert world.github.token_is_alive(sha256(world.data("alice")["token"]))


def test_a_human_signs_in_again_while_the_token_is_valid(world: World, login: Callable[..., Login]) -> None:
    allow_sign_in(world)
    running = login()
    world.github.approve(running.code(), "alice")
    assert running.end()[0] == 0
    first = world.data("alice")["token"]
    again = login()
    world.github.approve(again.code(), "bob")
    assert again.line().startswith("Signed in as bob. ")
    assert again.end()[0] == 0
    assert world.data("alice")["token"] != first


def test_a_code_that_expires_is_followed_by_another(world: World, login: Callable[..., Login]) -> None:
    # Polls at long intervals leave something of the App's budget of requests for the second code.
    allow_sign_in(world, device_code_life=8, device_interval=3)
    running = login()
    first = running.code()
    assert running.line() == "That code has expired. A new one:"
    second = running.code()
    assert second != first
    world.github.approve(second, "alice")
    assert running.line().startswith("Signed in as alice. ")


def test_a_code_that_is_there_is_shown_again_unless_a_new_one_is_wanted(
    world: World, login: Callable[..., Login]
) -> None:
    allow_sign_in(world)
    first = wait_code(world)
    assert login().code() == first
    assert request(world) is None
    assert login("--new").code() != first
    assert request(world) is not None


def test_who_says_no_or_is_somebody_else_ends_it(world: World, login: Callable[..., Login]) -> None:
    allow_sign_in(world, login="alice")
    running = login()
    world.github.deny(running.code())
    code, line = running.end()
    assert (code, line.split(":")[:3]) == (1, ["Error", " not signed in", " ReauthorizationRequired"])
    running = login()
    world.github.approve(running.code(), "mallory")
    code, line = running.end()
    assert (code, line.split(":")[:3]) == (1, ["Error", " not signed in", " WrongAccount"])


def test_an_app_without_the_device_flow_is_told(world: World, githubtoken: Commands) -> None:
    allow_sign_in(world, device_flow=False)
    ended = githubtoken("login", *world.addressed("alice"))
    assert ended.code == 1
    assert "Enable Device Flow" in ended.err.splitlines()[-1]


def test_when_the_time_is_over_it_says_what_is_missing(world: World, githubtoken: Commands) -> None:
    allow_sign_in(world)
    code = wait_code(world)
    ended = githubtoken("login", *world.addressed("alice"), "--timeout", "1s")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == f"Error: nobody signed in within 1s: waiting until {code} is entered"


def test_ctrl_c_ends_the_command_and_not_the_sign_in(world: World, login: Callable[..., Login]) -> None:
    allow_sign_in(world)
    running = login()
    code = running.code()
    running.process.send_signal(signal.SIGINT)
    alice = " ".join(world.addressed("alice")) if world.shared else "alice"
    line = f"The sign-in goes on in the cluster; `githubtoken login {alice}` shows the code again."
    assert running.end() == (130, line)
    world.github.approve(code, "alice")
    world.wait_ready("alice")


def test_without_a_device_flow_it_says_what_to_set(world: World, githubtoken: Commands) -> None:
    world.user_token("alice")
    name, how = world.addressed("alice")[world.shared], "patch cght" if world.shared else f"-n {world.namespace}"
    assert githubtoken("login", *world.addressed("alice")).complaint.startswith(
        f"Error: `{name}` has no device flow: set `spec.user.deviceFlow` to `{{}}`, for example by `kubectl {how} "
    )
    assert request(world) is None
