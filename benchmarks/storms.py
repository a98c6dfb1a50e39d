"""`make bench-storms`: what happens to the operator when much happens at once, on a real API server. Prints JSON.

Each storm has a cluster of its own. Seconds are counted from where the storm begins until everything is as it should be
again; beside them stand the requests to GitHub and to the API server, the largest memory, and how late the event loop
was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import (
    Measurement,
    commit_of,
    counted,
    cpu_seconds,
    lag,
    machine,
    rss,
    say,
    settled,
    until,
    watched,
)
from benchmarks.world import LONG, NAMESPACE, Arrivals, World, world
from localcluster import Binaries, locate_or_build
from localcluster.operator_process import OperatorProcess

SHORT_LIFE: Final = 360.0
"""Seconds that a token lives where GitHub goes away for five sixths of it, as 50 minutes are of an hour."""
AWAY: Final = 300.0
ANNOTATED_A_SECOND: Final = 500
ANNOTATED_FOR: Final = 20.0
OF_OTHERS: Final = 20
"""GitHubTokens that others apply while one tenant annotates."""


def main() -> None:
    """Runs the storms."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--tokens", type=int, default=10_000, help="how many GitHubTokens (default: %(default)s)")
    options.add_argument("--apps", type=int, default=100, help="Apps that they are of (default: %(default)s)")
    options.add_argument("--storms", default=",".join(STORMS), help="which (default: %(default)s)")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    storms = chosen.storms.split(",")
    if unknown := sorted(set(storms) - set(STORMS)):
        options.error(f"there is no storm {', '.join(unknown)}: there are {', '.join(STORMS)}")
    binaries = locate_or_build(say=say)
    found = {
        "machine": machine(binaries),
        "version": commit_of("HEAD"),
        "tokens": chosen.tokens,
        "apps": chosen.apps,
        "storms": {},
    }
    for name in storms:
        say(name)
        found["storms"][name] = STORMS[name](binaries, chosen.tokens, chosen.apps)
    text = json.dumps(found, indent=2)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")


