"""Secrets of ClusterGitHubTokens that nobody wants any more, where the API server does not let them go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.cluster import Cluster
from githubtoken_operator.adapters.kubernetes.errors import (
    ApiError,
    Forbidden,
    HookAway,
    Invalid,
    NotFound,
    Unavailable,
)
from githubtoken_operator.domain.runs.decide import RECHECK_DENIED
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.withdrawing import Withdrawing
from githubtoken_operator.tokens.spread.writing import RETRY
from tests.unit.builders import githubtoken


class Refusing(Api):
    """An API server that answers each request with the error."""

    def __init__(self, error: ApiError) -> None:
        self._error = error

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason", "again"),
    [
        pytest.param(Forbidden(403, "no"), reasons.MISSING_PERMISSION, RECHECK_DENIED, id="a missing right"),
        pytest.param(Invalid(422, "no"), reasons.MISSING_PERMISSION, RECHECK_DENIED, id="a policy"),
        pytest.param(HookAway(500, "it hangs"), reasons.PENDING, RECHECK_DENIED, id="a webhook that is away"),
        pytest.param(Unavailable(503, "no"), None, RETRY, id="an API server that has too much to do"),
        pytest.param(NotFound(404, "gone"), None, None, id="it has gone"),
    ],
)
async def test_what_lasts_is_told_and_tried_seldom(
    error: ApiError, reason: str | None, again: timedelta | None
) -> None:
    meta = {"namespace": "team", "name": "pull", "uid": "u", "resourceVersion": "7"}
    found = await Withdrawing(Cluster(Refusing(error)), Known()).each(githubtoken("pull"), [{"metadata": meta}])
    assert ([failure.reason for failure in found[0]], found[1]) == ([reason] if reason else [], again)
