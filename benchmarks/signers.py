"""What it costs that an App's key is with a service: `python -m benchmarks.signers`. Prints JSON.

How often a service signs for an App that is in use, by the rule alone; what a JWT costs that is signed when it is
wanted (the first one of a process: connection, login by a real TokenReview, signature, public key), one that was signed
ahead, and one by a key in the process, against a real OpenBao on loopback; and the memory that each backend adds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import ROOT, commit_of, machine, say
from githubtoken_operator.adapters.github.jwt import app_bearer, load_private_key
from githubtoken_operator.adapters.signers.backends import BACKENDS, open_signer
from githubtoken_operator.adapters.signers.checked import CheckedSigner
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from githubtoken_operator.domain.apps import signers, web_tokens
from githubtoken_operator.domain.apps.web_tokens import WebToken
from githubtoken_operator.domain.vocabulary.model import App, Server
from localcluster import ControlPlane, locate_or_build
from tests.integration.adapters.signers.services.vaults import Vault, running_vault
from tests.unit.keys import pem

ISSUER: Final = "Iv23bench"
COLD: Final = 30
WARM: Final = 2000
HOURS: Final = 24

_MEMORY: Final = """
import sys, resource
import githubtoken_operator.process.composition.wiring
import psutil
me = psutil.Process()
before = me.memory_info().rss
if sys.argv[1] != "none":
    from githubtoken_operator.adapters.signers.services import {module}
print(me.memory_info().rss - before, me.memory_info().rss)
"""


class Uncounted:
    """An observer that looks away."""

    def signer_request(self, backend: str, code: str, seconds: float) -> None:
        """Nothing."""


def signatures_an_hour() -> float:
    """By the rule, for an App that is in use all day, looked at each second."""
    made: tuple[WebToken, ...] = ()
    count = 0
    for now in range(HOURS * 3600):
        while (begins := web_tokens.wanted(made, now)) is not None:
            made, count = (*web_tokens.living(made, now), WebToken(begins, "v1", "")), count + 1
    return count / HOURS


async def of_openbao(vault: Vault) -> dict[str, float]:
    """Milliseconds until a request has its JWT."""
    key = signers.parse(vault.signer("acme"))
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(COLD):
        remote = remote_key(vault, key)
        started = time.perf_counter()
        await remote.bearer(ISSUER, datetime.now(UTC))
        cold.append(time.perf_counter() - started)
        await remote.aclose()
    remote = remote_key(vault, key)
    await remote.bearer(ISSUER, datetime.now(UTC))
    for _ in range(WARM):
        started = time.perf_counter()
        await remote.bearer(ISSUER, datetime.now(UTC))
        warm.append(time.perf_counter() - started)
    await remote.aclose()
    return {"first": median(cold), "first_worst": round(max(cold) * 1000, 2), "signed_ahead": median(warm)}


async def of_a_key_here() -> dict[str, float]:
    """The same with a private key from a Secret."""
    key = load_private_key(pem("bench").encode())
    first: list[float] = []
    again: list[float] = []
    for number in range(COLD):
        app = App(number + 1, None, Server("https://api.github.com", "https://github.com"), private_key=key)
        for times in (first, again):
            started = time.perf_counter()
            await app_bearer(app, datetime.now(UTC))
            times.append(time.perf_counter() - started)
    return {"first": median(first), "kept": median(again)}


def remote_key(vault: Vault, key: signers.SignerKey) -> RemoteKey:
    """A key as the operator has it for an App."""

    async def connect() -> CheckedSigner:
        opened = await open_signer(key, Surroundings(token_folder=vault.tokens))
        return CheckedSigner(opened, backend="vault", observer=Uncounted())

    def changed() -> None:
        """Nobody is told."""

    return RemoteKey(connect, name="bench", now=lambda: datetime.now(UTC), monotonic=time.monotonic, changed=changed)


def memory() -> dict[str, Any]:
    """Megabytes that importing each backend adds to the operator's process."""
    found: dict[str, Any] = {}
    modules = ((each.name, each.signer.partition(":")[0]) for each in BACKENDS.values())
    for name, module in (("none", "port"), *modules):
        program = [sys.executable, "-c", _MEMORY.format(module=module), name]
        taken = [
            [
                int(number)
                for number in subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
            ]
            for _ in range(3)
        ]
        found[name] = {"added": megabytes([each[0] for each in taken]), "whole": megabytes([each[1] for each in taken])}
    return found


def median(seconds: list[float]) -> float:
    """In milliseconds."""
    return round(statistics.median(seconds) * 1000, 3)


def megabytes(taken: list[int]) -> float:
    """The median."""
    return round(statistics.median(taken) / 1024**2, 1)


def main() -> None:
    """Measures all of it."""
    binaries = locate_or_build(say=say)
    with tempfile.TemporaryDirectory() as folder:
        say("a control plane, and OpenBao")
        with (
            ControlPlane(binaries, crds=ROOT / "deploy" / "crds") as plane,
            running_vault(plane, Path(folder)) as vault,
        ):
            vault.bao.import_key(pem("bench"), "acme")
            say("JWTs")
            jwt = {"openbao": asyncio.run(of_openbao(vault)), "in_process": asyncio.run(of_a_key_here())}
    say("memory")
    result = {
        "commit": commit_of("HEAD"),
        "machine": machine(binaries),
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "signatures_per_app_and_hour": round(signatures_an_hour(), 2),
        "jwt_milliseconds": jwt,
        "import_megabytes": memory(),
        "covered_without_the_service_seconds": timedelta(seconds=web_tokens.SERVES).total_seconds(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
