"""What a request to GitHub looks like: its path, headers and form. Names are checked before they stand in a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from githubtoken_operator.adapters.github.sending import LARGEST_PAIR, REFRESH_READ_LIMIT, Call
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import App

API_VERSION: Final = "2022-11-28"
"""The version that every GHES knows; what we use of it is the same in 2026-03-10."""
_OWNER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


def oauth(app: App, operation: str, path: str, form: Mapping[str, str]) -> Call:
    """A request to the web host on a connection of its own, whose answer may be the only copy of a pair."""
    if app.client_id is None:
        raise Terminal(reasons.APP_NOT_READY, "User tokens need the App's client id: set `spec.clientID` of the App.")
    return Call(
        server=app.server,
        operation=operation,
        method="POST",
        url=app.server.web_url + path,
        headers={
            "accept": "application/json",
            "connection": "close",
            "content-type": "application/x-www-form-urlencoded",
        },
        body=urlencode({"client_id": app.client_id, **form}).encode(),
        read_limit=REFRESH_READ_LIMIT,
        largest=LARGEST_PAIR,
        pool_limit=None,
    )


def headers(authorization: str | None) -> dict[str, str]:
    """Of a request to the REST API."""
    plain = {"accept": "application/vnd.github+json", "x-github-api-version": API_VERSION}
    return plain if authorization is None else {**plain, "authorization": authorization}


def installation_path(source: InstallationSource, repository_id: int | None) -> tuple[str, str]:
    """The path that finds the installation, and the words for where it was looked for."""
    repository, owner, enterprise = source.repository, source.owner, source.enterprise
    if repository_id is not None:
        # What GitHub itself redirects to.
        return f"/repositories/{int(repository_id)}/installation", f"on {repository or int(repository_id)}"
    if source.id is not None:
        return f"/app/installations/{int(source.id)}", f"with the id {int(source.id)}"
    if repository is not None:
        account, _, name = repository.partition("/")
        _check(_OWNER, account, "`spec.installation.repository` must be `owner/name`")
        _check(_REPOSITORY, name, "`spec.installation.repository` must be `owner/name`")
        return f"/repos/{account}/{name}/installation", f"on {repository}"
    if owner is not None:
        _check(_OWNER, owner, "`spec.installation.owner` must be the name of a user or an organisation")
        # Of organisations too: GitHub's users and organisations share one namespace.
        return f"/users/{owner}/installation", f"on {owner}"
    if enterprise is not None:
        _check(_OWNER, enterprise, "`spec.installation.enterprise` must be the slug of an enterprise")
        return f"/enterprises/{enterprise}/installation", f"on the enterprise {enterprise}"
    raise Terminal(
        reasons.INVALID_SPEC, "`spec.installation` must have one of `id`, `owner`, `repository` and `enterprise`."
    )


def check_repository(name: str) -> None:
    """Raises `Terminal` for what is no repository's name without its owner."""
    _check(_REPOSITORY, name, "`spec.installation.repositories` must be names without owner")


def _check(pattern: re.Pattern[str], name: str, must: str) -> None:
    if not pattern.fullmatch(name) or name in {".", ".."}:
        raise Terminal(
            reasons.INVALID_SPEC, f"{must}, of letters, digits, `-`, `_` and, in a repository's name, `.`, not `..`."
        )
