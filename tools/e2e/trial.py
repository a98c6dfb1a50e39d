"""The trial itself, inside the sandbox: everything started, used and disturbed, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from e2e import manifests, tally
from e2e.disturbances import DISTURBANCES, Stage, found_in, request_renewal, until
from e2e.errors import TrialError
from e2e.manifests import NAMESPACE, PACES, SUBJECTS, Subject
from e2e.release import Release
from github_simulator.control_client import Control
from localcluster import ControlPlane
from localcluster.helm import locate_helm
from localcluster.node.binaries import locate_node
from localcluster.node.network import ADDRESS, make_network
from localcluster.node.node import API_SERVER_FLAGS, Node

ACCOUNT: Final = "acme"
_READY_WITHIN: Final = 180


@dataclass(frozen=True, slots=True)
class Plan:
    """How long consumers call, and after how many seconds what is done to the operator; `at_once`: renew all first."""

    seconds: int
    disturbances: Mapping[int, str]
    at_once: bool = False


FULL: Final = Plan(
    seconds=660,
    disturbances={
        200: "rolling update",
        330: "the leader's container killed",
        460: "the leader's pod killed and gone",
    },
)
SHORT: Final = Plan(
    # kubelet's period is a minute, and with it the wait at most one and a half.
    seconds=125,
    disturbances={20: "rolling update", 65: "the leader's pod killed and gone"},
    at_once=True,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        cells: the table.
        problems: broken promises, one sentence each.
        disturbances: what was done, and the seconds until two replicas were ready again.
        replays: refresh tokens that were sent again because an answer was lost.
        helm_test: what the pod of `helm test` said.
    """

    cells: tuple[tally.Cell, ...]
    problems: tuple[str, ...]
    disturbances: tuple[tuple[str, float], ...]
    double_spends: int
    replays: int
    helm_test: str


Say = Callable[[str], None]


def run(folder: Path, cgroup: str, plan: Plan, say: Say) -> Outcome:
    """Runs the plan; `folder` has the images. Raises `TrialError` and what the cluster raises."""
    with _stage(folder, cgroup, say) as stage, stage.release.control(folder / "port-forward.log") as control:
        say("helm test, by helm 3 and by helm 4")
        helm_test = stage.release.test()
        _apply(stage, control)
        say(f"{sum(len(subject.pods) for subject in SUBJECTS)} pods call GitHub once a second for {plan.seconds} s")
        begun = _revisions(stage.cluster)
        if plan.at_once:
            request_renewal(stage.cluster, SUBJECTS)
        done = tuple(_carry_out(stage, plan, say))
        diaries = {subject: _diaries(stage.cluster, subject) for subject in SUBJECTS}
        ended = _revisions(stage.cluster)
        lives = {each: _life(control, each) for of in diaries.values() for each in tally.tokens_of(of)}
        ledger = control.ledger()
    cells = tuple(
        tally.cell(
            subject.kind,
            subject.propagation,
            diaries=diaries[subject],
            lives=lives,
            rotations=ended[subject.name] - begun[subject.name],
            namespaces=len(subject.namespaces),
        )
        for subject in SUBJECTS
    )
    problems = tally.problems(cells, double_spends=len(ledger.double_spends))
    return Outcome(cells, tuple(problems), done, len(ledger.double_spends), len(ledger.replays), helm_test)


@contextmanager
def _stage(folder: Path, cgroup: str, say: Say) -> Iterator[Stage]:
    """A control plane, a node with the images, and the release."""
    binaries = locate_node()
    make_network()
    say("starting etcd, kube-apiserver, kube-controller-manager")
    with ControlPlane(binaries.control_plane, address=ADDRESS, api_server_flags=API_SERVER_FLAGS) as cluster:
        say("starting containerd, kubelet, kube-proxy, kube-scheduler")
        with Node(cluster, binaries, cgroup) as node:
            for archive in sorted(folder.glob("*.tar")):
                node.load(archive)
            release = Release(cluster, helm=locate_helm(), kubectl=binaries.control_plane.kubectl)
            say("helm install: two replicas of the operator, and the simulator")
            release.install()
            yield Stage(cluster, node, release)


def _apply(stage: Stage, control: Control) -> None:
    """Three Apps, and an object and its consumers for each cell; returns when all consumers call."""
    # Consumers that go on with a dead token are what is looked at, and no attack.
    control.settings(failed_login_limit=0, rate_limit=1_000_000)
    github = stage.release.github()
    stage.cluster.apply(*manifests.namespaces())
    objects = manifests.consumer_objects(github)
    for name, subject in {subject.app: subject for subject in SUBJECTS}.items():
        life = PACES[subject.propagation].life
        app = control.create_app(f"bot-{name}", token_life=life, user_token_life=life)
        control.install(app, ACCOUNT)
        pair = control.sign_in(app, manifests.USER)
        objects += manifests.app_objects(name, app, pair, github, shared=subject.shared)
    objects += [manifests.github_token(subject, ACCOUNT) for subject in SUBJECTS]
    stage.cluster.apply(*objects)
    _wait(stage.cluster, NAMESPACE, *(f"{subject.resource}/{subject.name}" for subject in SUBJECTS))
    pods = [(subject, *place) for subject in SUBJECTS for place in subject.pods]
    made = [manifests.consumer_pod(name, subject, github, namespace) for subject, namespace, name in pods]
    stage.cluster.apply(*made)
    for _, namespace, name in pods:
        _wait(stage.cluster, namespace, f"pod/{name}")
        until(partial(_has_called, stage.cluster, namespace, name), f"the pod {name} had called GitHub")


def _wait(cluster: ControlPlane, namespace: str, *names: str) -> None:
    arguments = ("wait", "--for=condition=Ready", f"--timeout={_READY_WITHIN}s", *names)
    cluster.kubectl(*arguments, f"--namespace={namespace}", within=_READY_WITHIN + 10)


def _carry_out(stage: Stage, plan: Plan, say: Say) -> Iterator[tuple[str, float]]:
    """Waits out the plan; what was done, with the seconds that it took."""
    begun = time.monotonic()
    for after, what in sorted(plan.disturbances.items()):
        _watch(stage, begun + after)
        say(f"{what} ...")
        struck = DISTURBANCES[what](stage)
        took = time.monotonic() - struck
        say(f"{what}: two replicas are ready again after {took:.0f} s")
        yield what, took
    _watch(stage, begun + plan.seconds)


def _watch(stage: Stage, until: float) -> None:
    """Waits, while everything goes on. Raises what `check` raises."""
    while time.monotonic() < until:
        stage.cluster.check()
        stage.node.check()
        time.sleep(min(1.0, max(0.0, until - time.monotonic())))


def _revisions(cluster: ControlPlane) -> dict[str, int]:
    return {subject.name: found_in(cluster, subject)["status"]["revision"] for subject in SUBJECTS}


def _diaries(cluster: ControlPlane, subject: Subject) -> list[tally.Diary]:
    return [tally.read_diary(_log(cluster, namespace, pod)) for namespace, pod in subject.pods]


def _has_called(cluster: ControlPlane, namespace: str, pod: str) -> bool:
    return bool(_log(cluster, namespace, pod))


def _log(cluster: ControlPlane, namespace: str, pod: str) -> str:
    return cluster.kubectl("logs", pod, f"--namespace={namespace}")


def _life(control: Control, sha256: str) -> tally.Life:
    state = control.token(sha256)
    if state.created_at is None or state.expires_at is None:
        raise TrialError(f"GitHub does not know the token {sha256[:12]}… (SHA-256) that a consumer held")
    return tally.Life(state.created_at, state.expires_at, state.revoked_at)
