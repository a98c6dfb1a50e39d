"""Clocks of the operator's own, for which libfaketime answers: one that a test sets, and one that need not wait."""

from __future__ import annotations

import time
from pathlib import Path

import pytest


def _library() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


class SettableClock:
    """Starts right, and is set while the monotonic one goes on; `environment` is what the process needs.

    Skips the test where libfaketime is not installed.
    """

    def __init__(self, setting: Path) -> None:
        library = _library()
        if library is None:
            pytest.skip("libfaketime is not installed: `make programs` as root on Debian")
        self._setting = setting
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(setting),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        """So far ahead of the machine's it is from now on."""
        self._setting.write_text(f"{seconds:+d}")


class HurriedClock:
    """All clocks of a process, which a test moves on together instead of waiting; `environment` is what it needs.

    Where libfaketime is not installed the test waits.
    """

    def __init__(self, setting: Path) -> None:
        self._setting = setting
        self._ahead = 0
        library = _library()
        self.environment = (
            {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(setting), "FAKETIME_NO_CACHE": "1"}
            if library
            else {}
        )
        self._setting.write_text("+0")

    def pass_by(self, seconds: int) -> None:
        """So many more have gone by."""
        if not self.environment:
            time.sleep(seconds)
        self._ahead += seconds
        self._setting.write_text(f"{self._ahead:+d}")
