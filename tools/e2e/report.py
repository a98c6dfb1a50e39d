"""The result as a table for the terminal, as JSON, and as a page of the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from e2e.manifests import CONSUMERS, PACES
from e2e.tally import Cell, spread
from e2e.trial import Outcome, Plan

Document = dict[str, Any]

_WIDTH: Final = 118
COLUMNS: Final = (
    "token",
    "propagation",
    "pods",
    "renewals",
    "calls",
    "refused",
    "unanswered",
    "n",
    "min",
    "median",
    "max",
)
_HEAD: Final = """# On a real node

What a pod sees that mounts a token and uses it while it is renewed, and while the operator is disturbed. Made by:

    make e2e

It runs etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy, kubelet and containerd in
namespaces of their own; installs the image that the Dockerfile builds and the chart, by helm, with two replicas and
the simulator in the cluster; runs `helm test`, by helm 3 and by helm 4; and starts {pods} pods, each of which reads
its mounted file once a second and calls the simulator with the token, over TLS, without reading again and without
repeating.
"""
_MEANING: Final = """\
*Refused* are calls that GitHub answered with 401. The seconds count from GitHub's answer until the new token is in
the mounted file, one for each pod and token (*n*), by the clock of one machine; a token that is replaced before
kubelet looks is not among them. kubelet has its default settings.
Tokens live for {lives}: what is left of one when it is renewed outlasts kubelet's wait and a failover, as it does
with GitHub's hour.

An installation token's predecessor lives on, so no call may be refused, whatever is done to the operator. A user
token's predecessor dies with GitHub's answer: calls are refused until the file has followed, and at no other time.
`make e2e` fails where that does not hold, and where a spent refresh token was sent (*double spends*). The share of
refused calls is that of a token which is renewed every two minutes; GitHub's are renewed every 5 hours 20 minutes.
"""
_DISTURBANCES: Final = """\
The rolling update is `kubectl rollout restart`. Killed means SIGKILL; before it the renewal of all installation
tokens is asked for, and a moment is awaited in which no user token is being renewed: what a kill in the middle of
that does, step by step, is the matter of [the fault matrix](fault-matrix.md). The killed container comes again with
its journal. With the pod that is gone, as when a node dies, the journal is gone too; in both cases the Lease was not
released.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """When and with what it was measured."""

    date: str
    processors: int
    versions: Mapping[str, str]


def table(cells: Sequence[Cell]) -> str:
    """The cells as Markdown, which a terminal shows as well."""
    rows = [COLUMNS, *(_row(cell) for cell in cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def document(outcome: Outcome, plan: Plan, run: Run) -> Document:
    """Everything that was measured."""
    return {
        "date": run.date,
        "versions": dict(run.versions),
        "processors": run.processors,
        "seconds": plan.seconds,
        "disturbances": [
            {"at": at, "what": what, "seconds": round(took, 1)}
            for at, (what, took) in zip(sorted(plan.disturbances), outcome.disturbances, strict=True)
        ],
        "cells": [asdict(cell) | {"seconds": [round(each, 3) for each in cell.seconds]} for cell in outcome.cells],
        "double_spends": outcome.double_spends,
        "replays": outcome.replays,
        "helm_test": outcome.helm_test,
        "problems": list(outcome.problems),
    }


def page(outcome: Outcome, plan: Plan, run: Run, raw: str) -> str:
    """The page; `raw` is where the raw figures are, as seen from it, if they are written."""
    pods = sum(_pods(cell) for cell in outcome.cells)
    lives = " and ".join(
        f"{pace.life} s (`{name}`, `renewBefore: {pace.renew_before}`)" for name, pace in PACES.items()
    )
    counted = f"In {plan.seconds} s; double spends {outcome.double_spends}, replays {outcome.replays}."
    told = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    source = f" ([the raw figures]({raw}))" if raw else ""
    lines = [
        _HEAD.format(pods=pods),
        "## The result",
        "",
        table(outcome.cells),
        "",
        _wrapped(f"{counted} On {run.date}, on {run.processors} processors, with {told}{source}."),
        "",
        _wrapped(_MEANING.format(lives=lives)),
        "",
        "## What was done to the operator meanwhile",
        "",
        "| after | what | two replicas ready again after |",
        "|---|---|---|",
    ]
    done = zip(sorted(plan.disturbances), outcome.disturbances, strict=True)
    lines += [f"| {at} s | {what} | {took:.0f} s |" for at, (what, took) in done]
    return "\n".join([*lines, "", _DISTURBANCES])


def _wrapped(text: str) -> str:
    """The paragraphs of a text in lines of equal length."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(textwrap.fill(each, _WIDTH, break_on_hyphens=False) for each in paragraphs)


def _pods(cell: Cell) -> int:
    return CONSUMERS[cell.propagation] * cell.namespaces


def _row(cell: Cell) -> tuple[str, ...]:
    found = spread(cell.seconds)
    seconds = ("-", "-", "-") if found is None else tuple(f"{each:.2f} s" for each in found)
    counts = (_pods(cell), cell.rotations, cell.calls, cell.invalid, cell.unanswered, len(cell.seconds))
    return (cell.token, cell.propagation, *(f"{count:,}" for count in counts), *seconds)
