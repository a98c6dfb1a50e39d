"""Getting an installation's token: find the installation, mint, and look whether GitHub accepts the token yet.

What a selector means is remembered by GitHub's numbers (`domain.installation.target`), so a name that moved is
followed, before and after a restart alike. Where GitHub refuses what was remembered, it is looked up once more in the
same attempt: an App that was installed again and a repository that has another owner now cost no failed attempt. What
is kept here saves requests only. It is kept by the key that GitHub accepted, never by an id that somebody claims.

Minting never invalidates an earlier token, so an attempt may be repeated at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain.installation import policy
from githubtoken_operator.domain.installation.target import Target
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import App, Installation, InstallationToken
from githubtoken_operator.engine.scheduling.lately import Lately

NAME_SERVES: Final = 300.0
"""Seconds for which what was found by a name serves others that give the same name."""
REFUSAL_SERVES: Final = 5.0
"""Seconds for which a name that means no installation is asked for by nobody else: many that wait need one answer."""
ACCOUNT_SERVES: Final = 86_400.0
"""Seconds after which the name of an installation's account is looked at again, to be shown."""
LIMITED_ACCOUNT_SERVES: Final = 3600.0
"""The same where the App's `allowedRepositories` is held against that name."""
MOST_RENAMED: Final = 20
"""So many names of `repositories` are looked up at most to see which of them were renamed."""

_MOVED: Final = frozenset(
    {reasons.INSTALLATION_NOT_FOUND, reasons.INSTALLATION_SUSPENDED, reasons.REPOSITORY_NOT_ACCESSIBLE}
)
"""Refusals that may be of what was remembered, and not of what the spec now means."""

