"""The API server of the oldest Kubernetes that is supported, built from the pin in `tools/oldest`.

A module of its own, as helm's: its pin must not rebuild the control plane. Only the API server is of that version. The
others are those that `localcluster.binaries` finds, which is no pair for production, but what is asked of this control
plane is only what its API server answers.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from localcluster.binaries import Binaries, locate
from localcluster.build import MODULE, Recipe, build, built, kubernetes_stamps
from localcluster.programs import KUBE_APISERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

OLDEST: Final = Recipe(
    module=MODULE / "oldest",
    stamps=kubernetes_stamps,
    outputs={"": "tool"},
    programs=["the oldest supported kube-apiserver"],
    usual="about 5 minutes on two cores the first time, seconds when Go's cache is warm",
    command="make oldest",
)


def locate_oldest(environ: Mapping[str, str] = os.environ) -> Binaries:
    """The binaries of `locate`, with the oldest API server; BinariesError when something has yet to be built."""
    return replace(locate(environ), kube_apiserver=built(environ, OLDEST) / KUBE_APISERVER.name)


def build_oldest(*, say: Callable[[str], None]) -> Path:
    """The API server, built if need be; `say` gets a line at the start of a build and one a minute."""
    return build(os.environ, say, OLDEST) / KUBE_APISERVER.name
