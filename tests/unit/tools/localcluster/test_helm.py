from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcluster.errors import BinariesError, BuildError
from localcluster.helm import HELM, helm_stamps, locate_helm

if TYPE_CHECKING:
    from pathlib import Path

GO_MOD = """module tools/helm
require (
	helm.sh/helm/v3 v3.19.5 // indirect
	helm.sh/helm/v4 v4.0.5 // indirect
	k8s.io/client-go v0.34.4 // indirect
)
"""


def test_helm_knows_its_version_and_that_of_kubernetes() -> None:
    stamps = helm_stamps(GO_MOD)
    assert stamps["helm.sh/helm/v3/internal/version.version"] == "v3.19.5"
    assert stamps["helm.sh/helm/v4/internal/version.version"] == "v4.0.5"
    assert stamps["helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor"] == "34"
    assert stamps["helm.sh/helm/v4/pkg/chart/common.k8sVersionMinor"] == "34"


@pytest.mark.parametrize("missing", ["helm.sh/helm/v3", "helm.sh/helm/v4", "k8s.io/client-go"])
def test_a_pin_that_is_no_release_is_refused(missing: str) -> None:
    with pytest.raises(BuildError, match=f"must require {missing} in a release version"):
        helm_stamps(GO_MOD.replace(f"{missing} v", f"{missing} v0-"))


def test_our_pins_give_stamps() -> None:
    assert any("internal/version.version=v3." in flag for flag in HELM.flags())


def test_where_helm_is_not_built_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BinariesError, match="run `make helm`"):
        locate_helm({"XDG_CACHE_HOME": str(tmp_path)})
