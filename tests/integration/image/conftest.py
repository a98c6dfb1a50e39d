"""The images, built from the Dockerfile, and containers of them as a kubelet would start them.

There is no container runtime here: a container is the image's root in a mount namespace, mounted read-only, entered by
the image's user, with the files that volumes would bring. The network is the machine's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import pytest

from localcluster.images import Images, images, why_not

OPERATOR: Final = "localhost/githubtoken-operator:0.1.0"
SIMULATOR: Final = "localhost/githubtoken-simulator:0.1.0"
USER: Final = 65532
# By its whole name: the PATH is the image's.
_CHROOT: Final = shutil.which("chroot") or "chroot"

# The folders that a runtime mounts, and the volumes; the rest of the root cannot be written.
_ENTER: Final = """
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
for volume in $VOLUMES; do mount -t tmpfs -o mode=0777,size=16m tmpfs "$root$volume"; done
mount -o remount,ro,bind "$root"
exec env -i "$@"
"""


class Container:
    """A container that is not started yet; processes in it share its root."""

    def __init__(self, root: Path, config: Mapping[str, Any]) -> None:
        self.root = root
        self.config = config

    def mount(self, path: str, files: Mapping[str, bytes]) -> None:
        """Puts the files of a volume, such as a Secret's, into a folder."""
        folder = self.root / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)

    def start(
        self,
        arguments: Sequence[str],
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        memory: Sequence[str] = (),
        user: str | None = None,
        log: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Starts the entry point, or another command; `memory` are folders of volumes in memory.

        `user` is `uid:gid` where a cluster gives another one than the image's.
        """
        for folder in ("proc", "dev", *(path.lstrip("/") for path in memory)):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        variables = {**dict(entry.split("=", 1) for entry in self.config["Env"]), **(environment or {})}
        entry = command or self.config["Entrypoint"]
        # What a runtime resolves by the image's PATH, chroot must be told.
        program = self._program(entry[0], variables["PATH"])
        with log.open("ab") if log else nullcontext(subprocess.PIPE) as output:
            return subprocess.Popen(
                [
                    *("unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", _ENTER, "sh", str(self.root)),
                    *(f"{name}={value}" for name, value in variables.items()),
                    *(_CHROOT, f"--userspec={user or self.config['User']}", "--groups=", str(self.root)),
                    *(program, *entry[1:], *arguments),
                ],
                env={**os.environ, "VOLUMES": " ".join(memory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def _program(self, name: str, path: str) -> str:
        if "/" in name:
            return name
        places = (Path(folder) / name for folder in path.split(":"))
        return next(str(place) for place in places if os.path.lexists(self.root / str(place).lstrip("/")))


@pytest.fixture(scope="session")
def built() -> Iterator[Images]:
    """Both images; skipped where the machine cannot build any."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with images() as found:
        found.make_base()
        found.build("operator", OPERATOR)
        found.build("simulator", SIMULATOR)
        yield found


def config(built: Images, tag: str) -> dict[str, Any]:
    """The image's configuration, as the OCI specifies it."""
    inspected: dict[str, Any] = json.loads(built.buildah("inspect", "--type", "image", tag))["OCIv1"]["config"]
    return inspected


@contextmanager
def container(built: Images, tag: str) -> Iterator[Container]:
    """A container of that image; it is removed at the end."""
    with ExitStack() as stack:
        name = built.buildah("from", "--pull-never", tag)
        stack.callback(built.buildah, "rm", name)
        root = Path(built.buildah("mount", name))
        stack.callback(built.buildah, "umount", name)
        yield Container(root, config(built, tag))
