"""What each service that signs adds to the operator's process: memory and the time of its import and first signature.

Each is measured in a process of its own that has imported the operator before, as an operator has when the first App
names the service. local-kms, SoftHSM and the tests' stand-ins answer, on loopback. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psutil

REPOSITORY: Final = Path(__file__).resolve().parents[1]
ROUNDS: Final = 3
SIGNATURES: Final = 50


def main() -> None:
    """Runs the benchmark; with `--one`, the measured process."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--output", type=Path, help="also write the JSON to this file")
    options.add_argument("--one", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        print(json.dumps(asyncio.run(measure(json.loads(chosen.one)))))
        return
    result = json.dumps(run(), indent=2)
    print(result)
    if chosen.output:
        chosen.output.write_text(result + "\n")


def run() -> dict[str, Any]:
    """The median of some rounds for each service."""
    sys.path.insert(0, str(REPOSITORY))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        signers = _services(Path(folder), stack)
        found = {name: [_round(signer) for _ in range(ROUNDS)] for name, signer in signers.items()}
    backends = {
        name: {key: round(statistics.median(each[key] for each in rounds), 2) for key in rounds[0]}
        for name, rounds in found.items()
    }
    return {"python": sys.version.split()[0], "rounds": ROUNDS, "signatures": SIGNATURES, "backends": backends}


async def measure(asked: dict[str, Any]) -> dict[str, float]:
    """Memory in MB beyond the operator's own, times in milliseconds."""
    import_module("githubtoken_operator.process.composition.wiring")
    from githubtoken_operator.adapters.signers.backends import open_signer  # noqa: PLC0415 - measured from here on
    from githubtoken_operator.adapters.signers.port import Surroundings  # noqa: PLC0415 - the same
    from githubtoken_operator.domain.apps import signers  # noqa: PLC0415 - the same

    surroundings = Surroundings(**{name: Path(path) for name, path in asked["surroundings"].items()})
    key = signers.parse(asked["signer"])
    process = psutil.Process()
    before, started = process.memory_info().rss, time.perf_counter()
    signer = await open_signer(key, surroundings)
    opened, imported = time.perf_counter(), process.memory_info().rss
    await signer.sign(b"x")
    first = time.perf_counter()
    times = []
    for _ in range(SIGNATURES):
        began = time.perf_counter()
        await signer.sign(b"x")
        times.append(time.perf_counter() - began)
    after = process.memory_info().rss
    await signer.aclose()
    return {
        "operator_mb": before / 1e6,
        "import_mb": (imported - before) / 1e6,
        "in_use_mb": (after - before) / 1e6,
        "import_ms": (opened - started) * 1e3,
        "first_signature_ms": (first - opened) * 1e3,
        "signature_ms": statistics.median(times) * 1e3,
    }


def _round(asked: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", json.dumps(asked)]
    done = subprocess.run(
        command, env={**os.environ, **asked["environment"]}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _services(folder: Path, stack: ExitStack) -> dict[str, dict[str, Any]]:
    """For each service `spec.signer`, and what the operator's pod has there."""
    from tests.integration.adapters.signers.conftest import (  # noqa: PLC0415 - the same
        TOKEN,
        azure_environment,
        google_environment,
        make_certificates,
    )
    from tests.integration.adapters.signers.services import amazon, google_cloud, softhsm  # noqa: PLC0415 - from the repository's root
    from tests.integration.adapters.signers.services.azure_cloud import Azure  # noqa: PLC0415 - the same
    from tests.integration.adapters.signers.services.google_cloud import GoogleCloud  # noqa: PLC0415 - the same

    (folder / "token").write_text(TOKEN)
    hsm = softhsm.make(folder)
    authority, tls = make_certificates(folder)
    google, azure = stack.enter_context(GoogleCloud()), stack.enter_context(Azure(tls))
    aws = stack.enter_context(amazon.local_kms(folder))
    own = {"token_folder": str(folder)}
    return {
        "awsKMS": {
            "signer": {"awsKMS": {"keyID": "alias/acme", "region": amazon.REGION, "endpointURL": aws}},
            "surroundings": own,
            "environment": dict(amazon.CREDENTIALS),
        },
        "gcpKMS": {
            "signer": {"gcpKMS": {"keyVersion": google_cloud.VERSION}},
            "surroundings": own,
            "environment": google_environment(google),
        },
        "azureKeyVault": {
            "signer": {"azureKeyVault": {"vaultURL": azure.url, "key": "acme"}},
            "surroundings": {**own, "ca_file": str(authority)},
            "environment": azure_environment(azure, folder / "token"),
        },
        "pkcs11": {
            "signer": {"pkcs11": {"tokenLabel": softhsm.TOKEN, "keyLabel": "app"}},
            "surroundings": {**own, "pkcs11_module": str(hsm.module), "pkcs11_pin_file": str(hsm.pin_file)},
            "environment": {"SOFTHSM2_CONF": str(hsm.configuration)},
        },
    }


if __name__ == "__main__":
    main()
