"""kubectl completes the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcluster import Binaries


def test_kubectl_asks_the_plugin_for_proposals(binaries: Binaries, tmp_path: Path) -> None:
    for name, function in (("kubectl-githubtoken", "main"), ("kubectl_complete-githubtoken", "complete_for_kubectl")):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nfrom githubtoken_operator.cli import {function}\n{function}()\n")
        program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [binaries.kubectl, "__complete", "githubtoken", "doct"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "doctor\tLook at the whole installation.\n:4\n", ended.stderr
