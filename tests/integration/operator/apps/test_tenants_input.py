"""What a tenant may store, through the process: keys as stores deliver them, and nonsense that disturbs nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

DEEP = "[" * 300 + "]" * 300
"""Deeper than any document of ours, and not so deep that it would harm a reader of JSON."""

WRAPPED: dict[str, Callable[[str], str]] = {
    "line breaks as two characters": lambda pem: pem.replace("\n", "\\n"),
    "base64 twice": lambda pem: base64.b64encode(pem.encode()).decode(),
    "JSON around it": lambda pem: json.dumps({"app_id": 1, "private_key": pem}),
    "quoted and indented": lambda pem: f'"{pem}"'.replace("\n", "\n    "),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_key_is_taken_as_stores_deliver_it(world: World, wrap: Callable[[str], str]) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app, private_key_pem=wrap(app.private_key or ""))
    world.github_app(app)
    world.installation_token()
    world.wait_ready()
    assert world.ready("acme", kind="GitHubApp").reason == "Accepted"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param("x" * 900_000, "it has 900000 bytes", id="a text of 900 KB"),
        pytest.param("[" * 10_000, "it is JSON that cannot be read", id="nested JSON"),
        pytest.param("QUJD" * 4000, "it is not PEM", id="base64 of something else"),
    ],
)
def test_what_is_no_key_is_named_and_holds_nobody_up(world: World, key: str, words: str) -> None:
    app = world.register()
    world.install(app)
    world.app_secret(app, private_key_pem=key)
    world.github_app(app)
    world.installation_token()
    assert words in world.wait_reason("acme", "PrivateKeyInvalid", kind="GitHubApp").message
    world.app("other")
    world.installation_token("beside", app="other")
    world.wait_ready("beside")
    world.app_secret(app)
    world.wait_ready()


DAMAGED: dict[str, Callable[[list[str]], list[str]]] = {
    "cut-off": lambda lines: lines[:9],
    "without-its-end": lambda lines: lines[:-1],
    "another-end": lambda lines: [*lines[:-1], "-----END PRIVATE KEY-----"],
    "line-missing": lambda lines: [*lines[:5], *lines[6:]],
    "line-twice": lambda lines: [*lines[:5], *lines[4:]],
    "lines-swapped": lambda lines: [lines[0], *reversed(lines[1:-1]), lines[-1]],
    "line-like-a-header": lambda lines: [*lines[:3], f"{lines[3]}: {lines[4]}", "", *lines[5:]],
    "header-first": lambda lines: [lines[0], "Comment: for all", "", *lines[1:]],
    "other-case": lambda lines: [lines[0], *(line.swapcase() for line in lines[1:-1]), lines[-1]],
    "quoted-as-mail": lambda lines: [f"> {line}" for line in lines],
    "in-other-words": lambda lines: ["-----BEGIN EC PRIVATE KEY-----", *lines[1:-1], "-----END EC PRIVATE KEY-----"],
}


def test_nothing_of_a_damaged_key_is_shown(world: World) -> None:
    """The operator logs at debug, and the world looks for the lines of the key at the end."""
    app = world.register()
    lines = (app.private_key or "").splitlines()
    for name, damage in DAMAGED.items():
        damaged = damage(lines)
        world.canaries += [line.strip("> ") for line in damaged if len(line) > 40]
        world.app_secret(app, f"{name}-app", private_key_pem="\n".join(damaged))
        world.github_app(app, name)
        world.installation_token(f"of-{name}", app=name)
    for name in DAMAGED:
        assert "must be" in world.wait_reason(name, "PrivateKeyInvalid", kind="GitHubApp").message
        assert "must be" in world.wait_reason(f"of-{name}", "PrivateKeyInvalid").message
    assert world.requests() == []


def test_annotations_of_nonsense_cost_one_token_its_sign_in_and_nobody_else_anything(world: World) -> None:
    world.ready_user()
    nonsense = dict.fromkeys(("refresh_intent", "seeds_taken", "spent_sha256", "device_flow"), DEEP)
    world.annotate("alice-credential", kind="Secret", **nonsense)
    world.annotate("alice", refresh_requested_at="now")
    world.wait_ready("alice", revision=2)
    world.installation_token()
    world.wait_ready()
    assert world.double_spends() == 0