def _all_applied_at_once(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """One `kubectl apply` brings every GitHubToken while the operator runs."""
    with world(binaries, apps=apps, latency=0.05) as made, made.operator() as process:
        with (
            Arrivals(made) as arrived,
            _storm(made, process, tokens) as result,
        ):
            made.apply(tokens, at_once=tokens)
            arrived.wait_for(tokens)
            until(lambda: settled(process, tokens), every=0.5)
        return result.report(tokens)


def _all_secrets_deleted(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """Somebody deletes every consumer's Secret: they come back from memory."""
    with _settled_world(binaries, tokens, apps) as (made, process):
        with _storm(made, process, tokens) as result:
            made.cluster.kubectl(
                "delete",
                "secrets",
                "-n",
                NAMESPACE,
                "-l",
                "githubtoken.dev/role=token",
                "--wait=false",
                within=LONG,
            )
            until(lambda: _secrets(made) == tokens, every=1.0)
            until(lambda: settled(process, tokens), every=0.5)
        return result.report(tokens)


def _a_key_replaced(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """An App gets another key: it is checked, and its tokens are not made anew."""
    with _settled_world(binaries, tokens, apps) as (made, process):
        app, _ = made.apps[0]
        _, key = made.github.add_key(app)
        data = json.dumps({"data": {"private-key.pem": b64encode(key.encode()).decode()}})

        def fingerprint() -> str:
            return made.cluster.kubectl(
                "get", "gha", "app-0", "-n", NAMESPACE, "-o", "jsonpath={.status.keyFingerprint}"
            )

        before = fingerprint()
        with _storm(made, process, tokens) as result:
            made.cluster.kubectl("patch", "secret", "app-0", "-n", NAMESPACE, "--type=merge", "-p", data)
            until(lambda: fingerprint() != before, every=0.1)
            until(lambda: settled(process, tokens), every=0.5)
        return result.report(tokens)


def _api_server_restarted(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """The API server ends and comes back: everything is listed anew, and a deleted Secret is put back as before."""
    with _settled_world(binaries, tokens, apps) as (made, process):
        with _storm(made, process, tokens) as result:
            made.cluster.stop_api_server()
            time.sleep(5)
            made.cluster.start_api_server()
            made.cluster.kubectl("delete", "secret", "token-00000", "-n", NAMESPACE, "--wait=false")
            until(lambda: _secrets(made) == tokens, every=1.0)
            until(lambda: settled(process, tokens), every=0.5)
        return result.report(tokens)


def _github_away(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """GitHub answers nothing for five sixths of a token's life; then those that die first are renewed first."""
    count = min(tokens, 1000)
    with _settled_world(binaries, count, apps, life=SHORT_LIFE) as (made, process):
        ends = _ends(made)
        with _storm(made, process, count) as result:
            fault = made.github.fail("*", times=None, status=502)
            time.sleep(AWAY)
            made.github.clear_faults(fault)
            back = datetime.now(UTC)
            until(lambda: all(end > back for end in _ends(made).values()), every=1.0)
            made_at = {name: end - timedelta(seconds=SHORT_LIFE) for name, end in _ends(made).items()}
        return {
            "tokens": count,
            "life_seconds": SHORT_LIFE,
            "away_seconds": AWAY,
            "expired_before_github_was_back": sum(end < back for end in ends.values()),
            "expired_later": sum(back <= end < made_at[name] for name, end in ends.items()),
            "renewed_before_one_that_ended_earlier": _out_of_order(ends, made_at),
            **result.report(count),
        }


def _a_tenant_annotates(binaries: Binaries, tokens: int, apps: int) -> dict[str, Any]:
    """One tenant changes 500 objects a second; first tokens of others, undisturbed and beside it."""
    count = min(tokens, 2000)
    with _settled_world(binaries, count, apps) as (made, process):
        undisturbed = _first_tokens_of_others(made, "calm")
        with _storm(made, process, count) as result, _annotating(made, count) as changes:
            beside = _first_tokens_of_others(made, "beside")
        found = {"others_alone_seconds": undisturbed, "others_beside_seconds": beside}
        return {**found, **changes, **result.report(count)}


STORMS: Final[dict[str, Callable[[Binaries, int, int], dict[str, Any]]]] = {
    "all-applied-at-once": _all_applied_at_once,
    "all-secrets-deleted": _all_secrets_deleted,
    "a-key-replaced": _a_key_replaced,
    "api-server-restarted": _api_server_restarted,
    "github-away": _github_away,
    "a-tenant-annotates": _a_tenant_annotates,
}


@contextmanager
def _settled_world(
    binaries: Binaries, tokens: int, apps: int, *, life: float | None = None
) -> Iterator[tuple[World, OperatorProcess]]:
    with world(binaries, apps=apps, latency=0.05, life=life) as made:
        made.apply(tokens)
        with made.operator() as process:
            until(lambda: settled(process, tokens), every=1.0)
            yield made, process


@contextmanager
def _storm(made: World, process: OperatorProcess, tokens: int) -> Iterator[Measurement]:
    """What is done inside is measured."""
    result = Measurement()
    say(f"  the storm, with {tokens} tokens")
    with counted(made.cluster, made.github, result), watched(lambda: process.pid, result):
        started, used = time.monotonic(), cpu_seconds(process)
        yield result
        result.seconds = time.monotonic() - started
        result.cpu_seconds = cpu_seconds(process) - used
        result.idle_rss = rss(process)
        result.lag = lag(process)


@contextmanager
def _annotating(made: World, count: int) -> Iterator[dict[str, float]]:
    """So many GitHubTokens are annotated anew each second, for a while; how many it were, once that is over."""
    plan = {
        "namespace": NAMESPACE,
        "names": [f"token-{number:05}" for number in range(count)],
        "per_second": ANNOTATED_A_SECOND,
        "seconds": ANNOTATED_FOR,
    }
    tenant = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("annotating.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"KUBECONFIG": str(made.cluster.kubeconfig), "PATH": "/usr/bin:/bin"},
    )
    done: dict[str, float] = {}
    threading.Thread(target=lambda: done.update(json.loads(tenant.communicate(json.dumps(plan))[0]))).start()
    time.sleep(2)
    try:
        yield done
    finally:
        tenant.wait()
        until(lambda: bool(done))


def _first_tokens_of_others(made: World, name: str) -> float:
    """Seconds until each of some new GitHubTokens has its Secret."""
    items = [
        {
            "apiVersion": "githubtoken.dev/v1alpha1",
            "kind": "GitHubToken",
            "metadata": {"name": f"{name}-{number}", "namespace": NAMESPACE},
            "spec": {"appRef": {"name": "app-0"}, "installation": {"owner": "org-0"}},
        }
        for number in range(OF_OTHERS)
    ]
    made.cluster.apply({"apiVersion": "v1", "kind": "List", "items": items})
    return round(
        until(
            lambda: (
                made.cluster.kubectl("get", "secrets", "-n", NAMESPACE, "-o", "name").count(f"/{name}-") == OF_OTHERS
            )
        ),
        2,
    )


def _secrets(made: World) -> int:
    shown = made.cluster.kubectl("get", "secrets", "-n", NAMESPACE, "-l", "githubtoken.dev/role=token", "-o", "name")
    return len(shown.splitlines())


def _ends(made: World) -> dict[str, datetime]:
    """When the token in each Secret ends."""
    found = made.cluster.get("secrets", "-n", NAMESPACE, "-l", "githubtoken.dev/role=token")
    notes = {item["metadata"]["name"]: item["metadata"]["annotations"] for item in found["items"]}
    return {name: datetime.fromisoformat(noted["githubtoken.dev/expires-at"]) for name, noted in notes.items()}


def _out_of_order(ends: Mapping[str, datetime], made_at: Mapping[str, datetime]) -> float:
    """The share of neighbours, by when their tokens ended, of which the later one was renewed first."""
    order = sorted(ends, key=lambda name: ends[name])
    pairs = [(first, second) for first, second in pairwise(order) if ends[first] < ends[second]]
    return round(sum(made_at[first] > made_at[second] for first, second in pairs) / len(pairs), 3) if pairs else 0.0


if __name__ == "__main__":
    main()
