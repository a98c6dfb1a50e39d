"""What a benchmark looks at: a process from outside, the API server's and the simulator's own counts, the machine."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from github_simulator.control_client import Control
from localcluster import Binaries, ControlPlane
from localcluster.operator_process import OperatorProcess

ROOT = Path(__file__).parents[1]
WITHIN = 1800.0
"""Seconds after which nothing is waited for any more."""
AT_REST = 10.0
"""Seconds after which the memory is that of an operator that does nothing."""
COUNTED = (
    "secrets", "githubtokens", "githubapps", "clustergithubtokens", "clustergithubapps", "namespaces", "pods", "events",
)  # fmt: skip
LIBRARIES = ("kopf", "kubernetes", "aiohttp", "httpx", "prometheus-client")


def machine(binaries: Binaries) -> dict[str, Any]:
    """On what it was measured."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "kube-apiserver": _said(str(binaries.kube_apiserver), "--version").split()[-1],
        **{name: version(name) for name in LIBRARIES},
    }


def commit_of(revision: str) -> str:
    """The commit that a revision names, shortened."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", revision], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A folder with the operator of another commit; put first on PYTHONPATH, it is what `githubtoken` runs."""
    archive = ["git", "archive", revision, "operator", "requirements.lock"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
        _bring_libraries(Path(folder) / "requirements.lock", Path(folder) / "operator")
        yield compiled(Path(folder) / "operator")


def _bring_libraries(lock: Path, target: Path) -> None:
    """The versions that its own lock file names, where it is another: what it imports may be no dependency any more."""
    if lock.read_bytes() == (ROOT / lock.name).read_bytes():
        return
    say(f"installing the libraries of {lock.name} as it was")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "--requirement", str(lock), "--target", str(target)]
    subprocess.run([*pip, *locked], check=True)


def compiled(source: Path) -> Path:
    """The same folder, with bytecode, as the image has it: else each start would compile what it imports."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(source)], check=True)
    return source


@dataclass
class Measurement:
    """One stretch of an operator's life: from `begin` to `end`, what it and the others did meanwhile."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss: int = 0
    idle_rss: int = 0
    lag: dict[str, float] = field(default_factory=dict)
    api: Counter[str] = field(default_factory=Counter)
    github: Counter[str] = field(default_factory=Counter)

    def report(self, count: int) -> dict[str, Any]:
        """The figures for people and scripts; those named `per` are for each of `count`."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "cpu_ms_per": round(1000 * self.cpu_seconds / count, 2),
            "peak_rss_mb": round(self.peak_rss / 1e6, 1),
            "idle_rss_mb": round(self.idle_rss / 1e6, 1),
            "event_loop_lag": self.lag,
            "github_requests_per": round(sum(self.github.values()) / count, 2),
            "github_requests": dict(self.github),
            "api_requests_per": round(sum(self.api.values()) / count, 2),
            "api_requests": dict(sorted(self.api.items())),
        }


@contextmanager
def watched(pid: Callable[[], int], result: Measurement) -> Iterator[None]:
    """Notes the largest memory of a process meanwhile."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            result.peak_rss = max(result.peak_rss, psutil.Process(pid()).memory_info().rss)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()


@contextmanager
def counted(cluster: ControlPlane, github: Control, result: Measurement) -> Iterator[None]:
    """Notes the requests meanwhile."""
    api, asked = api_requests(cluster), Counter(github.ledger().counts)
    yield
    result.api = api_requests(cluster) - api
    result.github = Counter(github.ledger().counts) - asked


def cpu_seconds(process: OperatorProcess) -> float:
    """What the process has used so far."""
    return sum(psutil.Process(process.pid).cpu_times()[:2])


def rss(process: OperatorProcess) -> int:
    """Its memory now, in bytes."""
    found: int = psutil.Process(process.pid).memory_info().rss
    return found


def lag(process: OperatorProcess) -> dict[str, float]:
    """How late the event loop was, from the operator's own histogram: upper bounds of its buckets, in seconds."""
    buckets: dict[float, int] = {}
    for line in process.metrics().splitlines():
        if line.startswith("githubtoken_event_loop_lag_seconds_bucket"):
            buckets[float(line.split('le="')[1].split('"')[0])] = int(float(line.rsplit(" ", 1)[1]))
    looks = max(buckets.values())
    return {
        "looks": looks,
        "p99_below": min(bound for bound, seen in buckets.items() if seen >= 0.99 * looks),
        "worst_below": min(bound for bound, seen in buckets.items() if seen == looks),
    }


def note_rest(process: OperatorProcess, result: Measurement) -> None:
    """Notes what it took so far, and what an operator needs that does nothing."""
    result.cpu_seconds = cpu_seconds(process)
    time.sleep(AT_REST)
    result.idle_rss, result.lag = rss(process), lag(process)


def api_requests(cluster: ControlPlane) -> Counter[str]:
    """Requests so far by verb and resource, as the API server counts them; watches and lists are left out."""
    counts: Counter[str] = Counter()
    for line in cluster.kubectl("get", "--raw", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, value = line[len("apiserver_request_total{") :].rsplit("} ", 1)
        fields = dict(item.split("=", 1) for item in labels.replace('"', "").split(",") if "=" in item)
        resource, verb = fields.get("resource", ""), fields.get("verb", "")
        if resource in COUNTED and verb not in ("WATCH", "LIST"):
            name = "/".join(part for part in (resource, fields.get("subresource", "")) if part)
            counts[f"{verb} {name}"] += int(float(value))
    return counts


def settled(process: OperatorProcess, count: int) -> bool:
    """Whether so many objects wait for something later, and nothing runs or is to run now."""
    with urlopen(f"{process.health_url}/debug/runs", timeout=10) as answer:  # noqa: S310 - our own address
        runs = json.load(answer)
    waiting = runs.get("waiting_in_all", {})
    return not runs.get("running") and not waiting.get("event") and sum(waiting.values()) >= count


def seldom(count: int) -> float:
    """Seconds between looks at so many objects: each costs the operator time for each of them."""
    return max(count / 20_000, 0.25)


def until(condition: Callable[[], bool], *, every: float = 0.05) -> float:
    """Seconds until `condition` holds; a look that costs the operator something is taken seldom."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > WITHIN:
            raise TimeoutError(f"not within {WITHIN:.0f} s")
        time.sleep(every)
    return time.monotonic() - started


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def say(line: str) -> None:
    """Tells whoever waits how far it is."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)
