"""local-kms is built on its own, and anew where its program changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localcluster.build import cached_folder
from localcluster.errors import BinariesError
from localcluster.localkms import LOCAL_KMS, locate_local_kms

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_where_it_was_built(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    folder = cached_folder(environ, LOCAL_KMS)
    folder.mkdir(parents=True)
    assert locate_local_kms(environ) == folder / "local-kms"


def test_where_it_is_not_built_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="not built yet; run `make kms`"):
        locate_local_kms({"XDG_CACHE_HOME": str(tmp_path)})


def test_another_program_is_another_folder() -> None:
    other = replace(LOCAL_KMS, stamps=lambda _: {"main.source": "other"})
    assert cached_folder({"HOME": "/h"}, LOCAL_KMS) != cached_folder({"HOME": "/h"}, other)
