"""The consumers' program, as it runs in their pods."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import certifi

from e2e import consumer
from e2e.tally import read_diary

GITHUB = "https://127.0.0.1:1"


def swap(folder: Path, token: str) -> None:
    """Puts a token there as kubelet does."""
    data = folder / f"..{token}"
    data.mkdir()
    (data / "token").write_text(token)
    new = folder / "..data_tmp"
    new.symlink_to(data.name)
    new.rename(folder / "..data")


def test_it_says_which_token_is_in_the_file_and_what_github_answers_and_never_the_token(tmp_path: Path) -> None:
    swap(tmp_path, "ghs_first")
    (tmp_path / "token").symlink_to("..data/token")
    command = [sys.executable, consumer.__file__, GITHUB, certifi.where(), str(tmp_path / "token")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = [process.stdout.readline(), process.stdout.readline()]
            swap(tmp_path, "ghs_second")
            while sum("status" not in json.loads(line) for line in said) < 2:
                said.append(process.stdout.readline())
        finally:
            process.kill()
    diary = read_diary("".join(said))
    assert [sight.sha256 for sight in diary.sights] == [consumer.sha256("ghs_first"), consumer.sha256("ghs_second")]
    assert diary.calls[0].status == 0
    assert diary.calls[0].at <= time.time()
    assert "ghs_" not in "".join(said)
