"""`make bench` and `make bench-scale`: what the operator costs, on a real API server and the simulator. Prints JSON.

For each size: N installation tokens over the Apps, from the start of the process until the last Secret is there; the
same without the probe; a restart with everything fresh; how long a deleted and an edited Secret take to come back; the
renewals of tokens that live for minutes. Beside it, in the same run, the bare loop, a bare loop of all requests that
the operator sends, and with `--against` the operator of another commit: ratios travel between machines, seconds do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import (
    ROOT,
    Measurement,
    checked_out,
    commit_of,
    compiled,
    counted,
    cpu_seconds,
    lag,
    machine,
    note_rest,
    rss,
    say,
    seldom,
    settled,
    until,
    watched,
)
from benchmarks.world import NAMESPACE, Arrivals, World, world
from localcluster import Binaries, locate_or_build

SHORT_LIFE = 180.0
"""Seconds that a token lives where renewals are measured: each is renewed at two thirds."""


@dataclass(frozen=True)
class Setting:
    """What every measurement is made in, for one version of the operator."""

    binaries: Binaries
    apps: int
    latency: float
    life: float | None
    flags: tuple[str, ...]
    source: Path | None

    def world(self, *, life: float | None = None) -> AbstractContextManager[World]:
        """A new one."""
        return world(
            self.binaries,
            apps=self.apps,
            latency=self.latency,
            life=life or self.life,
            source=self.source,
            flags=self.flags,
        )


def main() -> None:
    """Runs the benchmark."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument(
        "--tokens", type=int, nargs="+", default=[500], help="how many GitHubTokens, size after size (default: 500)"
    )
    options.add_argument("--apps", type=int, default=10, help="Apps that they are of (default: %(default)s)")
    options.add_argument("--latency", type=float, default=0.05, help="seconds that GitHub takes (default: %(default)s)")
    options.add_argument("--against", metavar="COMMIT", help="measure the operator of this commit too, in turn")
    options.add_argument("--renewals", type=int, default=0, help="renew so many short-lived tokens too (default: 0)")
    options.add_argument("--life", type=float, help="seconds that an installation token lives (default: GitHub's hour)")
    options.add_argument(
        "--short", action="store_true", help="the first tokens and a restart, without the bare loop and another probe"
    )
    options.add_argument("--flags", default="", help="further flags of `githubtoken run`")
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    chosen = options.parse_args()
    if min(*chosen.tokens, chosen.apps, 1) < 1:
        options.error("--tokens and --apps must be 1 or more")
    text = json.dumps(run(chosen), indent=2)
    print(text)
    if chosen.output:
        chosen.output.write_text(text + "\n")


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    """All measurements."""
    binaries = locate_or_build(say=say)
    compiled(ROOT / "operator")
    commits = {"now": commit_of("HEAD")} | ({"before": commit_of(chosen.against)} if chosen.against else {})
    found: dict[str, Any] = {
        "machine": machine(binaries),
        "versions": commits,
        "apps": chosen.apps,
        "github_latency_seconds": chosen.latency,
        "sizes": [],
    }
    with checked_out(chosen.against) if chosen.against else nullcontext() as before:
        settings = {
            name: Setting(binaries, chosen.apps, chosen.latency, chosen.life, tuple(chosen.flags.split()), source)
            for name, source in (("now", None), ("before", before))
            if name in commits
        }
        for tokens in chosen.tokens:
            size: dict[str, Any] = {"tokens": tokens}
            for name, setting in settings.items():
                say(f"{tokens} tokens, {name}")
                size[name] = _measure(setting, tokens, bare=name == "now", short=chosen.short)
            found["sizes"].append(size if chosen.short else {**size, "ratios": _ratios(size)})
        if chosen.renewals:
            found["renewals"] = {}
            for name, setting in settings.items():
                say(f"renewals of {chosen.renewals} tokens, {name}")
                found["renewals"][name] = _renewals(setting, chosen.renewals)
    return found


