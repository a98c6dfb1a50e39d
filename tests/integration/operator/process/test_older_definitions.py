"""A new operator under the definitions of an earlier one, as where `deploy/crds` was not applied with the upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from localcluster import ControlPlane
from tests.conftest import CRDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcluster import Binaries
    from tests.integration.operator.stage.world import World

NEW = ("lastFailureInputs", "permissions", "repositorySelection", "slug")
"""Fields of status that the earlier definitions are made to lack."""


@pytest.fixture(scope="module")
def plane_apart(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("earlier")
    for path in CRDS.glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        for version in crd["spec"]["versions"]:
            for field in NEW:
                version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"].pop(field, None)
        (folder / path.name).write_text(yaml.safe_dump(crd))
    with ControlPlane(binaries, crds=folder) as plane:
        yield plane


def lacking(world: World, field: str) -> int:
    """How often the log says that the definition lacks the field, and what to do."""
    return world.log().count(f"it has no `status.{field}`; apply deploy/crds")


@pytest.mark.both_kinds
def test_tokens_are_had_and_their_status_says_so(apart: World) -> None:
    apart.ready_token()
    apart.annotate("ci", refresh_requested_at="now")
    status = apart.wait_ready("ci", revision=2)["status"]
    assert not status.keys() & set(NEW)
    assert lacking(apart, "repositorySelection") == 1
    assert not apart.status("acme", kind="GitHubApp").keys() & set(NEW)
    assert lacking(apart, "slug") == 1


def test_a_failure_is_told_and_asks_no_more_of_github_than_ever(apart: World) -> None:
    apart.personal_token(f"ghp_{36 * '0'}")
    apart.wait_reason("robot", "AuthenticationFailed")
    apart.settle(5)
    assert len(apart.requests("get_user")) == 1
    assert lacking(apart, "lastFailureInputs") == 1
