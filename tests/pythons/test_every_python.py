"""What touches TLS, asyncio and HTTP, on the oldest Python that is supported and on the one in the image.

Tests that are marked `every_python` run here once more, one after the other, in the environments of `make pythons`.
"""

from __future__ import annotations

import os
import subprocess

import pytest

import pythons

# A group is begun before what has none; as one of the last tests of a run it would keep all but one worker waiting.
pytestmark = pytest.mark.xdist_group("pythons")

WITHIN = 900
"""Seconds for all of them on one Python."""
TESTS = pythons.REPOSITORY / "tests"


def marked() -> list[str]:
    """The modules that have such tests: to collect all others as well takes longer than most of these."""
    found = (path for path in TESTS.rglob("test_*.py") if "pytest.mark.every_python" in path.read_text())
    return sorted(str(path.relative_to(pythons.REPOSITORY)) for path in found)


@pytest.mark.timeout(WITHIN + 30)
@pytest.mark.parametrize("version", [pythons.oldest(), pythons.shipped()], ids=["the oldest", "the image's"])
def test_it_holds_on_this_python_too(version: str) -> None:
    if version == pythons.running():
        pytest.skip(f"all of this run is on Python {version}")
    python = pythons.environment(version)
    if python is None:
        pytest.skip(f"there is no environment with Python {version}: run `make pythons`, which says what is missing")
    # What this run and its workers know is not for that one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(
        [python, "-m", "pytest", "-m", "every_python", "--quiet", "-p", "no:cacheprovider", "--color=no", *marked()],
        cwd=pythons.REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    if ended.returncode != 0:
        pytest.fail(f"on Python {version}:\n{ended.stdout[-20_000:]}", pytrace=False)
