"""Each refusal of the API server is one line that says what to do."""

from __future__ import annotations

import pytest

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, NotFound, Unavailable
from githubtoken_operator.commands.cluster.session import NO_CRDS, NOT_ACCEPTED, complaint

MAY_NOT = 'githubtokens.githubtoken.dev is forbidden: User "eve" cannot list resource "githubtokens"'


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(Unavailable(401, "Unauthorized"), NOT_ACCEPTED, id="credentials that are not accepted"),
        pytest.param(Unavailable(404, "the answer is not JSON"), NO_CRDS, id="a kind that is not served"),
        pytest.param(NotFound(404, 'githubtokens "ci" not found'), 'githubtokens "ci" not found', id="an object"),
        pytest.param(Forbidden(403, MAY_NOT), f"{MAY_NOT}: ask an administrator for that right", id="a right"),
        pytest.param(
            Unavailable(0, "the API server cannot be reached at https://c"),
            "the API server cannot be reached at https://c",
            id="no answer",
        ),
    ],
)
def test_a_refusal_is_put_into_words(error: ApiError, line: str) -> None:
    assert complaint(error) == line
