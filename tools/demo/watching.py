"""Applies the App and the tokens, and looks at every token once a second until the time is up."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from demo import consumer, manifests, words
from demo.console import Console
from demo.manifests import NAMESPACE, WATCHED
from demo.stage import Stage
from demo.tally import Milestone, Tally, milestone

LOOK_EVERY: Final = 1.0
"""Seconds from one look to the next."""


def apply_all(stage: Stage, console: Console) -> None:
    """Makes the App and the user at GitHub, and applies what a human would."""
    github = stage.simulator.control
    app = github.create_app(
        "acme-bot", token_life=manifests.INSTALLATION_TOKEN_LIFE, user_token_life=manifests.USER_TOKEN_LIFE
    )
    github.install(app, "acme", repositories=["website"], permissions={"contents": "read"})
    secrets = manifests.secrets(app, github.sign_in(app, "alice"))
    applied = [
        manifests.github_app(app, api_url=stage.simulator.api_url, web_url=stage.simulator.web_url),
        *manifests.github_tokens(),
    ]
    console.heading(
        f"Applied in the namespace {NAMESPACE}, with the Secrets acme-app (the App's key) and alice-seed "
        "(a refresh token):"
    )
    for manifest in applied:
        console.block(manifests.in_short(manifest))
    stage.cluster.kubectl("create", "namespace", NAMESPACE)
    stage.cluster.apply(*secrets, *applied)


def watch(stage: Stage, console: Console, seconds: int | None) -> list[Tally]:
    """Looks until `seconds` are over, or for ever. Raises what `Stage.check` raises, and `httpx.HTTPError`."""
    tallies = {token.name: Tally(token.name) for token in WATCHED}
    shown = Milestone.BEGUN
    cluster = stage.cluster
    with ExitStack() as stack:
        secrets = consumer.SecretReader(
            cluster.server, token=cluster.token, ca_file=cluster.ca_file, namespace=NAMESPACE
        )
        stack.callback(secrets.close)
        github = consumer.Probe(stage.simulator.api_url)
        stack.callback(github.close)
        for _ in _turns(seconds):
            stage.check()
            # The table comes a turn after the line, when status has followed the Secret.
            if (reached := milestone(tallies.values())) > shown:
                shown = reached
                _show(stage, console, reached)
            for token in WATCHED:
                look = consumer.look(
                    partial(secrets.read, token.secret),
                    partial(github.accepts, token.probe),
                    now=lambda: datetime.now(UTC),
                    sleep=time.sleep,
                )
                tallies[token.name], happened = tallies[token.name].after(look)
                for event in happened:
                    console.step(*words.happening(token, event))
    return list(tallies.values())


def show_tokens(stage: Stage, console: Console) -> None:
    """What kubectl says of the tokens."""
    console.heading("$ kubectl get ght")
    console.block(stage.cluster.kubectl("get", "ght", f"--namespace={NAMESPACE}"))


def _show(stage: Stage, console: Console, reached: Milestone) -> None:
    show_tokens(stage, console)
    if reached is Milestone.ISSUED:
        console.heading("Look for yourself, in another terminal:")
        console.block(
            words.look_for_yourself(
                kubectl=stage.kubectl,
                kubeconfig=stage.cluster.kubeconfig,
                namespace=NAMESPACE,
                metrics=stage.metrics_page,
                log=stage.operator.log,
            )
        )
        console.step(
            "every second, each token is read from its Secret and shown to GitHub; first renewal in about 30 s"
        )


def _turns(seconds: int | None) -> Iterator[int]:
    """Turns, `LOOK_EVERY` apart however long each takes; the first is at once, the last before `seconds` are over."""
    began = time.monotonic()
    for turn in itertools.count():
        due = began + turn * LOOK_EVERY
        if seconds is not None and max(due, time.monotonic()) >= began + seconds:
            time.sleep(max(began + seconds - time.monotonic(), 0.0))
            return
        time.sleep(max(due - time.monotonic(), 0.0))
        yield turn
