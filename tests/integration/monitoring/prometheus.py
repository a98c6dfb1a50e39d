"""A real Prometheus as a process on loopback, and its HTTP API as far as the tests ask."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from localcluster.launch import free_ports
from localcluster.process import Guard, Process

SCRAPE_EVERY: Final = "500ms"
STARTS_WITHIN: Final = 60.0
STOPS_WITHIN: Final = 10.0
JOB: Final = "githubtoken-operator"

Sample = dict[str, Any]


def program(name: str) -> str:
    """The path of one of Debian's programs; the test is skipped where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `make programs` does it as root (Debian's package `prometheus`)")
    return found


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Prometheus:
    """A running Prometheus at `url`; `targets` is the file with the addresses that it scrapes."""

    def __init__(self, url: str, targets: Path, process: Process) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._targets = targets
        self._process = process

    def close(self) -> None:
        self._http.close()

    def scrape(self, metrics_urls: Sequence[str]) -> None:
        """From now on scrapes these operators and no others; takes effect within a second or so."""
        hosts = [url.removeprefix("http://") for url in metrics_urls]
        following = self._targets.with_suffix(".new")
        following.write_text(json.dumps([{"targets": hosts}]))
        following.replace(self._targets)

    def query(self, expression: str) -> list[Sample]:
        """The samples of an instant query; a query that Prometheus refuses is an AssertionError with its words."""
        answer = self._http.post("/api/v1/query", data={"query": expression}).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {expression}"
        assert not answer.get("warnings"), answer["warnings"]
        result: list[Sample] = answer["data"]["result"]
        return result

    def query_range(self, expression: str, *, start: float, end: float, step: float) -> list[Sample]:
        """The series of a range query."""
        body = {"query": expression, "start": start, "end": end, "step": step}
        answer = self._http.post("/api/v1/query_range", data=body).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {expression}"
        result: list[Sample] = answer["data"]["result"]
        return result

    def firing(self) -> list[Firing]:
        """The alerts that fire now."""
        self._process.require_running()
        alerts = self._http.get("/api/v1/alerts").json()["data"]["alerts"]
        return [
            Firing(alert["labels"].pop("alertname"), alert["labels"], alert["annotations"])
            for alert in alerts
            if alert["state"] == "firing"
        ]

    def has_fired(self, *, within: float) -> set[str]:
        """The names of the alerts that have fired within the last so many seconds."""
        return {
            sample["metric"]["alertname"]
            for sample in self.query(f'max_over_time(ALERTS{{alertstate="firing"}}[{within:.0f}s])')
        }

    def wait_ready(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            self._process.require_running()
            try:
                if self._http.get("/-/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self._process.tail()
            time.sleep(0.1)


@contextmanager
def running_prometheus(folder: Path, rules: dict[str, Any], metrics_urls: Sequence[str]) -> Iterator[Prometheus]:
    """A Prometheus that scrapes these operators, with these rules; its files are in `folder`."""
    command = program("prometheus")
    targets = folder / "targets.json"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_configuration(folder / "rules.yaml", targets)))
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    guard = Guard()
    try:
        process = Process(
            "prometheus",
            [
                command,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            folder / "prometheus.log",
            guard,
        )
        prometheus = Prometheus(f"http://{address}", targets, process)
        prometheus.scrape(metrics_urls)
        prometheus.wait_ready()
        try:
            yield prometheus
        finally:
            prometheus.close()
            process.terminate(STOPS_WITHIN)
    finally:
        guard.close()


def _configuration(rules: Path, targets: Path) -> dict[str, Any]:
    """As docs/monitoring.md says, but for the pace."""
    return {
        "global": {
            "scrape_interval": SCRAPE_EVERY,
            "scrape_timeout": SCRAPE_EVERY,
            "evaluation_interval": SCRAPE_EVERY,
        },
        "rule_files": [str(rules)],
        "scrape_configs": [
            {
                "job_name": JOB,
                "honor_labels": True,
                "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}],
            }
        ],
    }
