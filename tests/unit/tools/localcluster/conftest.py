"""A builder of folders with programs that do nothing but tell a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = {
    "etcd": "etcd Version: {}\nGit SHA: 0123456",
    "kube-apiserver": "Kubernetes v{}",
    "kube-controller-manager": "Kubernetes v{}",
    "kubectl": "Client Version: v{}\nKustomize Version: v5.7.1",
    "go": "go version go{} linux/amd64",
}
FITTING = {
    "etcd": "3.6.4",
    "kube-apiserver": "1.34.4",
    "kube-controller-manager": "1.34.4",
    "kubectl": "1.34.4",
}


class ProgramFolder(Protocol):
    """Makes a folder with programs of these versions, or with `script` as the body of each."""

    def __call__(self, name: str, versions: dict[str, str], script: str | None = None) -> Path: ...


@pytest.fixture
def program_folder(tmp_path: Path) -> ProgramFolder:
    def make(name: str, versions: dict[str, str], script: str | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for program, version in versions.items():
            body = script or f"echo '{ANSWERS[program].format(version)}'"
            path = folder / program
            path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            path.chmod(0o755)
        return folder

    return make


@pytest.fixture
def fitting() -> dict[str, str]:
    """All four programs in versions that fit; a copy to change."""
    return dict(FITTING)
