"""Whoever is limited, hangs or fails at GitHub delays nobody else, and who waits says so."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from github_simulator.process import SimulatorProcess
from githubtoken_operator.settings import Settings
from tests.cas import ANOTHER_NAME, TO_THE_LETTER, made
from tests.integration.operator.stage.world import world_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.operator.stage.world import World

LIMIT: dict[str, Any] = {"status": 403, "headers": {"Retry-After": "600"}}
EACH = 3


def test_a_limited_installation_pauses_alone_and_is_asked_once(world: World) -> None:
    app = world.app("many", installed=False)
    numbers = [world.github.install(app, f"{world.namespace}-{place}").id for place in range(4)]
    world.github.fail("mint", app=app, installation_id=numbers[0], times=None, **LIMIT)
    for place, number in enumerate(numbers):
        for token in range(EACH):
            world.installation_token(f"t-{place}-{token}", app="many", id=number)
    for place in range(1, len(numbers)):
        for token in range(EACH):
            world.wait_ready(f"t-{place}-{token}")
    for token in range(EACH):
        world.wait_reason(f"t-0-{token}", "RateLimited")
    asked = [request.installation_id for request in world.requests("mint", app=app)]
    assert asked.count(numbers[0]) == 1


def test_two_limited_installations_pause_their_app(world: World) -> None:
    app = world.app("many", installed=False)
    first, second, third = (world.github.install(app, f"{world.namespace}-{place}").id for place in range(3))
    for number in (first, second):
        world.github.fail("mint", app=app, installation_id=number, times=None, **LIMIT)
    for name, number in (("one", first), ("two", second)):
        world.installation_token(name, app="many", id=number)
        world.wait_reason(name, "RateLimited")
    world.installation_token("three", app="many", id=third)
    world.wait_reason("three", "RateLimited")
    assert third not in [request.installation_id for request in world.requests("mint", app=app)]


def test_an_app_that_hangs_holds_up_no_other_and_its_own_say_that_they_wait(world: World) -> None:
    bad, _good = world.app("bad"), world.app("good")
    fault = world.github.fail("mint", app=bad, times=None, delay=20)
    for number in range(20):
        world.installation_token(f"bad-{number}", app="bad")
    for number in range(5):
        world.installation_token(f"good-{number}", app="good")
    for number in range(5):
        world.wait_ready(f"good-{number}")
    # One at a time, each for as long as it is waited for.
    assert len(world.requests("mint", app=bad)) < 5
    waiting = world.wait_for(
        "bad-19", lambda found: "waiting for its App's turn" in str(found.get("status", {}).get("conditions", ""))
    )
    assert "before it" in str(waiting["status"]["conditions"])
    shown = f'githubtoken_waiting_seconds{{name="bad-19",namespace="{world.namespace}"}}'
    assert shown in world.operator.metrics()
    world.github.clear_faults(fault)


def test_a_github_that_fails_is_asked_by_one_at_a_time_and_all_go_on_when_it_answers(world: World) -> None:
    app = world.app("down")
    world.wait_ready("down", kind="GitHubApp", revision=0)
    fault = world.github.fail("find_installation", app=app, times=None, status=502)
    for number in range(20):
        world.installation_token(f"token-{number}", app="down")
    world.settle(5)
    failed = len(world.requests("find_installation", app=app))
    world.github.clear_faults(fault)
    for number in range(20):
        world.wait_ready(f"token-{number}")
    # One after each 1.75 s, however many wait.
    assert 1 <= failed < 10


def test_deletions_of_an_app_that_hangs_take_the_places_of_no_others(world: World) -> None:
    bad, _good = world.app("bad"), world.app("good")
    for name, count in (("bad", 20), ("good", 5)):
        for number in range(count):
            source = {"owner": world.account}
            spec = {"appRef": {"name": name}, "installation": source, "deletionPolicy": "Revoke"}
            world.token(f"{name}-{number}", spec)
    for name, count in (("bad", 20), ("good", 5)):
        for number in range(count):
            world.wait_ready(f"{name}-{number}")
    fault = world.github.fail("revoke_installation_token", app=bad, times=None, delay=20)
    for name, count in (("bad", 20), ("good", 5)):
        for number in range(count):
            world.delete("GitHubToken", f"{name}-{number}")
    for number in range(5):
        world.wait_for(f"good-{number}", lambda found: not found)
    # As many as the App may ask at once.
    assert len(world.requests("revoke_installation_token", app=bad)) <= Settings().concurrency // 3
    world.github.clear_faults(fault)


def test_what_is_wrong_with_some_apps_alone_does_not_stand_for_their_host(world: World, tmp_path: Path) -> None:
    leaf = made(TO_THE_LETTER).write(tmp_path / "github.pem")
    with (
        SimulatorProcess("--ghes", "--tls-cert", str(leaf)) as simulator,
        world_in(world.cluster, simulator, world.operator, world.namespace) as enterprise,
    ):
        for name, ca in (("bad-0", ANOTHER_NAME), ("bad-1", ANOTHER_NAME), ("good", TO_THE_LETTER)):
            app = enterprise.register()
            enterprise.install(app)
            enterprise.app_secret(app, f"{name}-app")
            enterprise.github_app(app, name, caBundle=base64.b64encode(made(ca).ca_pem).decode())
        for name in ("bad-0", "bad-1"):
            enterprise.installation_token(name, app=name)
            enterprise.wait_reason(name, "GitHubUnavailable")
        for number in range(10):
            enterprise.installation_token(f"good-{number}", app="good")
            enterprise.wait_ready(f"good-{number}")
            assert unanswered(world) == {"bad-0", "bad-1"}


def unanswered(world: World) -> set[str]:
    """The Apps that GitHub does not answer, as metrics say it; "" is a whole host."""
    lines = [line for line in world.operator.metrics().splitlines() if line.startswith("githubtoken_unanswered_")]
    own = [line for line in lines if f'namespace="{world.namespace}"' in line or 'namespace=""' in line]
    return {line.partition('app="')[2].partition('"')[0] for line in own}
