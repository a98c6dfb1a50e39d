from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from localcluster import locate, locate_oldest
from localcluster.build import cached_folder
from localcluster.errors import BinariesError
from localcluster.oldest import OLDEST
from localcluster.programs import KUBE_APISERVER

CHART: Final = Path(__file__).parents[4] / "charts" / "githubtoken-operator" / "Chart.yaml"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which a control plane is built, and no oldest API server."""
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "empty")}
    cached_folder(environ).mkdir(parents=True)
    return environ


def test_only_the_api_server_is_of_the_oldest_version(environ: dict[str, str]) -> None:
    folder = cached_folder(environ, OLDEST)
    folder.mkdir(parents=True)
    oldest, newest = locate_oldest(environ), locate(environ)
    assert oldest.kube_apiserver == folder / "kube-apiserver"
    assert (oldest.etcd, oldest.kube_controller_manager, oldest.kubectl) == (
        newest.etcd,
        newest.kube_controller_manager,
        newest.kubectl,
    )


def test_where_it_is_not_built_the_message_says_what_to_do(environ: dict[str, str]) -> None:
    with pytest.raises(BinariesError, match="not built yet; run `make oldest`"):
        locate_oldest(environ)


def test_the_oldest_is_the_one_that_the_chart_asks_for() -> None:
    stamps = OLDEST.stamps((OLDEST.module / "go.mod").read_text())
    pinned = stamps["k8s.io/component-base/version.gitVersion"].rpartition(".")[0]
    assert pinned == f"v{KUBE_APISERVER.at_least}"
    assert yaml.safe_load(CHART.read_text())["kubeVersion"] == f">={KUBE_APISERVER.at_least}.0-0"
