"""Every command of every page is judged by the real program, in a shell that knows no others than those named here.

What is applied is applied on the real API server, as a dry run; what is read is read there; of other commands the real
program says whether it knows them with these flags. Some run here in full elsewhere: `test_tutorial`, and the tests of
the chart, of the image and of the formats.
"""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from localcluster.helm import locate_helm
from tests.integration.docs import pages
from tests.integration.docs.pages import REPOSITORY, Block, typed
from tests.unit.keys import pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcluster import Binaries, ControlPlane

Shell = Callable[[str], list[dict[str, Any]]]
SHIM: Final = Path(__file__).with_name("shim.py")
PLAIN: Final = (
    "base64",
    "cat",
    "cp",
    "cut",
    "date",
    "echo",
    "grep",
    "head",
    "mkdir",
    "mv",
    "od",
    "rm",
    "sed",
    "sleep",
    "tail",
    "tr",
)
"""Programs of every system: they run as they are, in a folder of their own."""
JUDGED: Final = (
    "kubectl", "kubectl-githubtoken", "githubtoken", "helm", "make", "git", "gh", "curl", "jq", "openssl", "docker",
    "skopeo", "buildah", "promtool", "python", "python3",
)  # fmt: skip
_CLOUD: Final = "the cloud is not here: tests/integration/adapters/signers has what stands in for it"
EXCEPTIONS: Final = {
    "uv tool install": "it would change the machine: tests/unit/tools/test_krew.py runs `uv tool run` with the wheel",
    "kubectl krew": "Krew is a plugin that is not here: its manifest is held by tests/unit/tools/test_krew.py",
    "python -m localcluster up": "the tests' own control plane is started by the same code",
    "bao": "tests/integration/adapters/signers/test_vault.py types the whole of it, at a real OpenBao",
    "aws": _CLOUD,
    "gcloud": _CLOUD,
    "az": _CLOUD,
    "openssl pkeyutl": "what it encrypts with comes from a cloud: test_key_import.py gives it a key",
    "softhsm2-util": "it asks for a PIN: tests/integration/adapters/signers imports keys by it",
    "shred": "the key is another block's too",
    "kubectl get cght": "what is of no namespace is not made for the pages: test_cluster_token_commands.py reads it",
    "docker push": "there is no registry; the images are built and run in tests/integration/image",
}
"""What only its shell reads, by how it begins, and why."""
FILES: Final = {
    "import.json": '{"PublicKey": "eA==", "ImportToken": "eA=="}',
    "THE-DOWNLOADED-FILE.pem": "a key",
    "acme-app.pem": "a key",
    "acme.private-key.pem": pem(),
    "PIN-FILE": "a PIN",
    "app.json": '{"private_key": "a key"}',
    "ca.pem": "a certificate",
    "with-extra-objects.yaml": "{}",
}
"""What a reader has by then."""
NAMES: Final = {
    "githubtoken-system": "{namespace}",
    "NAMESPACE": "{namespace}",
    "SECRET": "ci",
    "NAME": "ci",
    "REGISTRY": "registry.example.com",
    "NUMBER": "1",
    "timeoutSeconds=90": "timeoutSeconds=1",
}
"""What a reader replaces; the last is a watch that a reader has the time to look at."""
WRONG: Final = "{apiVersion: githubtoken.dev/v1alpha1, kind: GitHubToken, metadata: {name: x}, spec: {wrong: 1}}"
OBJECTS: Final = """
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubToken
metadata: {name: ci}
spec: {appRef: {name: acme}, installation: {owner: acme}}
---
apiVersion: v1
kind: Secret
metadata: {name: ci}
data: {token: eA==}
---
apiVersion: v1
kind: Secret
metadata: {name: ci-token}
data: {token: eA==}
---
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubToken
metadata: {name: alice}
spec: {appRef: {name: acme}, user: {deviceFlow: {}}}
---
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubApp
metadata: {name: acme}
spec: {appID: 1, privateKeySecretRef: {name: acme-app}}
---
apiVersion: githubtoken.dev/v1alpha1
kind: GitHubToken
metadata: {name: ghcr}
spec: {personal: {secretRef: {name: robot-pat}}}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: githubtoken-operator}
"""
COMMANDS: Final = pages.of("console", "sh", "bash", "shell")


@functools.cache
def programs(kubectl: Path) -> Mapping[str, str | None]:
    """The real programs. One that is not on this machine leaves its commands to the shell alone."""
    own = {
        "kubectl": str(kubectl),
        "helm": str(locate_helm().helm4),
        "python": sys.executable,
        "python3": sys.executable,
    }
    scripts = Path(sys.executable).parent
    found = {name: own.get(name) or shutil.which(name, path=f"{scripts}:{os.environ['PATH']}") for name in JUDGED}
    return found | dict.fromkeys((name.split()[0] for name in EXCEPTIONS if name.split()[0] not in found), None)


