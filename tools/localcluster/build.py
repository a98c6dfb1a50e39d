"""Builds the pinned binaries once, into a cache outside the tree.

The cache's key is the content of `go.mod` and `go.sum`, the build's flags and the platform: another pin is another
folder. A folder under its final name is complete: the build goes into a folder beside it that is renamed at the
end, under a lock, so neither an interrupted build nor two at once leave a torn one.

Caveat: the flags below decide what Go can reuse from its own build cache. Linker flags cost a relink, others a
full build.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from localcluster.errors import BinariesError, BuildError
from localcluster.programs import PROGRAMS
from localcluster.toolchain import provide_go

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MODULE = Path(__file__).parents[1]
PROGRESS_INTERVAL_SECONDS = 60.0
_POLL_SECONDS = 0.1
_TAIL_LINES = 25
_KUBERNETES_PIN = re.compile(r"^\s*(?:require )?k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)(?:\s|$)", re.MULTILINE)
_VERSION_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is built from one Go module.

    Attributes:
        module: the folder of `go.mod` and `go.sum`.
        stamps: from the text of `go.mod`, the variables that the linker sets.
        outputs: packages by the name of their program; `tool`, without a name, is everything in the `tool` block.
        renames: programs whose name is not the one that they are known by.
        programs: what the progress line says is being built.
        usual: how long it usually takes, for the same line.
        command: what starts the build again.
    """

    module: Path
    stamps: Callable[[str], Mapping[str, str]]
    outputs: Mapping[str, str]
    programs: Sequence[str]
    usual: str
    command: str
    renames: Mapping[str, str] = field(default_factory=dict)

    def flags(self) -> list[str]:
        """Arguments of `go build`, with the stamps in them."""
        stamps = self.stamps((self.module / "go.mod").read_text(encoding="utf-8"))
        stamped = " ".join(f"-X {variable}={value}" for variable, value in stamps.items())
        return ["-trimpath", "-ldflags", f"-s -w {stamped}"]


def kubernetes_stamps(go_mod: str) -> Mapping[str, str]:
    """The version as the linker sets it, without which `kubectl version` and helm refuse to work."""
    pin = _KUBERNETES_PIN.search(go_mod)
    if pin is None:
        raise BuildError("`go.mod` must require k8s.io/kubernetes in a release version such as v1.37.2")
    return {
        f"{_VERSION_PACKAGE}.gitVersion": pin[1],
        f"{_VERSION_PACKAGE}.gitMajor": pin[2],
        f"{_VERSION_PACKAGE}.gitMinor": pin[3],
        f"{_VERSION_PACKAGE}.gitTreeState": "clean",
        f"{_VERSION_PACKAGE}.buildDate": "1970-01-01T00:00:00Z",
    }


CONTROL_PLANE = Recipe(
    module=MODULE,
    stamps=kubernetes_stamps,
    outputs={"": "tool"},
    # The module that holds etcd's main package is called `server`.
    renames={"server": "etcd"},
    programs=[program.name for program in PROGRAMS],
    usual="about 10 minutes on two cores the first time, seconds when Go's cache is warm",
    command="make tools",
)


def control_plane(module: Path) -> Recipe:
    """The control plane from another module than ours."""
    return replace(CONTROL_PLANE, module=module)


def cache_root(environ: Mapping[str, str]) -> Path:
    """Where everything that is built or downloaded for the tools lives; safe to delete at any time."""
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".cache")
    return Path(base) / "githubtoken-operator" / "tools"


def cache_key(recipe: Recipe = CONTROL_PLANE) -> str:
    """16 hexadecimal digits that change with the pins, the flags and the platform."""
    files = [(recipe.module / name).read_bytes() for name in ("go.mod", "go.sum")]
    parts = [*files, *(flag.encode() for flag in recipe.flags())]
    parts.append(f"{platform.system()}/{platform.machine()}".encode())
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def cached_folder(environ: Mapping[str, str], recipe: Recipe = CONTROL_PLANE) -> Path:
    """The folder that holds the binaries once they are built; it exists only when it is complete."""
    return cache_root(environ) / cache_key(recipe) / "bin"


def built(environ: Mapping[str, str], recipe: Recipe = CONTROL_PLANE) -> Path:
    """The same folder; BinariesError when the binaries have yet to be built."""
    folder = cached_folder(environ, recipe)
    if not folder.exists():
        raise BinariesError(f"{', '.join(recipe.programs)}: not built yet; run `{recipe.command}`")
    return folder


def build(environ: Mapping[str, str], say: Callable[[str], None], recipe: Recipe = CONTROL_PLANE) -> Path:
    """Build what is not built yet and return the folder; BuildError holds the end of the compiler's output."""
    bin_folder = cached_folder(environ, recipe)
    target = bin_folder.parent
    if bin_folder.exists():
        return bin_folder
    with _locked(cache_root(environ) / "lock", say):
        # Another build may have made it meanwhile.
        if bin_folder.exists():
            return bin_folder
        unfinished = target.with_name(f"{target.name}.building")
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "bin").mkdir(parents=True)
        try:
            go = provide_go(environ, cache_root(environ), say)
            for name, package in recipe.outputs.items():
                command = [str(go), "build", *recipe.flags(), "-o", f"{unfinished / 'bin'}{os.sep}{name}", package]
                _compile(command, environ, recipe, unfinished / "output", say)
            for name, known in recipe.renames.items():
                (unfinished / "bin" / name).rename(unfinished / "bin" / known)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return bin_folder


def _compile(
    command: Sequence[str], environ: Mapping[str, str], recipe: Recipe, output: Path, say: Callable[[str], None]
) -> None:
    # A GOFLAGS or a go.work from elsewhere must not change what is built.
    settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    with output.open("wb") as log:
        compiler = subprocess.Popen(
            command, cwd=recipe.module, env={**environ, **settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            exit_code = wait_with_progress(compiler.poll, say, recipe)
        finally:
            # Ctrl-C must not leave a compiler behind that writes into a folder that is gone.
            compiler.terminate()
            compiler.wait()
    if exit_code != 0:
        tail = "\n".join(output.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])
        raise BuildError(
            f"`go build` ended with exit code {exit_code}. Most often the module proxy could not be reached or the "
            "disk is full (Go's caches need about 5 GB). Set KUBEBUILDER_ASSETS to a folder with the binaries, or mend "
            f"it and run `{recipe.command}` again: what is compiled stays compiled. The end of its output:\n{tail}"
        )


def wait_with_progress(
    poll: Callable[[], int | None],
    say: Callable[[str], None],
    recipe: Recipe = CONTROL_PLANE,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait for a process's exit code, with one line at once and one a minute after that."""
    started = clock()
    said = 0
    while (exit_code := poll()) is None:
        elapsed = clock() - started
        if elapsed >= said * PROGRESS_INTERVAL_SECONDS:
            say(progress_line(recipe, elapsed))
            said = int(elapsed // PROGRESS_INTERVAL_SECONDS) + 1
        sleep(_POLL_SECONDS)
    return exit_code


def progress_line(recipe: Recipe, elapsed_seconds: float) -> str:
    """What is being built, for how long by now, and how long it usually takes."""
    minutes = int(elapsed_seconds // 60)
    return f"building {', '.join(recipe.programs)}: {minutes} min so far (usually {recipe.usual})"


@contextmanager
def _locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Closing the file gives the lock back, also when the process dies.
        yield
