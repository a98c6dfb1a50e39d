"""A place for a node that leaves nothing behind: namespaces of its own for network, mounts and processes.

Whatever runs in it is gone when its first process is, by whatever way that ended: the kernel kills the rest, and takes
mounts and network down with them. What remains are a folder and the node's cgroups; both are removed here, or by
`localcluster.guard` where the starter was killed. (A starter that is killed within the milliseconds in which its first
process begins can leave that behind.)

The network has no way out and changes nothing of the machine's. Nor do containerd and kubelet, some of whose folders
have fixed names: /run is empty inside, and what is written to /var/lib, /var/log and /opt is gone with the rest. It
takes root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from localcluster.errors import NodeError
from localcluster.node.binaries import missing_packages
from localcluster.process import Guard

if TYPE_CHECKING:
    from collections.abc import Sequence

CGROUPS: Final = Path("/sys/fs/cgroup")
INSIDE: Final = Path("/run/sandbox")
"""Where the folder is inside: a name that is short enough for the paths of sockets."""
# The kernel kills it with the thread that started it, from before the guard knows of it.
_TIED: Final = ("setpriv", "--pdeathsig", "KILL")
_UNSHARE: Final = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_ENTER: Final = """
folder=$1 inside=$2
shift 2
mount -t tmpfs tmpfs /run
mkdir "$inside"
mount --bind "$folder" "$inside"
for place in /var/lib /var/log /opt; do
    written=/run/written$place
    mkdir -p "$written/upper" "$written/work" "$place"
    mount -t overlay -o "lowerdir=$place,upperdir=$written/upper,workdir=$written/work" overlay "$place"
done
exec "$@"
"""
_CGROUPS_GONE_WITHIN: Final = 10.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def why_not() -> str | None:
    """What this machine lacks for a node; None where it lacks nothing."""
    if os.geteuid() != 0:
        return "a node is run by root only"
    if missing := missing_packages():
        return f"a node needs more of Debian: apt-get install --no-install-recommends {' '.join(missing)}"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(_entering(Path(folder), "true"), capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"this machine does not let root make namespaces and mount in them: {tried.stderr.strip()}"
    try:
        for hierarchy in _hierarchies():
            probe = Path(tempfile.mkdtemp(prefix="localcluster-probe-", dir=hierarchy))
            probe.rmdir()
    except OSError as error:
        return f"this machine does not let root make cgroups: {error}"
    return None


class Sandbox:
    """A folder, cgroups and a first process in namespaces of its own; use it as a context manager.

    Attributes:
        folder: for what must be there before the start, and what is to be had from it afterwards; inside it is `INSIDE`
            and `TMPDIR`.
        cgroup: the name of the node's cgroups.
    """

    def __init__(self) -> None:
        self.folder = Path()
        self.cgroup = f"localcluster-{secrets.token_hex(4)}"
        self._guard: Guard | None = None

    def __enter__(self) -> Self:
        self._guard = Guard()
        self.folder = Path(tempfile.mkdtemp(prefix="localcluster-node-"))
        self._guard.add_folder(self.folder)
        try:
            for folder in self._cgroups():
                self._guard.add_folder(folder)
                _make_cgroup(folder)
        except OSError as error:
            self.__exit__(None, None, None)
            raise NodeError(f"the node's cgroups could not be made: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        deadline = time.monotonic() + _CGROUPS_GONE_WITHIN
        # A cgroup can be removed once the kernel has taken its last process away.
        while (left := [folder for folder in self._cgroups() if folder.exists()]) and time.monotonic() < deadline:
            for folder in left:
                # Its files cannot be removed, and go with the folder.
                shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.05)
        if self._guard is not None:
            self._guard.close()

    def run(self, command: Sequence[str]) -> int:
        """Runs the command as the first process, and returns its exit code; passes Ctrl-C, SIGTERM and SIGHUP on."""
        if self._guard is None:
            raise NodeError("the sandbox must be entered first")
        process = subprocess.Popen(
            _entering(self.folder, *command),
            env={**os.environ, "TMPDIR": str(INSIDE)},
            stdin=subprocess.DEVNULL,
            # A terminal's Ctrl-C reaches it once, from here.
            start_new_session=True,
        )
        self._guard.add_process(process.pid)
        kept = {number: signal.signal(number, lambda given, _frame: _pass_on(process, given)) for number in _SIGNALS}
        try:
            return process.wait()
        finally:
            process.kill()
            process.wait()
            for number, handler in kept.items():
                signal.signal(number, handler)

    def _cgroups(self) -> list[Path]:
        return [hierarchy / self.cgroup for hierarchy in _hierarchies()]


def _entering(folder: Path, *command: str) -> list[str]:
    """The command in namespaces of its own, with the folder at `INSIDE`."""
    return [*_TIED, *_UNSHARE, "sh", "-e", "-c", _ENTER, "sh", str(folder), str(INSIDE), *command]


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    """Sends a signal to the first process, the only child of `unshare`."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    if not children:
        # It has not begun.
        process.terminate()
    for child in children:
        os.kill(int(child), number)


def _hierarchies() -> list[Path]:
    """The root of cgroup v2, or the roots of v1's controllers, beside which there may be one of v2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    roots = (folder for folder in sorted(CGROUPS.glob("*")) if not folder.is_symlink())
    return [root for root in roots if any((root / name).exists() for name in ("tasks", "cgroup.controllers"))]


def _make_cgroup(folder: Path) -> None:
    folder.mkdir()
    # In v1 a new cgroup has no processors and no memory, and takes no process before it has.
    for name in ("cpuset.cpus", "cpuset.mems"):
        above = folder.parent / name
        if above.exists() and (given := above.read_text(encoding="ascii").strip()):
            (folder / name).write_text(given, encoding="ascii")
    # In v2 the kubelet wants every controller in it that the root has.
    if folder.parent == CGROUPS:
        for controller in (CGROUPS / "cgroup.controllers").read_text(encoding="ascii").split():
            (CGROUPS / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
