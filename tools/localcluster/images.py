"""Images without a registry: a base made of this machine's own Python, and what the Dockerfile builds upon it.

The base holds a shell, the interpreter with its standard library, the libraries that these need, and the certificates
that this machine trusts. So the Dockerfile is built as it is, with the base as its argument. It takes root and Debian's
`buildah`. Images live in a folder, by default in the cache of the tools, where the next build finds its layers again.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from localcluster.build import cache_root
from localcluster.errors import ImagesError

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE: Final = f"localhost/python:{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
_REPOSITORY: Final = Path(__file__).parents[2]
_NOT_NEEDED: Final = ("test", "tests", "idlelib", "tkinter", "turtledemo", "site-packages", "__pycache__", "config-*")
# Wheels for Linux expect these of any machine (PEP 600).
_OF_WHEELS: Final = (
    "libgcc_s.so.1", "libstdc++.so.6", "librt.so.1", "libpthread.so.0", "libdl.so.2", "libutil.so.1", "libresolv.so.2",
)  # fmt: skip
_BUILD_TIMEOUT_SECONDS: Final = 900
_TAIL_LINES: Final = 25


def images() -> Images:
    """The images in the cache."""
    return Images(cache_root(os.environ) / "images")


def why_not() -> str | None:
    """What this machine lacks for building images; None where it lacks nothing."""
    if os.geteuid() != 0:
        return "images are built by root only"
    if shutil.which("buildah") is None:
        return "buildah is missing: apt-get install --no-install-recommends buildah"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "this machine does not let root mount anything"
    return None


class Images:
    """Images in a folder; use it as a context manager, whose end unmounts what buildah leaves mounted there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", self._folder / "storage" / "overlay"], capture_output=True, check=False)

    def buildah(self, *arguments: str | Path) -> str:
        """Runs buildah on this folder's images and returns its output. Raises `ImagesError`."""
        places = ("--root", self._folder / "storage", "--runroot", self._folder / "run")
        result = subprocess.run(
            ["buildah", *places, *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_BUILD_TIMEOUT_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            tail = "\n".join((result.stdout + result.stderr).splitlines()[-_TAIL_LINES:])
            raise ImagesError(f"`buildah {arguments[0]}` ended with exit code {result.returncode}:\n{tail}")
        return result.stdout.strip()

    def make_base(self) -> None:
        """The image `BASE`, of this machine's Python, unless it is there."""
        if BASE in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
            return
        root = self._folder / "base"
        shutil.rmtree(root, ignore_errors=True)
        make_root(root)
        container = self.buildah("from", "scratch")
        self.buildah("add", container, root, "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
        self.buildah("commit", "--rm", container, BASE)
        shutil.rmtree(root)

    def build(self, target: str, tag: str) -> None:
        """One target of the Dockerfile, upon `BASE`."""
        # Another isolation changes the machine's network settings.
        options = ("--layers", "--isolation", "chroot", "--pull-never")
        self.buildah(
            "build", *options, "--target", target, "--build-arg", f"PYTHON_IMAGE={BASE}", "--tag", tag, _REPOSITORY
        )

    def make_pause(self, tag: str) -> None:
        """What holds a pod's namespaces: Debian's static busybox, asleep. It needs nothing of a node's root."""
        busybox = shutil.which("busybox")
        if busybox is None:
            raise ImagesError("busybox is missing: apt-get install --no-install-recommends busybox-static")
        if _libraries([Path(busybox)]):
            raise ImagesError("busybox needs libraries: apt-get install --no-install-recommends busybox-static")
        container = self.buildah("from", "scratch")
        self.buildah("copy", container, busybox, "/busybox")
        self.buildah("config", "--entrypoint", '["/busybox", "sleep", "2147483647"]', container)
        self.buildah("commit", "--rm", container, tag)

    def save(self, tag: str, path: Path) -> None:
        """Writes an image with its name into a file, as `docker save` does."""
        self.buildah("push", tag, f"docker-archive:{path}:{tag}")


def make_root(root: Path) -> None:
    """Fills a folder with what the base has, in the places where the registry's image has it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    programs, library = root / "usr/local/bin", root / "usr/local/lib"
    for folder in (programs, library, root / "bin", root / "etc/ssl/certs", root / "tmp"):
        folder.mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(Path(sys.base_prefix) / "bin" / version, programs / version)
    for name in ("python3", "python"):
        (programs / name).symlink_to(version)
    shutil.copytree(
        sysconfig.get_path("stdlib"), library / version, ignore=shutil.ignore_patterns(*_NOT_NEEDED), symlinks=True
    )
    (library / version / "site-packages").mkdir()
    shutil.copy(Path("/bin/sh").resolve(), root / "bin" / "sh")
    extensions = (library / version / "lib-dynload").glob("*.so")
    for path in _libraries([Path(sys.base_prefix) / "bin" / version, Path("/bin/sh"), *extensions]):
        # What is in the interpreter's own folder must be where the loader looks.
        place = library if path.is_relative_to(sys.base_prefix) and sys.base_prefix != "/usr" else root / "lib64"
        place = root / "lib64" if path.name.startswith("ld-linux") else place
        place.mkdir(exist_ok=True)
        shutil.copy(path, place / path.name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\n/lib64\n")
    subprocess.run(["ldconfig", "-r", root], check=True, capture_output=True)
    trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(trusted, root / "etc/ssl/certs/ca-certificates.crt")
    (root / "etc/pip.conf").write_text(_pip_conf())


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """The shared libraries that these need, and those that wheels expect."""
    found: set[Path] = set()
    for program in programs:
        text = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"(/\S+) \(0x", text)}
    beside = {path.parent for path in found if path.name.startswith("libc.so")}
    found |= {folder / name for folder in beside for name in _OF_WHEELS}
    return {path for path in found if path.exists()}


def _pip_conf() -> str:
    """Where pip finds packages from inside the build: where it does outside."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = f"index-url = {asked.stdout.strip()}\n" if asked.returncode == 0 else ""
    return f"[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n{index}"
