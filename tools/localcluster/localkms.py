"""local-kms, which stands in for AWS KMS, built from the pin in `tools/localkms`.

A module of its own: only the tests of signers need it. Its own program listens on all addresses of the machine; ours
beside the pin serves the same on a loopback address.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from localcluster.build import MODULE, Recipe, build, built

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_NAME: Final = "local-kms"
_MODULE: Final = MODULE / "localkms"

LOCAL_KMS: Final = Recipe(
    module=_MODULE,
    # Nobody reads the variable: another program is another folder in the cache.
    stamps=lambda _: {"main.source": hashlib.sha256((_MODULE / "main.go").read_bytes()).hexdigest()},
    outputs={_NAME: "."},
    programs=[_NAME],
    usual="a quarter of a minute",
    command="make kms",
)


def locate_local_kms(environ: Mapping[str, str] = os.environ) -> Path:
    """The program that is built already; BinariesError when it has yet to be."""
    return built(environ, LOCAL_KMS) / _NAME


def build_local_kms(*, say: Callable[[str], None]) -> Path:
    """The program, built if need be; `say` gets a line at the start of a build and one a minute."""
    return build(os.environ, say, LOCAL_KMS) / _NAME
