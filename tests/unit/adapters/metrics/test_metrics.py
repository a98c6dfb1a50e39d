from __future__ import annotations

import dataclasses
import platform
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from githubtoken_operator.adapters.metrics import process_metrics
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.domain.objects.view import AppView, TokenView
from githubtoken_operator.domain.runs.due import causes
from githubtoken_operator.engine.scheduling.due_queue import WOKEN
from githubtoken_operator.engine.scheduling.scheduler import CRASH
from tests.unit.builders import NAMESPACE, app_body, githubtoken_body

DOCS = Path(__file__).parents[4] / "docs" / "metrics.md"

ISSUED = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXPIRES = ISSUED + timedelta(hours=8)
RENEWS = ISSUED + timedelta(hours=5, minutes=20)
REFRESH_TOKEN_EXPIRES = ISSUED + timedelta(days=182)


def a_view(name: str = "alice", namespace: str = "team-a", **changes: object) -> TokenView:
    fresh = TokenView(
        namespace=namespace,
        name=name,
        kind="User",
        app="acme",
        secret=f"{name}-token",
        ready="True",
        issued=ISSUED,
        expires=EXPIRES,
        renews=RENEWS,
        refresh_token_expires=REFRESH_TOKEN_EXPIRES,
    )
    return dataclasses.replace(fresh, **changes)  # type: ignore[arg-type]  # any field of the view


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def leading_metrics(clock: Clock | None = None) -> Metrics:
    metrics = Metrics("1.2.3", monotonic=clock or Clock())
    metrics.lead(True)
    return metrics


def scraped(metrics: Metrics) -> list[Sample]:
    page = generate_latest(metrics.registry).decode()
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def values(metrics: Metrics, name: str, /, **labels: str) -> list[float]:
    return [s.value for s in scraped(metrics) if s.name == name and labels.items() <= s.labels.items()]


def labels_of(metrics: Metrics, name: str) -> list[Mapping[str, str]]:
    return [sample.labels for sample in scraped(metrics) if sample.name == name]


def documented_metrics() -> Iterator[tuple[str, str, frozenset[str]]]:
    for line in DOCS.read_text().splitlines():
        if row := re.match(r"\| `(githubtoken_\w+)` \| (\w+) \| ([^|]*)\|", line):
            yield row[1], row[2], frozenset(re.findall(r"`(\w+)`", row[3]))


def with_everything() -> Metrics:
    """All metrics with at least one series each."""
    metrics = leading_metrics()
    metrics.show(a_view(needs_human="ReauthorizationRequired"))
    metrics.show(a_view(namespace="", name="pull", namespaces={"wanted": 2, "current": 1, "failed": 1}))
    metrics.request("api.github.com", "mint", 201, 0.1)
    metrics.rate_limit("api.github.com", "12345", "678", 4999)
    metrics.clock_skew("api.github.com", 0.5)
    metrics.signer_request("vault", "ok", 0.002)
    metrics.show(AppView("GitHubApp", "team-a", "acme", "False", "PrivateKeyMissing"))
    metrics.process.ran("GitHubToken", "done", "renewal", 0.1)
    metrics.process.asked("get", "secrets", 200, 0.01)
    metrics.process.renewed(succeeded=True, seconds=0.01)
    metrics.process.lagged(0.001)
    metrics.process.heard("githubtokens", None)
    metrics.process.paused("api.github.com", "team-a", "acme", 60)
    for name, (_, labels) in process_metrics.SOURCES.items():
        if name not in metrics.process._sources.given:
            metrics.process.watch(name, partial(dict, {labels: 1.0}) if labels else partial(float, 1))
    return metrics


def test_the_documentation_lists_exactly_what_is_exported() -> None:
    page = generate_latest(with_everything().registry).decode()
    exported = {
        (sample.name, family.type, frozenset(sample.labels))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("githubtoken_") and family.type != "histogram"
    } | {
        (family.name, family.type, frozenset(sample.labels) - {"le"})
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("githubtoken_") and family.type == "histogram"
    }
    assert set(documented_metrics()) == exported


def test_the_documentation_lists_what_runs_are_for() -> None:
    words = {word for name, word in vars(causes).items() if name.isupper() and isinstance(word, str)}
    told = set(re.findall(r"^\| `(\w+)` \| [^|]*\|$", DOCS.read_text(), re.MULTILINE))
    assert told - {"next"} == words | {WOKEN, CRASH}


def test_every_metric_has_a_help_text_and_no_creation_time() -> None:
    page = generate_latest(with_everything().registry).decode()
    assert not [family.name for family in text_string_to_metric_families(page) if not family.documentation]
    assert "_created" not in page


