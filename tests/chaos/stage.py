"""What a cell of the fault matrix does: a user token, a fault in the middle of its rotation, and what became of it."""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from github_simulator.control_client import App, sha256
from githubtoken_operator.domain.vocabulary import reasons
from localcluster.operator_process import NAMESPACE, OperatorProcess, start_operator
from tests.integration.operator.pods import delete_pod, make_pod

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from tests.chaos.faultproxy import FaultProxy
    from tests.integration.operator.stage.cluster import Cluster
    from tests.integration.operator.stage.world import World

HEALS_WITHIN: Final = 120.0
"""Seconds until a cell has ended well or the test fails; most need one or two."""
REPORTS_WITHIN: Final = 10.0
"""Seconds from the fault, or the restart, until an object says that a human is needed. The long run holds it."""
_PODS: Final = itertools.count(1)
LAUNCHER: Final = Path(__file__).parent / "launcher.py"
ENDED: Final = "grant alive"
REPORTED: Final = reasons.REAUTHORIZATION_REQUIRED
ASKED: Final = reasons.AWAITING_AUTHORIZATION


@dataclass(frozen=True, slots=True)
class Row:
    """One cell's result; `seconds` from the fault's end, or the restart, until it was well again."""

    group: str
    cell: str
    outcome: str
    double_spends: int
    replays: int
    seconds: float


