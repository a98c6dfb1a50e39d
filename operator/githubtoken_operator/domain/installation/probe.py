"""What a new installation token is asked about before consumers get it, how often, and whether it is honoured.

GitHub's replicas lag: for a moment a new token is answered 401, and a narrowed one is known without its permissions
and answered 403 or without its repositories. So it is asked for what its scope allows: the first of its repositories,
where it has the metadata permission that every permission on repositories brings with it; a token of organisation or
enterprise permissions alone would be refused there for ever, and is asked for the rate limit, which everybody may see.

Source: docs.github.com, "List repositories accessible to the app installation"; octokit/auth-app.js issue 65.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from githubtoken_operator.domain.github.refusals.kept_out import is_kept_out
from githubtoken_operator.domain.github.refusals.limits import app_is_limited
from githubtoken_operator.domain.github.reply import read
from githubtoken_operator.domain.vocabulary.model import Answer

DELAYS: Final = (1.0, 2.0, 3.0, 4.0)
"""Seconds between looks at a new token, ten in all. GitHub's replicas lag by less than a second as a rule."""
TRIED_FOR: Final = timedelta(minutes=1)
"""After that, one that was not published is no new token any more."""
REPOSITORIES: Final = "/installation/repositories?per_page=1"
RATE_LIMIT: Final = "/rate_limit"
"""Counts against no limit. An Enterprise Server without limits answers 404 to it."""

_REFUSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


def path(permissions: Mapping[str, str]) -> str:
    """What a token with these permissions is asked for."""
    return REPOSITORIES if "metadata" in permissions else RATE_LIMIT


def honoured(answer: Answer, *, asked: str, narrowed: bool) -> bool:
    """Whether GitHub honours the token; False where it does not yet, and where nothing is known (a 5xx).

    `narrowed`: it was asked for some repositories, so one at least must be shown. Raises `KeptOut`: that lasts.
    """
    reply = read(answer)
    if app_is_limited(reply) is not None and reply.status != HTTPStatus.UNAUTHORIZED:
        # Whoever is limited is known.
        return True
    if refusal := is_kept_out(reply):
        raise refusal
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status == HTTPStatus.UNAUTHORIZED:
        return False
    if asked == RATE_LIMIT:
        return True
    if reply.status in _REFUSED:
        return False
    count = (reply.document or {}).get("total_count")
    return not narrowed or count != 0
