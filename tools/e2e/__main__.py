"""`python -m e2e [--short] [--json FILE] [--page FILE]`.

Exit codes: 0 when every promise was kept, or where the machine cannot run a node, which is said; 1 when one was not
kept or something did not work, 2 for a wrong flag, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from e2e import report
from e2e.errors import TrialError
from e2e.release import OPERATOR_IMAGE, SIMULATOR_IMAGE
from e2e.trial import FULL, SHORT, run
from github_simulator.control_client import ControlFailedError
from localcluster import LocalClusterError
from localcluster.helm import locate_helm, locate_or_build_helm
from localcluster.images import images
from localcluster.images import why_not as why_no_images
from localcluster.node.binaries import locate_node, locate_or_build_node
from localcluster.node.configuration import PAUSE_IMAGE
from localcluster.node.sandbox import INSIDE, Sandbox
from localcluster.node.sandbox import why_not as why_no_node

_ARCHIVES: Final = {"pause": PAUSE_IMAGE, "operator": OPERATOR_IMAGE, "simulator": SIMULATOR_IMAGE}
_BROKEN: Final = (LocalClusterError, TrialError, ControlFailedError, subprocess.SubprocessError)
_VERSION: Final = re.compile(r"v?(\d+\.\d+\.\d+)")


def main() -> int:
    """Runs the trial; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m e2e", description="Install the chart on a real node, and use tokens while they are renewed."
    )
    parser.add_argument("--short", action="store_true", help="about two minutes of calls instead of eleven")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of the documentation")
    parser.add_argument("--inside", metavar="CGROUP", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    # SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _inside(flags) if flags.inside else _outside(flags)
    except _BROKEN as error:
        _say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _outside(flags: argparse.Namespace) -> int:
    """Builds what is needed, and starts the other half in a sandbox."""
    if (reason := why_no_images() or why_no_node()) is not None:
        _say(f"skipped, since this machine cannot run a node: {reason}")
        return 0
    locate_or_build_node(say=_say)
    locate_or_build_helm(say=_say)
    with Sandbox() as sandbox:
        _say("building the images")
        with images() as found:
            found.make_base()
            found.make_pause(PAUSE_IMAGE)
            found.build("operator", OPERATOR_IMAGE)
            found.build("simulator", SIMULATOR_IMAGE)
            for name, tag in _ARCHIVES.items():
                found.save(tag, sandbox.folder / f"{name}.tar")
        code = sandbox.run([sys.executable, "-m", "e2e", *sys.argv[1:], "--inside", sandbox.cgroup])
        for name, wanted in (("result.json", flags.json), ("page.md", flags.page)):
            if wanted is not None and (sandbox.folder / name).exists():
                shutil.copy(sandbox.folder / name, wanted)
        return code


def _inside(flags: argparse.Namespace) -> int:
    """The trial, in the sandbox; what is written leaves it through its folder."""
    plan = SHORT if flags.short else FULL
    outcome = run(INSIDE, flags.inside, plan, _say)
    _say(f"helm test: {outcome.helm_test}")
    print(f"\n{report.table(outcome.cells)}\n", flush=True)
    print(f"Double spends {outcome.double_spends}, replays {outcome.replays}.", flush=True)
    made = report.Run(datetime.now(UTC).date().isoformat(), os.cpu_count() or 1, versions())
    text = json.dumps(report.document(outcome, plan, made), indent=2)
    (INSIDE / "result.json").write_text(f"{text}\n", encoding="utf-8")
    raw = os.path.relpath(flags.json, flags.page.parent) if flags.json and flags.page else ""
    (INSIDE / "page.md").write_text(report.page(outcome, plan, made, raw), encoding="utf-8")
    for problem in outcome.problems:
        _say(f"NOT KEPT: {problem}")
    return 1 if outcome.problems else 0


def versions() -> dict[str, str]:
    """What it was run with."""
    return {
        "Kubernetes": _version(str(locate_node().kubelet), "--version"),
        "containerd": _version("containerd", "--version"),
        "runc": _version("runc", "--version"),
        "helm": _version(str(locate_helm().helm3), "version", "--short"),
        "Python": platform.python_version(),
        "Linux": platform.release().partition("-")[0],
    }


def _version(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _VERSION.search(said)
    return found[1] if found else said.strip()


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