def as_a_reader_types(text: str, namespace: str) -> str:
    """The text with what a reader replaces, and with programs found by their names."""
    for word, value in NAMES.items():
        text = re.sub(rf"\b{word}\b", value.format(namespace=namespace), text)
    return text.replace(".venv/bin/", "")


def excepted(line: str) -> bool:
    return any(re.search(rf"(^|[|;&] *){re.escape(beginning)}\b", line) for beginning in EXCEPTIONS)


@pytest.fixture(scope="module")
def of_the_pages(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace with the objects of which the pages speak; nothing in it is ever changed."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    control_plane.kubectl("apply", f"--namespace={name}", "--filename=-", stdin=OBJECTS)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def shell(
    control_plane: ControlPlane, binaries: Binaries, of_the_pages: str, tmp_path_factory: pytest.TempPathFactory
) -> Shell:
    """Runs a script, and returns what its programs said of it."""
    real, namespace, tmp_path = programs(binaries.kubectl), of_the_pages, tmp_path_factory.mktemp("reader")
    folder, calls, work = tmp_path / "bin", tmp_path / "calls", tmp_path / "work"
    for each in (folder, work, tmp_path / "zsh", tmp_path / ".config/fish/completions"):
        each.mkdir(parents=True)
    (tmp_path / ".local/share/bash-completion/completions").mkdir(parents=True)
    for name in real:
        (folder / name).write_text(
            f"#!/bin/sh\nexec {sys.executable} -c \"import sys; sys.argv[0] = '{name}'; "
            f'exec(open(\'{SHIM}\').read())" "$@"\n'
        )
        (folder / name).chmod(0o755)
    for name in PLAIN:
        (folder / name).symlink_to(shutil.which(name) or "/bin/false")
    for entry in REPOSITORY.iterdir():
        if not entry.name.startswith("."):
            (work / entry.name).symlink_to(entry)
    for name, text in FILES.items():
        (work / name).write_text(text)
    (rivals,) = (block.text for block in pages.of("yaml") if block.text.startswith("# external-secrets.yaml"))
    (work / "external-secrets.yaml").write_text(
        rivals.replace("namespace: team", f"namespace: {namespace}").replace("{name: ci,", "{name: build,")
    )
    kubeconfig = tmp_path / "kubeconfig"
    shutil.copy(control_plane.kubeconfig, kubeconfig)
    control_plane.kubectl("config", "set-context", "--current", f"--namespace={namespace}", kubeconfig=kubeconfig)

    def run(script: str) -> list[dict[str, Any]]:
        environment = {
            "PATH": str(folder),
            "HOME": str(tmp_path),
            "KUBECONFIG": str(kubeconfig),
            "DOCS_CALLS": str(calls),
            "DOCS_PROGRAMS": json.dumps(real),
            "DOCS_NAMESPACE": namespace,
            "DOCS_REPOSITORY": str(REPOSITORY),
            # No program here reaches anything but loopback.
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "NO_PROXY": "127.0.0.1",
            "GH_TOKEN": "none",
        }
        calls.write_text("")
        prelude = f'fpath=(x "{tmp_path}/zsh"); command_not_found_handle() {{ echo "unknown: $1" >&2; }}\n'
        done = subprocess.run(
            ["/bin/bash", "-c", prelude + script],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        unknown = re.findall(r"^unknown: .*|.*(?:syntax error|unexpected EOF).*", done.stderr, re.MULTILINE)
        assert unknown == [], f"{unknown}: give the program its place in {Path(__file__).name}"
        return [json.loads(line) for line in calls.read_text().splitlines()]

    return run


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_what_a_page_tells_to_type_is_what_the_programs_take(block: Block, of_the_pages: str, shell: Shell) -> None:
    text = typed(block.text) if block.language == "console" else block.text
    assert text, "nothing is typed: begin what is with `$ `, or give the block another language"
    script = as_a_reader_types(text, of_the_pages)
    kept = "\n".join(line for line in script.splitlines() if not excepted(line))
    assert [call["error"] for call in shell(kept) if call["error"]] == []


def test_each_exception_is_used() -> None:
    lines = [line.replace(".venv/bin/", "") for block in COMMANDS for line in block.text.splitlines()]
    assert [name for name in EXCEPTIONS if not any(name in line for line in lines)] == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("kubectl get ght --wrong", "unknown flag"),
        ("kubectl get nothing-of-that", "resource type"),
        ("helm install x charts/githubtoken-operator --set image.repositori=x", "additional properties"),
        ("githubtoken list --wrong", "No such option"),
        ("make nothing-of-that", "No rule"),
        (f"kubectl apply -f - <<EOF\n{WRONG}\nEOF", "unknown field"),
    ],
)
def test_a_command_that_is_wrong_is_found(script: str, says: str, shell: Shell) -> None:
    (error,) = (call["error"] for call in shell(script) if call["error"])
    assert says in error


def test_a_program_without_a_place_is_found(shell: Shell) -> None:
    with pytest.raises(AssertionError, match="unknown: frobnicate"):
        shell("echo x | frobnicate")
