"""What the API server's refusals mean to somebody at a terminal: one line that says what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError, Forbidden, NotFound

NO_CRDS: Final = (
    "the CustomResourceDefinitions are not installed in this cluster: "
    "run `githubtoken crds | kubectl apply --server-side -f -`"
)
NOT_ACCEPTED: Final = "the API server does not accept your credentials: sign in to the cluster again, or try --context"


def complaint(error: ApiError) -> str:
    """The line for an error that ends a command."""
    if error.status == HTTPStatus.UNAUTHORIZED:
        return NOT_ACCEPTED
    if error.status == HTTPStatus.NOT_FOUND and not isinstance(error, NotFound):
        # Of a kind that it does not know the API server says in plain text that the page is not there.
        return NO_CRDS
    if isinstance(error, Forbidden):
        return f"{error.message}: ask an administrator for that right"
    return error.message
