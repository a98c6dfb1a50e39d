"""The programs that the formats are for, with nothing but what a pod would have: the keys of the Secret as files.

They come from Debian (`make programs`). A test whose program is missing is skipped with a word of how to get it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pod:
    """A folder to which Secrets are mounted, and programs that see nothing of this machine's own settings."""

    home: Path
    environment: Mapping[str, str]

    def mount(self, world: World, name: str) -> dict[str, str]:
        """Writes each key of the Secret as a file, as kubelet does; the files cannot be written."""
        data = world.data(name)
        for key, text in data.items():
            path = self.home / key
            path.write_text(text)
            path.chmod(0o400)
        return data

    def mount_read_only(self, world: World, name: str) -> Path:
        """The Secret as kubelet mounts it: links through `..data` into a folder that nobody can write, root neither.

        Only programs of `run_mounted` see the folder read-only; it takes root, as a container's mounts do.
        """
        if os.geteuid() != 0:
            pytest.skip("a read-only mount takes root")
        folder = self.home / "mount"
        files = folder / "..2026_01_01_00_00_00.1"
        files.mkdir(parents=True)
        (folder / "..data").symlink_to(files.name)
        for key, text in world.data(name).items():
            (files / key).write_text(text)
            (folder / key).symlink_to(Path("..data", key))
        return folder

    def run_mounted(
        self, folder: Path, *command: str | Path, env: Mapping[str, str | Path] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program that sees `folder` as a read-only mount."""
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        return self.run("unshare", "--mount", "sh", "-c", mount, folder, *command, env=env)

    def run(
        self, *command: str | Path, stdin: str = "", env: Mapping[str, str | Path] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end, whatever that is; `env` is added to its environment."""
        extra = {name: str(value) for name, value in (env or {}).items()}
        return subprocess.run(  # noqa: PLW1510 - the caller looks at the end
            [str(part) for part in command],
            cwd=self.home,
            env={**self.environment, **extra},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def output(self, *command: str | Path, stdin: str = "", env: Mapping[str, str | Path] | None = None) -> str:
        """What a program that ends well prints."""
        done = self.run(*command, stdin=stdin, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    return Pod(home, environment)


@pytest.fixture
def needs() -> Callable[..., None]:
    """Skips the test where one of the programs is missing."""

    def check(*programs: str) -> None:
        missing = [program for program in programs if shutil.which(program) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)} is missing: run `make programs` as root on Debian, or install it")

    return check
