"""What the owner of an App lets tokens have: at most these permissions, and only these repositories.

A request beyond a limit is refused before anything is minted, never cut down silently. What a spec leaves open is
filled in from the limit: no `permissions` means all that are allowed, no `repositories` all that are allowed by name.
Logins and names of repositories are compared as GitHub does, without regard to case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import UNLIMITED, Limits

LEVELS: Final = ("read", "write", "admin")
"""From the least to the most."""


def refusal(token: GitHubToken, limits: Limits) -> Terminal | None:
    """Why no token can be had for this spec under these limits, as far as the spec alone shows it."""
    if limits == UNLIMITED:
        return None
    if token.installation is None:
        return _denied(
            f"a {token.kind.lower()} token cannot be held to the App's `maxPermissions` or `allowedRepositories`: use "
            "another App"
        )
    try:
        narrowed(token.installation, limits)
    except Terminal as denied:
        return denied
    return None


def narrowed(
    source: InstallationSource, limits: Limits, account: str | None = None, *, enterprise: bool = False
) -> InstallationSource:
    """What a token is minted for under these limits. Raises `Terminal(PolicyDenied)` where the source exceeds them.

    `account` is the installation's own, once it is known, and `enterprise` says that it is an enterprise's; until then
    it is the one that the source names. Where that is none (there is an `id`), repositories cannot be judged before.
    """
    if limits == UNLIMITED:
        return source
    if limits.repositories is not None and (enterprise or source.enterprise is not None):
        # A slug may be the login of a stranger, and the token acts beyond repositories.
        raise _denied("a token of an enterprise cannot be held to the App's `allowedRepositories`: use another App")
    return replace(
        source,
        permissions=_permissions(source.permissions, limits.permissions),
        repositories=_repositories(source, limits.repositories, account or source.account),
    )


def beyond(names: Sequence[str], limits: Limits) -> Terminal | None:
    """Why a token for these repositories (`owner/name`, as they are called now) exceeds the limits, or None.

    A repository that is asked for by its number may have come to another name or owner than the one that was judged.
    """
    if limits.repositories is None:
        return None
    globs = [_split(glob) for glob in limits.repositories]
    for name in names:
        account, repository = _split(name)
        patterns = [pattern for owner, pattern in globs if owner.lower() == account.lower()]
        if not _matches(repository, patterns):
            allowed = ", ".join(f"`{glob}`" for glob in limits.repositories)
            return _denied(f"the repository is called `{name}` now, which the App does not allow, only {allowed}")
    return None if names else _denied("GitHub does not say what the repository is called now, so it cannot be judged")


def _permissions(
    wanted: tuple[tuple[str, str], ...], most: tuple[tuple[str, str], ...] | None
) -> tuple[tuple[str, str], ...]:
    if most is None:
        return wanted
    if not most:
        # GitHub takes no permissions for all of them.
        raise _denied("the App allows no permissions")
    if not wanted:
        return most
    allowed = dict(most)
    beyond = [
        f"`{name}: {level}`"
        for name, level in wanted
        if name not in allowed or LEVELS.index(level) > LEVELS.index(allowed[name])
    ]
    if beyond:
        limit = ", ".join(f"`{name}: {level}`" for name, level in most)
        raise _denied(f"the App does not allow {', '.join(beyond)}: ask for no more than {limit}")
    return wanted


def _repositories(source: InstallationSource, globs: Sequence[str] | None, account: str | None) -> tuple[str, ...]:
    if globs is None:
        return source.repositories
    if source.repository_ids:
        raise _denied("`repositoryIDs` cannot be held to the App's `allowedRepositories`: give their names instead")
    if account is None:
        return source.repositories
    allowed = ", ".join(f"`{glob}`" for glob in globs)
    patterns = sorted(name for owner, name in map(_split, globs) if owner.lower() == account.lower())
    if not patterns:
        raise _denied(f"the App allows no repository of `{account}`, only {allowed}")
    if source.narrowed_to:
        beyond = [f"`{account}/{name}`" for name in source.narrowed_to if not _matches(name, patterns)]
        if beyond:
            raise _denied(f"the App does not allow {', '.join(beyond)}, only {allowed}")
        return source.repositories
    if any(not pattern.strip("*") for pattern in patterns):
        return ()
    open_ended = [f"`{account}/{pattern}`" for pattern in patterns if "*" in pattern or "?" in pattern]
    if open_ended:
        raise _denied(
            f"the App allows only some repositories of `{account}`, by the pattern {', '.join(open_ended)}: say "
            "in `repositories` which of them are wanted"
        )
    return tuple(patterns)


def _split(glob: str) -> tuple[str, str]:
    owner, _, name = glob.partition("/")
    return owner, name


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _denied(message: str) -> Terminal:
    return Terminal(reasons.POLICY_DENIED, message)
