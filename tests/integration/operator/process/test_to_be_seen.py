"""What the running process shows to who is on call: its metrics, and what it does at this moment."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


def value(world: World, series: str) -> float | None:
    """The value of a series, written as on the page, or None where there is none."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", world.operator.metrics(), re.MULTILINE)
    return float(found[1]) if found else None


def runs(world: World) -> dict[str, Any]:
    with urllib.request.urlopen(f"{world.operator.health_url}/debug/runs", timeout=10) as page:  # noqa: S310 - ours
        shown: dict[str, Any] = json.load(page)
    return shown


def test_the_process_counts_its_runs_and_what_it_asks_of_the_api_server(world: World) -> None:
    world.ready_token()
    for verb in ("list", "watch"):
        assert value(world, f'githubtoken_api_requests_total{{code="200",resource="githubtokens",verb="{verb}"}}')
    written = 'githubtoken_api_requests_total{code="200",resource="githubtokens/status",verb="patch"}'
    renewals = 'githubtoken_runs_total{kind="GitHubToken",next="renewal",result="done"}'
    world.wait_until(lambda: value(world, written) and value(world, renewals), "both to be counted")
    assert value(world, 'githubtoken_runs_total{kind="GitHubToken",next="crash",result="crashed"}') == 0


def test_every_watch_is_heard_of(world: World) -> None:
    for resource in ("githubtokens", "githubapps", "clustergithubapps", "clustergithubtokens", "secrets", "namespaces"):
        age = value(world, f'githubtoken_watch_age_seconds{{resource="{resource}"}}')
        assert age is not None
        assert age >= 0


def test_an_app_has_its_series_until_it_is_gone(world: World) -> None:
    name = f'kind="GitHubApp",name="acme",namespace="{world.namespace}"'
    world.github_app(world.register(), privateKeySecretRef={"name": "nowhere"})
    ready = f'githubtoken_app_ready_status{{condition="False",{name}}}'
    world.wait_until(lambda: value(world, ready) == 1, "the series of the App")
    assert value(world, f'githubtoken_app_needs_human{{{name},reason="PrivateKeyMissing"}}') == 1
    world.delete("GitHubApp", "acme")
    world.wait_until(lambda: value(world, ready) is None, "no series of the App")


def test_a_pause_is_of_the_app_as_its_object_is_called(world: World) -> None:
    world.github.fail("mint", app=world.app(), status=403, headers={"Retry-After": "600"})
    world.installation_token()
    world.wait_reason("ci", "RateLimited")
    shown = re.search(
        rf'^githubtoken_paused_seconds{{app="acme",host="[^"]+",namespace="{world.namespace}"}} (\S+)$',
        world.operator.metrics(),
        re.MULTILINE,
    )
    assert shown is not None
    assert 0 < float(shown[1]) <= 600


def test_what_runs_and_what_waits_is_told(world: World) -> None:
    app = world.app()
    world.installation_token("quick")
    world.wait_ready("quick")
    fault = world.github.fail("mint", app=app, delay=5)
    world.installation_token("slow")
    world.wait_until(lambda: f"GitHubToken {world.namespace}/slow" in str(runs(world)["running"]), "a run of `slow`")
    shown = runs(world)
    waiting = {each["object"]: each for each in shown["waiting"]}
    assert waiting[f"GitHubToken {world.namespace}/quick"]["next"] == "renewal"
    assert shown["waiting_in_all"]["renewal"] >= 1
    assert len(shown["running"]) <= shown["places"]
    world.github.clear_faults(fault)
    world.wait_ready("slow")