def _measure(setting: Setting, tokens: int, *, bare: bool, short: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with setting.world() as made:
        made.apply(tokens)
        if bare and not short:
            say("  the bare loop")
            found["bare_loop"] = _bare_loop(made, tokens)
        say("  the first tokens")
        found["first"], found["repair_seconds"] = _first(made, tokens)
        say("  a restart")
        found["restart"] = _restart(made, tokens)
    if short:
        return found
    for name, probe in (("bare_requests", True), ("bare_requests_without_probe", False)) if bare else ():
        with setting.world() as made:
            made.apply(tokens)
            say(f"  the operator's requests without an operator{'' if probe else ', and without the probe'}")
            found[name] = _bare_loop(made, tokens, whole=True, probe=probe)
    with setting.world() as made:
        made.apply(tokens)
        say("  the first tokens without the probe")
        found["first_without_probe"], _ = _first(made, tokens, "--no-verify-before-publish")
    return found


def _ratios(size: dict[str, Any]) -> dict[str, float]:
    """What travels between machines."""
    now = size["now"]
    bare, requests, unprobed = (now[f"bare_{which}"] for which in ("loop", "requests", "requests_without_probe"))
    found = {
        "bare_requests_seconds_to_bare_loop": requests["seconds"] / bare["seconds"],
        "bare_requests_without_probe_seconds_to_bare_loop": unprobed["seconds"] / bare["seconds"],
        "seconds_to_bare_requests": now["first"]["seconds"] / requests["seconds"],
        "cpu_seconds_to_bare_requests": now["first"]["cpu_seconds"] / requests["cpu_seconds"],
        "seconds_to_bare_loop": now["first"]["seconds"] / bare["seconds"],
        "seconds_without_probe_to_bare_loop": now["first_without_probe"]["seconds"] / bare["seconds"],
    }
    if before := size.get("before"):
        found["bare_requests_cpu_seconds_to_before"] = requests["cpu_seconds"] / before["first"]["cpu_seconds"]
        for phase in ("first", "first_without_probe", "restart"):
            for figure in ("seconds", "cpu_seconds", "idle_rss_mb", "api_requests_per"):
                if before[phase][figure]:
                    found[f"{phase}_{figure}_to_before"] = now[phase][figure] / before[phase][figure]
    return {name: round(value, 2) for name, value in found.items()}


def _bare_loop(made: World, tokens: int, *, whole: bool = False, probe: bool = False) -> dict[str, float]:
    """The work without an operator: `whole` with each request that the operator sends."""
    plan = {
        "api_url": made.simulator.api_url,
        "namespace": NAMESPACE,
        "count": tokens,
        "whole": whole,
        "probe": probe,
        "apps": [
            {"id": app.id, "installation": installed.id, "private_key": app.private_key} for app, installed in made.apps
        ],
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bare_loop.py"))],
        input=json.dumps({**plan, "started": time.time()}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={"KUBECONFIG": str(made.cluster.kubeconfig), "PATH": "/usr/bin:/bin"},
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _first(made: World, tokens: int, *flags: str) -> tuple[dict[str, Any], dict[str, float]]:
    """From the start of the process until the last Secret is there; then how fast what is broken comes back."""
    result = Measurement()
    with (
        Arrivals(made) as arrived,
        counted(made.cluster, made.github, result),
    ):
        started = time.monotonic()
        with made.operator(*flags) as process, watched(lambda: process.pid, result):
            arrived.wait_for(tokens)
            result.seconds = time.monotonic() - started
            until(lambda: settled(process, tokens), every=seldom(tokens))
            note_rest(process, result)
            repairs = _repairs(made)
    return result.report(tokens), repairs


def _restart(made: World, tokens: int) -> dict[str, Any]:
    """From the start of a process that finds everything fresh until it knows all of it."""
    result = Measurement()
    with counted(made.cluster, made.github, result):
        started = time.monotonic()
        with made.operator() as process, watched(lambda: process.pid, result):
            until(lambda: settled(process, tokens), every=seldom(tokens))
            result.seconds = time.monotonic() - started
            note_rest(process, result)
            known = process.metrics().count("githubtoken_info{")
    if known != tokens:
        raise RuntimeError(f"after the restart {known} of {tokens} tokens are known")
    return result.report(tokens)


def _renewals(setting: Setting, tokens: int) -> dict[str, Any]:
    """What one renewal costs an operator that does nothing else: each token is renewed once or more."""
    result = Measurement()
    with setting.world(life=SHORT_LIFE) as made:
        made.apply(tokens)
        with made.operator() as process, watched(lambda: process.pid, result):
            until(lambda: settled(process, tokens), every=seldom(tokens))
            with counted(made.cluster, made.github, result):
                started, used = time.monotonic(), cpu_seconds(process)
                time.sleep(SHORT_LIFE)
                result.seconds = time.monotonic() - started
                result.cpu_seconds = cpu_seconds(process) - used
            result.idle_rss = rss(process)
            result.lag = lag(process)
    renewed = result.github["mint"]
    return {"renewals": renewed, **result.report(max(renewed, 1))}


def _repairs(made: World) -> dict[str, float]:
    def shown(name: str, path: str) -> str:
        options = ("--ignore-not-found", "-o", f"jsonpath={path}")
        return made.cluster.kubectl("get", "secret", name, "-n", NAMESPACE, *options)

    before = shown("token-00000", "{.metadata.uid}")
    made.cluster.kubectl("delete", "secret", "token-00000", "-n", NAMESPACE, "--wait=false")
    deleted = until(lambda: shown("token-00000", "{.metadata.uid}") not in ("", before))
    kept = shown("token-00000", "{.data.token}")
    patch = json.dumps({"data": {"token": b64encode(b"edited").decode()}})
    made.cluster.kubectl("patch", "secret", "token-00000", "-n", NAMESPACE, "--type=merge", "-p", patch)
    edited = until(lambda: shown("token-00000", "{.data.token}") == kept)
    return {"deleted": round(deleted, 2), "edited": round(edited, 2)}


if __name__ == "__main__":
    main()