def test_the_page_is_openmetrics_too() -> None:
    page = generate_openmetrics(with_everything().registry).decode()  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parse_openmetrics(page)}  # type: ignore[no-untyped-call]
    assert families["githubtoken"].type == "info"
    assert families["githubtoken_refresh"].type == "counter"


@pytest.mark.parametrize(
    ("field", "metric", "moment"),
    [
        pytest.param("issued", "githubtoken_issued_timestamp_seconds", ISSUED, id="issued"),
        pytest.param("expires", "githubtoken_expiration_timestamp_seconds", EXPIRES, id="expires"),
        pytest.param("renews", "githubtoken_renewal_timestamp_seconds", RENEWS, id="renews"),
        pytest.param(
            "refresh_token_expires",
            "githubtoken_refresh_token_expiration_timestamp_seconds",
            REFRESH_TOKEN_EXPIRES,
            id="refresh token expires",
        ),
    ],
)
def test_a_time_is_exported_in_unix_seconds_once_it_is_known(field: str, metric: str, moment: datetime) -> None:
    metrics = leading_metrics()
    unknown: dict[str, Any] = {field: None}
    metrics.show(a_view(**unknown))
    assert values(metrics, metric) == []

    metrics.show(a_view())
    assert values(metrics, metric, namespace="team-a", name="alice") == [moment.timestamp()]


@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
def test_ready_is_one_for_the_status_it_has_and_zero_for_the_others(status: str) -> None:
    metrics = leading_metrics()
    metrics.show(a_view(ready=status))
    ready = {s.labels["condition"]: s.value for s in scraped(metrics) if s.name == "githubtoken_ready_status"}
    assert ready == {other: float(other == status) for other in ("True", "False", "Unknown")}


def test_who_needs_a_human_is_there_only_while_it_is_so() -> None:
    metrics = leading_metrics()
    metrics.show(a_view(needs_human="AppNotFound"))
    assert labels_of(metrics, "githubtoken_needs_human") == [
        {"namespace": "team-a", "name": "alice", "reason": "AppNotFound"}
    ]
    metrics.show(a_view(needs_human=None))
    assert labels_of(metrics, "githubtoken_needs_human") == []


def test_of_many_namespaces_there_are_three_numbers_and_no_names() -> None:
    metrics = leading_metrics()
    metrics.show(a_view(namespace="", name="pull", namespaces={"wanted": 200, "current": 199, "failed": 1}))
    shown = {s.labels["state"]: s.value for s in scraped(metrics) if s.name == "githubtoken_namespaces"}
    assert shown == {"wanted": 200, "current": 199, "failed": 1}
    assert all(labels.keys() == {"name", "state"} for labels in labels_of(metrics, "githubtoken_namespaces"))
    metrics.forget("", "pull")
    assert labels_of(metrics, "githubtoken_namespaces") == []


def test_a_token_of_one_namespace_counts_none() -> None:
    metrics = leading_metrics()
    metrics.show(a_view())
    assert labels_of(metrics, "githubtoken_namespaces") == []


def test_info_says_what_a_token_is() -> None:
    metrics = leading_metrics()
    metrics.show(a_view(kind="Installation"))
    assert labels_of(metrics, "githubtoken_info") == [
        {"namespace": "team-a", "name": "alice", "kind": "Installation", "app": "acme", "secret": "alice-token"}
    ]


def test_a_kind_that_is_not_known_yet_is_an_empty_label() -> None:
    metrics = leading_metrics()
    metrics.show(a_view(kind=None))
    assert [labels.get("kind", "") for labels in labels_of(metrics, "githubtoken_info")] == [""]


def test_a_deleted_object_leaves_no_series() -> None:
    metrics = leading_metrics()
    metrics.show(a_view("alice"))
    metrics.show(a_view("bob"))
    metrics.forget("team-a", "alice")
    metrics.forget("team-a", "never-seen")
    names = {sample.labels["name"] for sample in scraped(metrics) if "name" in sample.labels}
    assert names == {"bob"}


def test_a_standby_exports_no_series_of_objects_but_all_others() -> None:
    metrics = with_everything()
    metrics.lead(False)
    # Who is paused and who waits is a matter of this process alone.
    shown = {sample.name for sample in scraped(metrics) if "namespace" in sample.labels}
    assert shown == {
        "githubtoken_paused_seconds",
        "githubtoken_waiting_seconds",
        "githubtoken_lane_waiting",
        "githubtoken_unanswered_seconds",
    }
    assert values(metrics, "githubtoken_leader") == [0]
    assert values(metrics, "githubtoken_scheduler_pending") == [1]

    metrics.lead(True)
    assert values(metrics, "githubtoken_leader") == [1]
    assert len(labels_of(metrics, "githubtoken_info")) == 2


