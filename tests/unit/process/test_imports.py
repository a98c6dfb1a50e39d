"""What the operator's process does not import, though a library that it uses would."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from githubtoken_operator.process import imports

pytestmark = pytest.mark.every_python

IMPORTED = """
import sys
from githubtoken_operator.process import imports
imports.leave_out()
import githubtoken_operator.process.serve, githubtoken_operator.cli
print(*sorted(name for name, module in sys.modules.items() if module is not None))
"""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    ended = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    "library",
    [
        "kubernetes.client",
        "kubernetes.config",
        "kubernetes.dynamic",
        "kubernetes.stream",
        "kubernetes.aio.dynamic",
        "kubernetes.aio.stream",
        "kubernetes_validate",
        "jsonschema",
        "oauthlib",
        "pydantic",
        "requests",
        "rich",
        "websocket",
        "githubtoken_operator.commands.listing",
        "githubtoken_operator.commands.cluster.session",
        "githubtoken_operator.commands.doctor",
    ],
)
def test_the_process_does_without(library: str, imported: set[str]) -> None:
    assert library not in imported


@pytest.mark.parametrize("library", ["kopf", "kubernetes.aio", "kubernetes.aio.client", "httpx", "prometheus_client"])
def test_the_process_has_what_it_uses(library: str, imported: set[str]) -> None:
    assert library in imported


def test_both_commands_begin_with_it() -> None:
    code = (
        "import sys; sys.argv = ['githubtoken', 'version']\n"
        "from githubtoken_operator.__main__ import main\n"
        "try: main()\n"
        "finally: print('rich' in sys.modules and sys.modules['rich'] is None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "True"


def test_imports_are_not_disturbed_by_looks_for_garbage_which_begin_again_afterwards() -> None:
    with imports.undisturbed():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), imports.undisturbed():
        raise ImportError
    assert gc.isenabled()
