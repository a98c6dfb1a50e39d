"""A clock of the operator's own, which a test sets: libfaketime answers for all of its clocks but the monotonic."""

from __future__ import annotations

from pathlib import Path

import pytest


class SettableClock:
    """Starts right; `environment` is what the process needs. Skips the test where libfaketime is not installed."""

    def __init__(self, setting: Path) -> None:
        library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
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
