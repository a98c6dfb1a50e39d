"""Real failures of single tokens, of GitHub and of the operator's surroundings, and which alerts each must fire.

A driver is a generator: what stands before its first `yield` happens once, the rest is repeated while an alert is
waited for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.integration.monitoring.scene import Scene

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Failure:
    """What happens, in words; what makes it happen; and the alerts that must fire, with labels that they must have."""

    what: str
    drive: Callable[[Scene], Iterator[None]]
    fires: Mapping[str, Mapping[str, str]]


def _suspended(scene: Scene) -> Iterator[None]:
    world = scene.world
    app = world.app("suspended", installed=False, token_life=24)
    installation = world.install(app)
    world.installation_token("suspended", app="suspended")
    world.wait_ready("suspended")
    world.github.suspend(installation)
    yield from itertools.repeat(None)


def _without_app(scene: Scene) -> Iterator[None]:
    scene.world.installation_token("orphan", app="nobody")
    yield from itertools.repeat(None)


def _app_without_key(scene: Scene) -> Iterator[None]:
    world = scene.world
    world.github_app(world.github.create_app("keyless"), "keyless", privateKeySecretRef={"name": "nowhere"})
    yield from itertools.repeat(None)


def _bad_gateway(scene: Scene) -> Iterator[None]:
    world = scene.world
    app = world.app("down")
    world.github.fail("mint", app=app, status=502, times=None)
    world.installation_token("down", app="down")
    for turn in itertools.count():
        # Our own back-off is skipped, so that half a minute has as many attempts as else an hour.
        world.annotate("down", refresh_requested_at=str(turn))
        yield


def _old_sign_in(scene: Scene) -> Iterator[None]:
    app = scene.world.app("old", refresh_token_life=10 * DAY)
    scene.world.user_token("old", app="old", seed=scene.world.sign_in(app))
    yield from itertools.repeat(None)


def _in_another_form(scene: Scene) -> Iterator[None]:
    world = scene.world
    app = world.app("other-form")
    world.user_token("other-form", app="other-form", seed=world.sign_in(app))
    world.wait_ready("other-form")
    world.github.override("refresh", app=app, access_token="ghx_inAnotherForm0123456789")
    world.annotate("other-form", refresh_requested_at="now")
    yield from itertools.repeat(None)


def _personal_in_days(scene: Scene) -> Iterator[None]:
    scene.world.personal_token(scene.world.made_by_hand(life=5 * DAY), "in-days")
    yield from itertools.repeat(None)


def _personal_today(scene: Scene) -> Iterator[None]:
    scene.world.personal_token(scene.world.made_by_hand(life=DAY / 2), "today")
    yield from itertools.repeat(None)


def _used_up(scene: Scene) -> Iterator[None]:
    world = scene.world
    app = world.app("busy", installed=False)
    world.github.exhaust_rate_limit(world.install(app), reset_in=3600)
    world.installation_token("busy", app="busy")
    yield from itertools.repeat(None)


def _other_clock(scene: Scene) -> Iterator[None]:
    world, elsewhere = scene.world, scene.elsewhere
    app = elsewhere.control.create_app("bot-elsewhere")
    elsewhere.control.install(app, world.account, repositories=["website"], permissions={"contents": "write"})
    world.app_secret(app, "elsewhere-app")
    world.github_app(app, "elsewhere", apiURL=elsewhere.api_url, webURL=elsewhere.web_url)
    world.installation_token("elsewhere", app="elsewhere")
    yield from itertools.repeat(None)


def _foreign_secret(scene: Scene) -> Iterator[None]:
    world, name = scene.world, f"pull-{scene.world.namespace}"
    app = world.register()
    world.install(app)
    cluster_app = world.cluster_app(app, allowedNamespaces={"from": "All"})
    world.secret(name, {"password": "somebody's"})
    spec = {"appRef": {"name": cluster_app}, "installation": {"owner": world.account}}
    world.cluster_token({**spec, "namespaces": {"names": [world.namespace]}}, name)
    yield from itertools.repeat(None)


def _fought(scene: Scene) -> Iterator[None]:
    world = scene.world
    world.app("fought")
    world.installation_token("fought", app="fought")
    world.wait_ready("fought")
    while True:
        world.delete("Secret", "fought")
        yield


FAILURES: Final = (
    Failure(
        "The installation is suspended, and its token runs out.",
        _suspended,
        {"GitHubTokenRefreshOverdue": {"name": "suspended"}, "GitHubTokenExpired": {"name": "suspended"}},
    ),
    Failure(
        "A GitHubToken names a GitHubApp that is not there.",
        _without_app,
        {"GitHubTokenNeedsHuman": {"name": "orphan", "reason": "AppNotFound"}},
    ),
    Failure(
        "A GitHubApp names a key Secret that is not there.",
        _app_without_key,
        {"GitHubTokenAppNotReady": {"kind": "GitHubApp", "name": "keyless"}},
    ),
    Failure(
        "GitHub answers every request for a token with 502.",
        _bad_gateway,
        {
            "GitHubTokenNotReady": {"name": "down"},
            "GitHubTokenRefreshErrors": {"kind": "Installation"},
            "GitHubTokenGitHubErrors": {},
        },
    ),
    Failure(
        "A refresh token has ten days left, and GitHub gives no longer ones.",
        _old_sign_in,
        {"GitHubTokenSignInEnds": {"name": "old"}},
    ),
    Failure(
        "GitHub answers a refresh with a token of a prefix that the operator does not know.",
        _in_another_form,
        {"GitHubTokenAnswerNotUnderstood": {"name": "other-form"}},
    ),
    Failure(
        "A personal token has five days left.",
        _personal_in_days,
        {"GitHubTokenPersonalExpiresSoon": {"name": "in-days"}},
    ),
    Failure(
        "A personal token has half a day left.", _personal_today, {"GitHubTokenPersonalExpiresToday": {"name": "today"}}
    ),
    Failure("Somebody uses up an installation's rate limit.", _used_up, {"GitHubTokenRateLimitLow": {}}),
    Failure("A GitHub's clock is ten minutes ahead of ours.", _other_clock, {"GitHubTokenClockSkew": {}}),
    Failure(
        "A ClusterGitHubToken wants a namespace where the Secret's name is taken.",
        _foreign_secret,
        {"GitHubTokenNamespacesFailed": {}},
    ),
    Failure("Somebody deletes a Secret again and again.", _fought, {"GitHubTokenSecretFought": {}}),
)
