"""Each kind of token that a spec may ask for has its source, and its room in the runs."""

from __future__ import annotations

from typing import get_args

import pytest

from githubtoken_operator.domain.objects.specs.sources import KindName, kind_in
from tests.unit.crd_schema import schema_of
from tests.unit.fakes import World

KINDS: list[str] = schema_of("githubtoken.dev_githubtokens.yaml")["properties"]["kind"]["enum"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_the_crd_is_read_and_run(kind: str) -> None:
    assert kind in World().start().kinds
    assert kind_in({kind.lower(): {}}) == kind


def test_no_kind_is_known_that_the_crd_does_not_show() -> None:
    assert set(get_args(KindName)) == set(KINDS) == World().start().kinds.keys()
