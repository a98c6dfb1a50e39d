"""Makes the Krew plugin: `dist/krew/githubtoken.tar.gz` and the manifest `dist/krew/githubtoken.yaml`.

The archive has the wheel and a script that lets uv or pipx run it, since a plugin of Krew's is one program and ours is
Python. The manifest names the archive's SHA-256, so both are made in one go; the same wheel makes the same bytes.
https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).parents[1]
ARCHIVE: Final = "githubtoken.tar.gz"
MANIFEST: Final = "githubtoken.yaml"
PROGRAM: Final = "kubectl-githubtoken"
SYSTEMS: Final = ("linux", "darwin")

SCRIPT: Final = """\
#!/bin/sh
# Runs the wheel beside this script by uv or pipx, which keep its environment; the first start takes some seconds.
set -eu
here=$(dirname "$(readlink -f "$0")")
if command -v uv >/dev/null; then
  exec uv tool run --quiet --from "$here/{wheel}" kubectl-githubtoken "$@"
elif command -v pipx >/dev/null; then
  exec pipx run --quiet --spec "$here/{wheel}" kubectl-githubtoken "$@"
fi
echo "Error: kubectl githubtoken needs uv or pipx on the PATH: https://docs.astral.sh/uv/ or https://pipx.pypa.io/" >&2
exit 1
"""


def manifest(version: str, uri: str, digest: str) -> dict[str, Any]:
    """The plugin's manifest."""
    files = [{"from": name, "to": "."} for name in (PROGRAM, "LICENSE", f"*-{version}-*.whl")]
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "githubtoken"},
        "spec": {
            "version": f"v{version}",
            "shortDescription": "Show, renew and sign in GitHubTokens",
            "description": (
                "Shows GitHubTokens and the chain that each hangs in, renews them, signs humans in by device code, and "
                "looks at the whole installation of githubtoken-operator (`kubectl githubtoken doctor`).\n"
            ),
            "caveats": "It is run by uv or pipx: one of them has to be on the PATH.\n",
            "platforms": [
                {
                    "selector": {"matchExpressions": [{"key": "os", "operator": "In", "values": list(SYSTEMS)}]},
                    "uri": uri,
                    "sha256": digest,
                    "files": files,
                    "bin": PROGRAM,
                }
            ],
        },
    }


def archive(wheel: Path) -> bytes:
    """The archive, of the same bytes for the same wheel."""
    texts = {PROGRAM: SCRIPT.format(wheel=wheel.name).encode(), "LICENSE": (REPOSITORY / "LICENSE").read_bytes()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in {**texts, wheel.name: wheel.read_bytes()}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name == PROGRAM else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def make(folder: Path, url: str) -> None:
    """Builds the wheel, and writes both files; `url` is where the archive will be found, without its name."""
    with tempfile.TemporaryDirectory() as made:
        build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={made}", str(REPOSITORY))
        subprocess.run([sys.executable, "-m", "pip", *build], check=True)
        (wheel,) = Path(made).glob("*.whl")
        content = archive(wheel)
        version = wheel.name.split("-")[1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARCHIVE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    text = yaml.safe_dump(manifest(version, f"{url.rstrip('/')}/{ARCHIVE}", digest), sort_keys=False, width=120)
    (folder / MANIFEST).write_text(text)
    print(f"{folder / MANIFEST}: kubectl krew install --manifest={folder / MANIFEST} --archive={folder / ARCHIVE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the Krew plugin.")
    parser.add_argument("--url", required=True, help="where the archive will be, such as https://example.com/v0.1.0")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "dist" / "krew")
    asked = parser.parse_args()
    make(asked.folder, asked.url)