def test_a_process_that_never_led_is_a_standby() -> None:
    metrics = Metrics("1.2.3")
    metrics.show(a_view())
    assert labels_of(metrics, "githubtoken_info") == []
    assert values(metrics, "githubtoken_leader") == [0]


def test_renewals_start_at_zero_for_every_kind_and_result() -> None:
    counted = {
        (s.labels["kind"], s.labels["result"]): s.value
        for s in scraped(Metrics("1.2.3"))
        if s.name == "githubtoken_refresh_total"
    }
    kinds, results = ("User", "Installation"), ("success", "transient", "terminal")
    assert counted == {(kind, result): 0.0 for kind in kinds for result in results}


def test_a_renewal_is_counted_and_timed() -> None:
    metrics = leading_metrics()
    for result, seconds in (("transient", 0.3), ("success", 20.0)):
        metrics.refreshed("User", result)  # type: ignore[arg-type]  # two of the three
        metrics.took("User", seconds)
    assert values(metrics, "githubtoken_refresh_total", kind="User", result="success") == [1]
    assert values(metrics, "githubtoken_refresh_total", kind="User", result="transient") == [1]
    assert values(metrics, "githubtoken_refresh_total", kind="Installation", result="success") == [0]
    buckets = {
        s.labels["le"]: s.value
        for s in scraped(metrics)
        if s.name == "githubtoken_refresh_duration_seconds_bucket" and s.labels["kind"] == "User"
    }
    assert buckets == {
        "0.1": 0, "0.25": 0, "0.5": 1, "1.0": 1, "2.5": 1, "5.0": 1, "10.0": 1, "30.0": 2, "+Inf": 2,
    }  # fmt: skip


def test_a_repair_is_counted() -> None:
    metrics = leading_metrics()
    assert values(metrics, "githubtoken_secret_repairs_total") == [0]
    metrics.repaired()
    assert values(metrics, "githubtoken_secret_repairs_total") == [1]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        pytest.param(201, "201", id="status"),
        pytest.param(None, "none", id="no answer"),
    ],
)
def test_a_request_is_counted_by_its_outcome(code: int | None, label: str) -> None:
    metrics = leading_metrics()
    metrics.request("ghes:8443", "mint", code, 0.2)
    assert values(metrics, "githubtoken_github_requests_total", host="ghes:8443", operation="mint", code=label) == [1]
    assert values(metrics, "githubtoken_github_request_duration_seconds_sum", operation="mint") == [0.2]


def test_a_rate_limit_is_shown_until_it_has_been_reset() -> None:
    clock = Clock()
    metrics = leading_metrics(clock)
    metrics.rate_limit("api.github.com", "12345", "678", 4999)
    metrics.rate_limit("api.github.com", "12345", "678", 4998)
    metrics.rate_limit("api.github.com", "12345", "", 55)
    name = "githubtoken_github_rate_limit_remaining"
    assert values(metrics, name, installation="678") == [4998]
    assert sorted(values(metrics, name, host="api.github.com", app="12345")) == [55, 4998]

    clock.now += 3000
    metrics.rate_limit("api.github.com", "12345", "", 54)
    clock.now += 700
    assert values(metrics, name) == [54]