_Proof = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A target; `fresh` where GitHub was asked for the name in this very attempt."""

    target: Target
    fresh: bool


class InstallationTokens:
    """Mints installation tokens."""

    def __init__(self, github: GitHub, *, verify: bool, monotonic: Callable[[], float]) -> None:
        self._github = github
        self._verify = verify
        self._names: Lately[tuple[_Proof, str], Target] = Lately(monotonic)
        self._refused: Lately[tuple[_Proof, str], str] = Lately(monotonic)
        self._installations: Lately[tuple[_Proof, int], Installation] = Lately(monotonic)

    def number(self, app: App, source: InstallationSource) -> int | None:
        """The installation's number, as far as that was found for the same selector lately."""
        found = self._names.get((app.proof, source.selector), NAME_SERVES)
        return source.id or (found.installation_id if found is not None else None)

    def ask_again(self, app: App, source: InstallationSource) -> None:
        """Somebody wishes it: a refusal from a moment ago is no answer to that."""
        self._refused.drop((app.proof, source.selector))

    async def obtain(
        self, app: App, source: InstallationSource, known: Target | None = None
    ) -> tuple[InstallationToken, Target]:
        """A new token, and where it is from.

        `known` is what the selector was found to mean before. Raises `TokenError`, `PolicyDenied` too.
        """
        found = await self._recall(app, source, known) or await self._look_up(app, source, known)
        try:
            minted = await self._mint(app, source, found.target)
        except Terminal as error:
            if error.reason not in _MOVED:
                raise
            minted, found = await self._mint_moved(app, source, found, error)
        return minted, _seen_in(minted, source, found.target)

    async def is_accepted(
        self, app: App, source: InstallationSource, target: Target, minted: InstallationToken
    ) -> bool:
        """Whether GitHub is seen to accept a token, or need not be. Raises as `GitHub.probe` does."""
        return not self._verify or await self._github.probe(
            app,
            minted.access.token,
            installation_id=target.installation_id,
            permissions=minted.permissions,
            narrowed=bool(source.narrowed_to or source.repository_ids or minted.repositories),
        )

    # --- Finding -----------------------------------------------------------------------------------------------------

    async def _recall(self, app: App, source: InstallationSource, known: Target | None) -> _Found | None:
        """What was known, with the present name of its account; None where GitHub does not know the number any more."""
        if known is None:
            return None
        key = app.proof, known.installation_id
        life = ACCOUNT_SERVES if app.limits.repositories is None else LIMITED_ACCOUNT_SERVES
        installation = self._installations.get(key, life)
        if installation is None:
            try:
                installation = await self._github.find_installation(app, InstallationSource(id=known.installation_id))
            except Terminal as error:
                if error.reason not in _MOVED or source.id is not None:
                    raise
                return None
            self._installations.put(key, installation)
        now = replace(known, account=installation.account, enterprise=installation.enterprise)
        return _Found(now, fresh=source.id is not None)

    async def _look_up(self, app: App, source: InstallationSource, known: Target | None) -> _Found:
        """By the repository's number where it is known, else by what the spec says."""
        if known is not None and known.repository_id is not None:
            by_number = await self._by_number(app, source, known.repository_id)
            if by_number is not None:
                return by_number
        key = app.proof, source.selector
        if (target := self._names.get(key, NAME_SERVES)) is not None:
            return _Found(target, fresh=False)
        if (refused := self._refused.get(key, REFUSAL_SERVES)) is not None:
            raise Terminal(reasons.INSTALLATION_NOT_FOUND, refused)
        try:
            found = await self._github.find_installation(app, source)
        except Terminal as error:
            if error.reason == reasons.INSTALLATION_NOT_FOUND:
                self._refused.put(key, error.message)
            if known is None or known.repository_id is None or error.reason != reasons.INSTALLATION_NOT_FOUND:
                raise
            hint = (
                f"It had access to repository {known.repository_id} before: if that has another owner now, install it"
            )
            raise Terminal(error.reason, f"{error.message} {hint} there.") from error
        target = _target(app, source, found, found.repository_id)
        self._names.put(key, target)
        self._installations.put((key[0], found.id), found)
        return _Found(target, fresh=True)

    async def _by_number(self, app: App, source: InstallationSource, number: int) -> _Found | None:
        try:
            found = await self._github.find_installation(app, source, repository_id=number)
        except Terminal as error:
            if error.reason != reasons.INSTALLATION_NOT_FOUND:
                raise
            # It was deleted, or the App is not installed where it went: the name may have come to mean another.
            return None
        self._installations.put((app.proof, found.id), found)
        return _Found(_target(app, source, found, number), fresh=True)

    async def _renamed(self, app: App, source: InstallationSource, target: Target) -> dict[str, int]:
        """Numbers of those `repositories` that GitHub redirects to another name of the same installation."""
        numbers: dict[str, int] = {}
        for name in source.repositories[:MOST_RENAMED]:
            try:
                called = InstallationSource(repository=f"{target.account}/{name}")
                found = await self._github.find_installation(app, called)
            except Terminal:
                continue
            if found.repository_id is not None and found.id == target.installation_id:
                numbers[name] = found.repository_id
        return numbers

    # --- Minting -----------------------------------------------------------------------------------------------------

    async def _mint_moved(
        self, app: App, source: InstallationSource, found: _Found, refused: Terminal
    ) -> tuple[InstallationToken, _Found]:
        """Mints once more for what the spec means by now. Raises `refused` where that is the same."""
        if not found.fresh:
            self._names.drop((app.proof, source.selector))
            self._installations.drop((app.proof, found.target.installation_id))
            again = await self._look_up(app, source, found.target)
            if _numbers(again.target) != _numbers(found.target):
                return await self._mint(app, source, again.target), again
            found = again
        if refused.reason == reasons.REPOSITORY_NOT_ACCESSIBLE:
            numbers = await self._renamed(app, source, found.target)
            if numbers:
                return await self._mint_renamed(app, source, found.target, numbers), found
        raise refused

    async def _mint(self, app: App, source: InstallationSource, target: Target) -> InstallationToken:
        wanted = policy.narrowed(source, app.limits, target.account, enterprise=target.enterprise)
        if not source.repository or target.repository_id is None:
            return await self._create(app, wanted, target, names=wanted.narrowed_to, ids=wanted.repository_ids)
        return await self._admitted(app, await self._create(app, wanted, target, ids=(target.repository_id,)))

    async def _mint_renamed(
        self, app: App, source: InstallationSource, target: Target, numbers: Mapping[str, int]
    ) -> InstallationToken:
        """For a list of names of which some have these numbers and other names by now.

        GitHub does not say that it takes names and numbers at once, so a token for the numbers tells their names.
        """
        wanted = policy.narrowed(source, app.limits, target.account, enterprise=target.enterprise)
        minted = await self._admitted(app, await self._create(app, wanted, target, ids=tuple(numbers.values())))
        if len(numbers) == len(wanted.repositories):
            return minted
        await self._github.revoke_installation_token(app, minted.access.token)
        called = {each.id: each.full_name.partition("/")[2] for each in minted.repositories}
        names = tuple(called.get(numbers[name], name) if name in numbers else name for name in wanted.repositories)
        return await self._create(app, wanted, target, names=names)

    async def _create(
        self,
        app: App,
        wanted: InstallationSource,
        target: Target,
        *,
        names: tuple[str, ...] = (),
        ids: tuple[int, ...] = (),
    ) -> InstallationToken:
        return await self._github.create_installation_token(
            app, target.installation_id, repositories=names, repository_ids=ids, permissions=dict(wanted.permissions)
        )

    async def _admitted(self, app: App, minted: InstallationToken) -> InstallationToken:
        """The token, which was asked for by numbers, unless its repositories are called what the App does not allow."""
        denied = policy.beyond([each.full_name for each in minted.repositories], app.limits)
        if denied is None:
            return minted
        await self._github.revoke_installation_token(app, minted.access.token)
        raise denied


def _target(app: App, source: InstallationSource, found: Installation, repository_id: int | None) -> Target:
    return Target(
        app.server.api_host, source.selector, found.id, found.account, repository_id, enterprise=found.enterprise
    )


def _numbers(target: Target) -> tuple[int, int | None]:
    return target.installation_id, target.repository_id


def _seen_in(minted: InstallationToken, source: InstallationSource, target: Target) -> Target:
    """The same with what the answer says of the one repository that the token is for."""
    if source.repository is None or len(minted.repositories) != 1:
        return target
    repository = minted.repositories[0]
    account = repository.full_name.partition("/")[0]
    return replace(target, account=account, repository_id=repository.id, repository=repository.full_name)
