from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pythons


def program(path: Path, prints: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_versions_are_read_where_they_are_decided() -> None:
    assert tuple(map(int, pythons.oldest().split("."))) <= sys.version_info[:2]
    assert pythons.shipped() in (pythons.REPOSITORY / "Dockerfile").read_text()


def test_a_python_on_the_path_is_taken_first(tmp_path: Path) -> None:
    wanted = program(tmp_path / "bin" / "python3.99", "3.99")
    program(tmp_path / ".pyenv" / "versions" / "3.99.1" / "bin" / "python3.99", "3.99")
    assert pythons.find("3.99", {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}) == wanted


def test_a_shim_that_runs_nothing_is_passed_over_for_the_newest_of_pyenv(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "python3.99", "pyenv: python3.99: command not found", 127)
    program(tmp_path / "root" / "versions" / "3.99.9" / "bin" / "python3.99", "3.99")
    newest = program(tmp_path / "root" / "versions" / "3.99.10" / "bin" / "python3.99", "3.99")
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path / "root")}
    assert pythons.find("3.99", environ) == newest


def test_without_one_there_is_none(tmp_path: Path) -> None:
    assert pythons.find("3.99", {"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None


def test_an_environment_of_other_packages_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "ENVIRONMENTS", tmp_path)
    (tmp_path / "3.99").mkdir()
    assert pythons.environment("3.99") is None
    (tmp_path / "3.99" / "made-of").write_text("other packages")
    assert pythons.environment("3.99") is None