def test_hosts_that_tenants_think_of_make_no_series() -> None:
    metrics = Metrics("test", host_label=lambda _: "*.ghe.com")
    for number in range(100):
        host = f"api.x{number}.ghe.com"
        metrics.request(host, "get_app", 401, 0.1)
        metrics.rate_limit(host, "12345", "", 1)
        metrics.clock_skew(host, 1.0)
    hosts = {
        sample.labels["host"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if "host" in sample.labels
    }
    assert hosts == {"*.ghe.com"}


def test_what_is_not_scraped_is_not_kept_for_good() -> None:
    clock = Clock()
    metrics = leading_metrics(clock)
    for number in range(5000):
        metrics.rate_limit("api.github.com", f"{number}", "", 4999)
        clock.now += 60
    assert len(metrics._rate_limits._values) < 600


def test_a_host_that_nobody_asks_any_more_has_no_clock() -> None:
    now = [0.0]
    metrics = Metrics("test", monotonic=lambda: now[0])
    metrics.clock_skew("api.github.com", 3.0)
    now[0] += 86_400
    assert values(metrics, "githubtoken_clock_skew_seconds") == []


def test_a_clock_skew_keeps_its_sign() -> None:
    metrics = leading_metrics()
    metrics.clock_skew("api.github.com", -600.5)
    assert values(metrics, "githubtoken_clock_skew_seconds", host="api.github.com") == [-600.5]


def test_sources_are_read_at_each_scrape() -> None:
    metrics = leading_metrics()
    waiting = [1, 2, 3]
    metrics.process.watch("githubtoken_scheduler_pending", lambda: len(waiting))
    assert values(metrics, "githubtoken_scheduler_pending") == [3]
    waiting.clear()
    assert values(metrics, "githubtoken_scheduler_pending") == [0]


def test_the_journal_has_a_series_only_where_there_is_a_journal() -> None:
    metrics = leading_metrics()
    assert values(metrics, "githubtoken_journal_entries") == []
    metrics.process.watch("githubtoken_journal_entries", lambda: 2)
    assert values(metrics, "githubtoken_journal_entries") == [2]


def test_an_app_is_shown_by_its_kind_and_forgotten_by_it() -> None:
    metrics = leading_metrics()
    metrics.show(AppView("GitHubApp", "team-a", "acme", "False", "PrivateKeyMissing"))
    metrics.show(AppView("ClusterGitHubApp", "", "acme", "True"))
    ready = {
        s.labels["kind"]: s.labels["condition"]
        for s in scraped(metrics)
        if s.name == "githubtoken_app_ready_status" and s.value
    }
    assert ready == {"GitHubApp": "False", "ClusterGitHubApp": "True"}
    assert labels_of(metrics, "githubtoken_app_needs_human") == [
        {"kind": "GitHubApp", "namespace": "team-a", "name": "acme", "reason": "PrivateKeyMissing"}
    ]
    metrics.forget("GitHubApp", "team-a", "acme")
    assert {labels["kind"] for labels in labels_of(metrics, "githubtoken_app_ready_status")} == {"ClusterGitHubApp"}


def test_an_object_that_was_never_run_is_shown_as_unknown() -> None:
    body = githubtoken_body(status={"observedGeneration": -1})
    assert TokenView.of(body, body["status"]) == TokenView(NAMESPACE, "ci", "Installation", "acme", "ci", "Unknown")
    assert TokenView.of(body, {"namespaces": {"wanted": 2, "summary": "0/2"}}).namespaces == {"wanted": 2}
    app = app_body()
    assert AppView.of("GitHubApp", app, {}) == AppView("GitHubApp", NAMESPACE, "acme", "Unknown")


def test_the_build_is_named() -> None:
    assert labels_of(Metrics("1.2.3"), "githubtoken_build_info") == [
        {"version": "1.2.3", "python": platform.python_version()}
    ]


def test_two_operators_in_one_process_do_not_share_their_metrics() -> None:
    first, second = leading_metrics(), leading_metrics()
    first.repaired()
    assert values(second, "githubtoken_secret_repairs_total") == [0]


def test_scrapes_see_whole_objects_while_the_loop_changes_them() -> None:
    metrics = leading_metrics()
    stop = threading.Event()

    def churn() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            metrics.show(a_view(f"token-{turn % 50}"))
            metrics.forget("team-a", f"token-{(turn + 25) % 50}")
            metrics.rate_limit("api.github.com", str(turn % 50), "", turn)

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(20):
            for sample in scraped(metrics):
                if sample.name == "githubtoken_expiration_timestamp_seconds":
                    assert sample.value == EXPIRES.timestamp()
    finally:
        stop.set()
        writer.join()


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.lists(st.tuples(st.booleans(), names, names), max_size=40))
def test_the_series_are_those_of_the_objects_that_are_there(steps: list[tuple[bool, str, str]]) -> None:
    metrics = leading_metrics()
    present: set[tuple[str, str]] = set()
    for shown, namespace, name in steps:
        if shown:
            metrics.show(a_view(name, namespace))
            present.add((namespace, name))
        else:
            metrics.forget(namespace, name)
            present.discard((namespace, name))
    seen = [(labels["namespace"], labels["name"]) for labels in labels_of(metrics, "githubtoken_info")]
    assert sorted(seen) == sorted(present)


@given(st.text())
def test_whatever_stands_in_a_label_comes_out_as_it_went_in(text: str) -> None:
    text = text.encode(errors="ignore").decode()
    metrics = leading_metrics()
    metrics.show(a_view(needs_human=text or "x"))
    assert labels_of(metrics, "githubtoken_needs_human")[0]["reason"] == (text or "x")
