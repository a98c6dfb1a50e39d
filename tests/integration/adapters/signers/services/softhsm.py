"""SoftHSM: a PKCS#11 module whose tokens are files."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.integration.adapters.signers.services import materials

TOKEN: Final = "acme"
PIN: Final = "canary-pin-7319"
SO_PIN: Final = "canary-so-pin-5021"
MODULES: Final = (
    *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"),
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
)


@dataclass(frozen=True, slots=True)
class SoftHSM:
    """A token with the keys `app` and `curve`. `configuration` is what `SOFTHSM2_CONF` has to name."""

    module: Path
    configuration: Path
    pin_file: Path

    def add(self, label: str, pem: str, *, number: str) -> None:
        """Imports a key; `number` is its CKA_ID in hexadecimal."""
        file = self.configuration.with_name(f"{label}-{number}.pem")
        file.write_text(pem)
        self.run("--import", str(file), "--token", TOKEN, "--label", label, "--id", number, "--pin", PIN)
        file.unlink()

    def run(self, *arguments: str) -> None:
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}
        subprocess.run(["softhsm2-util", *arguments], env=environment, check=True, capture_output=True)


def make(folder: Path) -> SoftHSM:
    """A token in that folder."""
    module = next((path for path in MODULES if path.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed; run `make programs` as root on Debian")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    pin_file = folder / "pin"
    pin_file.write_text(f"{PIN}\n")
    made = SoftHSM(module, configuration, pin_file)
    made.run("--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", SO_PIN)
    made.add("app", materials.pkcs8(materials.rsa_key()), number="01")
    made.add("curve", materials.pkcs8(materials.ec_key()), number="02")
    return made