@dataclass
class Launch:
    """Starts operators behind the proxies, with a Lease; all write one log and obey one file of orders.

    Each journal is the volume of a pod, which is there until it is said to be gone.
    """

    plane: ControlPlane
    kubeconfig: Path
    folder: Path
    stack: ExitStack
    pods: dict[Path, tuple[str, str]] = field(default_factory=dict)
    """Name and uid, by the journal."""

    def __call__(
        self,
        journal: Path,
        *flags: str,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> OperatorProcess:
        pod, uid = self.pods.get(journal) or self._new_pod(journal)
        settings = (
            *("--leader-elect", "--operator-namespace", NAMESPACE, "--journal-dir", str(journal)),
            *("--pod-name", pod, "--pod-uid", uid),
            *("--allowed-hosts", "127.0.0.1", "--log-level", "debug"),
        )
        operator = start_operator(
            kubeconfig or self.kubeconfig,
            self.folder / "log",
            *settings,
            *flags,
            environment={
                "CHAOS_ORDERS": str(self.folder / "orders"),
                "CHAOS_STEPS": str(self.folder / "steps"),
                **(environment or {}),
            },
            program=(str(LAUNCHER),),
        )
        self.stack.callback(_end, operator)
        if ready:
            operator.wait_ready()
        return operator

    def remove_pod(self, journal: Path) -> None:
        """It is gone with its volume, and known to be."""
        if (pod := self.pods.pop(journal, None)) is not None:
            delete_pod(self.plane, pod[0])

    def _new_pod(self, journal: Path) -> tuple[str, str]:
        name = f"operator-{next(_PODS)}"
        self.pods[journal] = name, make_pod(self.plane, name)
        self.stack.callback(self.remove_pod, journal)
        return self.pods[journal]


def _end(operator: OperatorProcess) -> None:
    """However a test left it: one that is frozen is woken first."""
    if operator.process.poll() is None:
        operator.process.send_signal(signal.SIGCONT)
        operator.stop()


@dataclass
class Stage:
    """A world whose operator runs behind two proxies, with a journal, and can be killed at every step."""

    world: World
    app: App
    api: FaultProxy
    github: FaultProxy
    launch: Launch
    journal: Path
    rows: list[Row]
    long: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._asked: dict[str, str] = {}
        self._sent: dict[str, str] = {}
        self._rotating: str | None = None
        self.kubelet = False
        """Whether a process that ends while a cell waits for its end is started again, as kubelet does."""
        self.codes: dict[str, str] = {}
        """The code that each token showed before the fault."""

    @property
    def folder(self) -> Path:
        """Where log, orders and journals are."""
        return self.launch.folder

    # --- the operator ------------------------------------------------------------------------------------------------

    def restart(self, *, keep_journal: bool) -> None:
        """As kubelet restarts a container, with its volumes; or as another pod takes its place, with empty ones."""
        if not keep_journal:
            self.launch.remove_pod(self.journal)
            self.journal = self.folder / f"journal-{next(self._numbers)}"
        if self._rotating is not None and self.died() and not self.answer_is_kept(self._rotating):
            # GitHub saw its answer arrive. Nobody else can tell it that the process was killed with it.
            self.world.github.lose_answer(self._sent[self._rotating])
        if self.died():
            free_lease(self.world.cluster)
        self.world.operator = self.launch(self.journal)

    def order(self, text: str) -> None:
        """Tells the launcher what to do."""
        (self.folder / "orders").write_text(text)
        (self.folder / "steps").write_text("")

    def steps(self) -> list[tuple[float, str]]:
        """What the launcher counted since the last order."""
        lines = (line.partition(" ") for line in (self.folder / "steps").read_text().splitlines())
        return [(float(at), step) for at, _, step in lines]

    def died(self) -> bool:
        return self.world.operator.process.poll() is not None

    # --- a token -----------------------------------------------------------------------------------------------------

    def new_token(self) -> str:
        """A user token with a fresh pair, after which the operator has nothing left to say about it."""
        self.api.clear()
        self.github.clear()
        name = f"user-{next(self._numbers)}"
        self.world.user_token(name, seed=self.world.sign_in(self.app, name))
        self.world.wait_for(name, lambda token: (token.get("status") or {}).get("account"))
        self.world.wait_ready(name)
        self.world.settle(0.5)
        self.world.github.reset_ledger()
        self.api.clear()
        self.github.clear()
        self._rotating = None
        return name

    def rotate(self, name: str) -> None:
        self._asked[name] = f"{time.time()}"
        self._sent[name] = sha256(self.world.data(f"{name}-credential")["refresh_token"])
        self._rotating = name
        self.world.annotate(name, refresh_requested_at=self._asked[name])

    def rotated(self, name: str) -> bool:
        """Whether the rotation that was asked for is over, and the consumer has its token, which lives."""
        status = self.world.status(name)
        pair, consumer = self.world.data(f"{name}-credential"), self.world.data(name)
        return bool(
            self.world.ready(name).status == "True"
            and status.get("lastHandledRefreshAt") == self._asked.get(name)
            and consumer["token"] == pair["token"]
            and self.world.github.token_is_alive(sha256(pair["token"]))
            and self.world.github.token_is_alive(sha256(pair["refresh_token"]))
        )

    def wait_rotated(self, name: str) -> None:
        self.world.wait_for(name, lambda _token: self.rotated(name))

    def answer_is_kept(self, name: str) -> bool:
        """Whether the living pair is in the store or, as the operator ended, whole in a file of the journal."""
        pair = self.world.data(f"{name}-credential")
        files = (path.read_bytes().rstrip(b"\0") for path in self.journal.glob("*.json*"))
        return self.world.github.token_is_alive(sha256(pair["refresh_token"])) or any(
            b'"body"' in content and content.endswith(b"}") for content in files
        )

    def reported(self, name: str) -> bool:
        """Whether the object says that a human has to sign in anew."""
        ready = self.world.ready(name)
        return (ready.status, ready.reason) == ("False", REPORTED)

    def code(self, name: str) -> str:
        """The code that is shown, or nothing."""
        return str(self.world.status(name).get("deviceFlow", {}).get("userCode", ""))

    def asked(self, name: str) -> bool:
        """Whether a code is shown that was not there before the fault."""
        ready = self.world.ready(name)
        return ready.reason == ASKED and self.code(name) not in {"", self.codes.get(name)}

    # --- the result --------------------------------------------------------------------------------------------------

    def ends(
        self, name: str, expected: str, *, row: tuple[str, str], since: float, within: float = HEALS_WITHIN
    ) -> None:
        """Waits for the cell's end, records it, and holds what every cell has to hold."""
        outcomes: dict[str, Callable[[str], bool]] = {
            ENDED: self.rotated,
            REPORTED: self.reported,
            ASKED: self.asked,
        }
        deadline = since + REPORTS_WITHIN if self.long and expected != ENDED else time.monotonic() + within
        while not outcomes[expected](name) and time.monotonic() < deadline:
            if self.kubelet and self.died():
                self.restart(keep_journal=True)
            time.sleep(0.05)
        seconds = time.monotonic() - since
        ledger = self.world.ledger()
        again = [
            spend.verdict for spend in (*ledger.double_spends, *ledger.replays) if spend.sha256 == self._sent.get(name)
        ]
        reached = (outcome for outcome, holds in outcomes.items() if holds(name))
        outcome = next(reached, f"still {self.world.ready(name).reason}")
        counts = again.count("double_spend"), again.count("replay")
        group, cell = row
        group += ", of a ClusterGitHubToken" if self.world.shared else ""
        result = Row(group, cell, outcome, *counts, seconds)
        self.rows.append(result)
        assert outcome == expected, (
            f"{result}: {self.world._tell('GitHubToken', name, self.world.get('GitHubToken', name) or {})}"
        )
        assert result.double_spends == 0, result
        assert result.replays <= (expected != ENDED), result
        if expected != ENDED:
            events = self.world.wait_events(name, reason=expected)
            assert [event.get("count", 1) for event in events] == [1], events
        for path in self.folder.glob("journal*/*"):
            assert path.stat().st_mode & 0o077 == 0, path


def free_lease(cluster: Cluster) -> None:
    """Ends the Lease of a process that was killed. Waiting for its end shows nothing, and takes fifteen seconds."""
    if (lease := cluster.get("Lease", NAMESPACE, "githubtoken-operator")) is None:
        return
    if lease["spec"].get("holderIdentity"):
        cluster.patch("Lease", NAMESPACE, "githubtoken-operator", {"spec": {"holderIdentity": ""}})


def numbered(name: str, seen: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Requests as steps of the protocol: `credential 2` is the second write of the credential Secret."""
    counts: Counter[str] = Counter()
    found = []
    for at, what in seen:
        label = next((label for label, pattern in patterns(name).items() if re.search(pattern, what)), None)
        if label is not None:
            counts[label] += 1
            found.append((at, f"{label} {counts[label]}"))
    return found


def patterns(name: str) -> dict[str, str]:
    """How the requests of each step are known."""
    return {
        "credential": f"/secrets/{name}-credential",
        "consumer": rf"/secrets/{name}\?",
        "status": rf"githubtokens/{name}(-[^/]*)?/status",
        "event": "/events",
        "refresh": "/login/oauth/access_token",
    }


def behind(kubeconfig: Path, proxy: FaultProxy, target: Path) -> Path:
    """The kubeconfig, with the proxy in place of the API server."""
    config = json.loads(kubeconfig.read_text())
    config["clusters"][0]["cluster"] = {"server": proxy.url}
    target.touch(mode=0o600)
    target.write_text(json.dumps(config))
    return target
