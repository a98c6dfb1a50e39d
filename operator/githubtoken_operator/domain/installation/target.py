"""What a spec's selector was found to mean, by GitHub's numbers.

Names move: repositories are renamed and transferred, accounts are renamed, and an App is uninstalled and installed
again. GitHub's numbers of installations and repositories stay, and its redirects lead from earlier names to them, but
only until somebody takes such a name for something else. So the numbers are kept in `status.installation`, where a
process finds after a restart what it knew before, and the names are what GitHub now calls them.

They count for the selector and the host that they were found for and for nothing else: a changed spec is looked up
anew. Only the operator writes status; what is in it is nevertheless shown to GitHub by the App's own key, which accepts
a number of its own installations only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary.model import JSON, App, Server

FIELD: Final = "installation"
"""Of `status`."""
GIVEN_UP: Final = "They expire within an hour of their issue"
"""What is said of tokens that were not revoked at the end of their GitHubToken."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where tokens for a selector come from; what is not known is None.

    `account` is the present login of the installation's account, `repository` the present full name of the one that
    `spec.installation.repository` means. `enterprise`: the account is one, which status need not say.
    """

    host: str
    selector: str
    installation_id: int
    account: str
    repository_id: int | None = None
    repository: str | None = None
    enterprise: bool = False

    @property
    def place(self) -> dict[str, Any]:
        """What status keeps of it; the account has a field of its own."""
        found = {
            "host": self.host,
            "selector": self.selector,
            "id": self.installation_id,
            "repositoryID": self.repository_id,
            "repository": self.repository,
        }
        return {FIELD: {name: value for name, value in found.items() if value is not None}}


def remembered(status: JSON) -> Target | None:
    """What status says; None where it says nothing that can be used."""
    found = status.get(FIELD)
    if not isinstance(found, Mapping) or not {"host", "selector", "id"} <= found.keys():
        return None
    return Target(
        host=found["host"],
        selector=found["selector"],
        installation_id=found["id"],
        account=status.get("account", ""),
        repository_id=found.get("repositoryID"),
        repository=found.get("repository"),
    )


def known(status: JSON, source: InstallationSource, server: Server) -> Target | None:
    """What status says of this selector on this host."""
    target = remembered(status)
    matches = target is not None and (target.selector, target.host) == (source.selector, server.api_host)
    return target if matches else None


def path(token: GitHubToken, server: Server | None) -> str | None:
    """Where what the token is for is, below GitHub's web URL, by its present name where that is known.

    None where the spec gives only a number.
    """
    source = token.installation
    if source is None:
        return None
    target = known(token.status, source, server) if server is not None else None
    if target is None:
        return source.path
    if source.repository:
        return target.repository or source.repository
    return target.account or source.owner if source.owner else None


def not_revoked(why: str) -> str:
    """Words for the event at the end of a GitHubToken, where a token that is there is shown to nobody."""
    return f"a token is not revoked: {why}. It expires within an hour of its issue"


def left_elsewhere(token: GitHubToken, app: App) -> str | None:
    """Why a token whose Secret does not say where it came from is not shown to the App's GitHub."""
    of = remembered(token.status)
    if of is None or origin.same_host(f"//{of.host}", app.server.api_url):
        return None
    return f"it is of `{of.host}`, and the App's `spec.apiURL` is another host by now, which can revoke nothing there"
