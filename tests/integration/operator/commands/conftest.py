"""What the tests of users' commands share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.operator.stage.cluster import Cluster, new_namespace


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that goes with all that is in it, since some commands look at a whole cluster."""
    with new_namespace(cluster, deleted=True) as name:
        yield name
