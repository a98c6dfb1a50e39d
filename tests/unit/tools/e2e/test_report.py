"""The result of a trial on a node, as people read it."""

from __future__ import annotations

import json
from typing import Final

from e2e.report import Run, document, page, table
from e2e.tally import Cell
from e2e.trial import FULL, SHORT, Outcome, Plan

CELLS: Final = (
    Cell("installation", "Kubelet", 5, 1980, 0, (), 3, 0, (61.25, 30.5, 88.0)),
    Cell("user", "Immediate", 20, 660, 4, ("told",), 0, 0, ()),
)
PLAN: Final = Plan(seconds=660, disturbances={200: "rolling update"})
OUTCOME: Final = Outcome(CELLS, ("one", "two"), (("rolling update", 27.6),), 0, 1, "GitHub accepts the token")
RUN: Final = Run("2026-01-02", 2, {"Kubernetes": "1.34.4", "containerd": "1.6.20"})


def test_a_row_has_the_counts_and_the_spread_and_a_dash_where_nothing_was_measured() -> None:
    header, line, *rows = table(CELLS).splitlines()
    assert [cell.strip() for cell in rows[0].split("|")[1:-1]] == [
        "installation", "Kubelet", "3", "5", "1,980", "0", "3", "3", "30.50 s", "61.25 s", "88.00 s",
    ]  # fmt: skip
    assert [cell.strip() for cell in rows[1].split("|")[-4:-1]] == ["-", "-", "-"]
    assert {len(each) for each in (header, line, *rows)} == {len(header)}


def test_a_token_of_several_namespaces_says_so_and_counts_the_pods_of_all() -> None:
    shared = Cell("user", "Immediate", 20, 660, 4, (), 0, 0, (), namespaces=2)
    row = [text.strip() for text in table([shared]).splitlines()[-1].split("|")[1:-1]]
    assert row[:4] == ["user, 2 namespaces", "Immediate", "2", "20"]


def test_the_raw_figures_are_json_and_have_every_measured_second() -> None:
    written = json.loads(json.dumps(document(OUTCOME, PLAN, RUN)))
    assert written["cells"][0]["seconds"] == [61.25, 30.5, 88.0]
    assert written["disturbances"] == [{"at": 200, "what": "rolling update", "seconds": 27.6}]
    assert (written["problems"], written["versions"], written["replays"]) == (["one", "two"], RUN.versions, 1)


def test_the_page_says_what_was_measured_when_and_with_what() -> None:
    text = page(OUTCOME, PLAN, RUN, "../raw.json")
    assert table(CELLS) in text
    words = " ".join(text.split())
    told = "On 2026-01-02, on 2 processors, with Kubernetes 1.34.4, containerd 1.6.20 ([the raw figures](../raw.json))."
    assert told in words
    assert "| 200 s | rolling update | 28 s |" in text
    assert "300 s (`Kubelet`, `renewBefore: 3m`) and 150 s (`Immediate`, `renewBefore: 2m`)" in words
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 118


def test_the_plans_end_after_the_last_disturbance_and_a_kubelets_wait() -> None:
    assert all(plan.seconds >= max(plan.disturbances) + 60 for plan in (FULL, SHORT))
