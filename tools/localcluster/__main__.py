"""`python -m localcluster build|path|oldest|helm|kms|node|up`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from localcluster.binaries import Binaries, locate, locate_or_build
from localcluster.controlplane import ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.helm import locate_or_build_helm
from localcluster.localkms import build_local_kms
from localcluster.node.binaries import locate_or_build_node
from localcluster.oldest import build_oldest

_CHECK_INTERVAL_SECONDS = 1.0


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="localcluster", description="A real Kubernetes control plane on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the binaries unless they are there, and print where they are")
    commands.add_parser("path", help="print where the binaries are; fails when they have yet to be built")
    commands.add_parser("oldest", help="build the oldest supported kube-apiserver, and print where it is")
    commands.add_parser("helm", help="build helm unless it is there, and print where it is")
    commands.add_parser("kms", help="build local-kms unless it is there, and print where it is")
    commands.add_parser("node", help="build a node's programs and their control plane, and print where they are")
    up = commands.add_parser("up", help="start a control plane and keep it until Ctrl-C")
    up.add_argument("--crds", type=Path, help="file or folder of CustomResourceDefinitions to install")
    arguments = parser.parse_args()
    try:
        if arguments.command == "path":
            _print_paths(locate())
        elif arguments.command == "build":
            _print_paths(locate_or_build(say=_say))
        elif arguments.command == "oldest":
            print(build_oldest(say=_say).parent)
        elif arguments.command == "helm":
            print(locate_or_build_helm(say=_say).helm3.parent)
        elif arguments.command == "kms":
            print(build_local_kms(say=_say).parent)
        elif arguments.command == "node":
            print(locate_or_build_node(say=_say).kubelet.parent)
        else:
            _up(locate_or_build(say=_say), arguments.crds)
    except LocalClusterError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _up(binaries: Binaries, crds: Path | None) -> None:
    # SIGTERM ends it as Ctrl-C does, which a shell's background job is born to ignore.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with ControlPlane(binaries, crds=crds) as cluster:
        try:
            print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
            _say(f"ready at {cluster.server}; logs in {cluster.folder}; Ctrl-C ends it and removes everything")
            while True:
                cluster.check()
                time.sleep(_CHECK_INTERVAL_SECONDS)
        except KeyboardInterrupt:
            _say("stopping")


def _print_paths(binaries: Binaries) -> None:
    """The folders that hold the binaries; one, unless they come from different places."""
    paths = (binaries.etcd, binaries.kube_apiserver, binaries.kube_controller_manager, binaries.kubectl)
    for folder in dict.fromkeys(path.parent for path in paths):
        print(folder)


def _say(line: str) -> None:
    print(f"localcluster: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
