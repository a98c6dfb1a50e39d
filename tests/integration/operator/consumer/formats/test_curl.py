"""Real curl: `.netrc` for the REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds


def test_curl_calls_the_api_with_netrc_and_follows_a_rotation(
    world: World, pod: Pod, needs: Callable[..., None]
) -> None:
    needs("curl")
    app = world.app()
    world.seed("ci", world.sign_in(app))
    user = {"seedSecretRef": {"name": "ci-seed"}}
    world.token("ci", {"appRef": {"name": "acme"}, "user": user, "secret": {"formats": ["Netrc"]}})
    url = f"{world.simulator.api_url}/user"
    status = ("curl", "--silent", "--output", "body", "--write-out", "%{http_code}")
    first = world.data("ci") if world.wait_ready() else {}
    (pod.home / "first").write_text(first[".netrc"])
    assert pod.output(*status, url) == "401"
    assert pod.output(*status, "--netrc-file", "first", url) == "200"
    world.annotate("ci", refresh_requested_at="now")
    world.wait_ready(revision=2)
    pod.mount(world, "ci")
    assert pod.output(*status, "--netrc-file", "first", url) == "401", "a user's old token is dead at once"
    assert pod.output(*status, "--netrc", url) == "200"
    assert '"login": "alice"' in (pod.home / "body").read_text().replace('":"', '": "')
