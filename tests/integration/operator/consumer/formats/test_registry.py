"""A real registry with a password, and skopeo as its client: `.dockerconfigjson`."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from localcluster.launch import free_ports

if TYPE_CHECKING:
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

STARTS_WITHIN = 30.0


@contextmanager
def registry(pod: Pod, folder: Path, password: str) -> Iterator[str]:
    """A registry that takes one password; its `http://127.0.0.1:PORT`."""
    folder.mkdir()
    accounts = folder / "htpasswd"
    accounts.write_text(pod.output("htpasswd", "-niB", "x-access-token", stdin=password))
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "registry", "path": str(accounts)}},
        "log": {"accesslog": {"disabled": True}},
    }
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        command = ["docker-registry", "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, env=dict(pod.environment), stdout=log, stderr=log)
    try:
        _wait(f"http://{address}/v2/", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            assert answer.status_code == 401, "it must ask for a password"
            return
    raise AssertionError(f"the registry did not start: exit code {process.poll()}")


def image(folder: Path) -> Path:
    """An image of one file, as a folder in OCI's layout."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("hello"))
    layer = store(gzip.compress(packed.getvalue(), mtime=0), "layer.v1.tar+gzip")
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(packed.getvalue()).hexdigest()}"]}
    config = store(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
    manifest = store(json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode(), "manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def test_skopeo_pushes_and_pulls_with_the_secret_as_its_auth_file(
    world: World, pod: Pod, needs: Callable[..., None], tmp_path: Path
) -> None:
    """The registry stands in for ghcr.io as the client's proxy: it answers to that very name."""
    needs("docker-registry", "skopeo", "htpasswd")
    world.secret("my-pat", {"token": world.made_by_hand(scopes=["read:packages"])})
    source = {"secretRef": {"name": "my-pat"}, "apiURL": world.simulator.api_url, "webURL": "https://github.com"}
    world.token("ci", {"personal": source, "secret": {"formats": ["DockerConfigJSON"]}})
    world.wait_ready()
    data = pod.mount(world, "ci")
    (pod.home / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    oci, name = image(pod.home / "image"), "docker://ghcr.io/acme/website:1"
    with registry(pod, tmp_path / "registry", data["token"]) as url:
        env: dict[str, str | Path] = {
            "HTTP_PROXY": url,
            "HTTPS_PROXY": url,
            "REGISTRY_AUTH_FILE": pod.home / ".dockerconfigjson",
        }
        skopeo = ("skopeo", "--policy", pod.home / "policy.json")
        pod.output(*skopeo, "copy", "--quiet", "--dest-tls-verify=false", f"oci:{oci}", name, env=env)
        tags = json.loads(pod.output(*skopeo, "list-tags", "--tls-verify=false", name.removesuffix(":1"), env=env))
        assert tags["Tags"] == ["1"]
        pod.output(*skopeo, "copy", "--quiet", "--src-tls-verify=false", name, f"dir:{pod.home / 'pulled'}", env=env)
        (pod.home / "nothing").write_text("{}")
        without = {**env, "REGISTRY_AUTH_FILE": "nothing"}
        refused = pod.run(*skopeo, "inspect", "--tls-verify=false", name, env=without)
        assert refused.returncode != 0
        assert "unauthorized" in refused.stderr or "authentication required" in refused.stderr
