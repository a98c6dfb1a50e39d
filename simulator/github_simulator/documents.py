"""The JSON documents that the REST API answers with, complete as GitHub's published schemas require.

Source: GitHub's OpenAPI description, schemas `integration`, `installation`, `installation-token`, `authorization`,
`simple-user`, `private-user`, `repository` and `full-repository`, in the versions 2022-11-28 and 2026-03-10.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from github_simulator.clock import iso8601
from github_simulator.installations import with_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from github_simulator.model import AccessToken, Account, App, Installation, Repository

OLD_VERSION = "2022-11-28"
NEW_VERSION = "2026-03-10"

_USER_PATHS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_PATHS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


@dataclass(frozen=True)
class Documents:
    """Renders the state; `api_url` and `web_url` are the addresses under which clients see this GitHub."""

    api_url: str
    web_url: str

    @cached_property
    def _web_host(self) -> str:
        return self.web_url.partition("://")[2]

    def user(self, account: Account) -> dict[str, Any]:
        """Schema `simple-user`."""
        url = f"{self.api_url}/users/{account.login}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": _node_id("User", account.id),
            "avatar_url": f"{self.web_url}/avatars/u/{account.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web_url}/{account.login}",
            **{name: url + path for name, path in _USER_PATHS.items()},
            "type": account.type,
            "user_view_type": "public",
            "site_admin": False,
        }

    def private_user(self, account: Account) -> dict[str, Any]:
        """Schema `private-user`: what `GET /user` shows of oneself."""
        at = iso8601(account.created_at)
        nothing = dict.fromkeys(
            ("name", "company", "location", "email", "hireable", "bio", "twitter_username", "notification_email")
        )
        counts = dict.fromkeys(
            (
                "public_repos",
                "public_gists",
                "followers",
                "following",
                "private_gists",
                "total_private_repos",
                "owned_private_repos",
                "disk_usage",
                "collaborators",
            ),
            0,
        )
        return {
            **self.user(account),
            **nothing,
            **counts,
            "blog": "",
            "created_at": at,
            "updated_at": at,
            "two_factor_authentication": True,
        }

    def enterprise(self, account: Account) -> dict[str, Any]:
        """Schema `enterprise`: it has a slug where others have a login."""
        at = iso8601(account.created_at)
        return {
            "id": account.id,
            "slug": account.login,
            "name": account.login,
            "node_id": _node_id("Enterprise", account.id),
            "html_url": f"{self.web_url}/enterprises/{account.login}",
            "avatar_url": f"{self.web_url}/avatars/b/{account.id}",
            "created_at": at,
            "updated_at": at,
        }

    def app(self, app: App, *, installations: int) -> dict[str, Any]:
        """Schema `integration`."""
        at = iso8601(app.created_at)
        return {
            "id": app.id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": _node_id("Integration", app.id),
            "owner": self.user(app.owner),
            "name": app.slug,
            "description": None,
            "external_url": f"{self.web_url}/{app.owner.login}",
            "html_url": f"{self.web_url}/apps/{app.slug}",
            "created_at": at,
            "updated_at": at,
            "permissions": with_metadata(app.permissions),
            "events": [],
            "installations_count": installations,
        }

    def installation(self, installation: Installation) -> dict[str, Any]:
        """Schema `installation`."""
        account, suspended_at = installation.account, installation.suspended_at
        return {
            "id": installation.id,
            "client_id": installation.app.client_id,
            "account": self.enterprise(account) if account.type == "Enterprise" else self.user(account),
            "repository_selection": installation.repository_selection,
            "access_tokens_url": f"{self.api_url}/app/installations/{installation.id}/access_tokens",
            "repositories_url": f"{self.api_url}/installation/repositories",
            "html_url": f"{self.web_url}/organizations/{account.login}/settings/installations/{installation.id}",
            "app_id": installation.app.id,
            "app_slug": installation.app.slug,
            "target_id": account.id,
            "target_type": account.type,
            "permissions": with_metadata(installation.permissions),
            "events": [],
            "created_at": iso8601(installation.created_at),
            "updated_at": iso8601(installation.updated_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None if suspended_at is None else self.user(account),
            "suspended_at": None if suspended_at is None else iso8601(suspended_at),
        }

    def installation_token(
        self, value: str, token: AccessToken, repositories: Sequence[Repository] | None, *, version: str
    ) -> dict[str, Any]:
        """Schema `installation-token`; the repositories are listed only where the token was narrowed to them."""
        if token.installation is None or token.expires_at is None:
            raise ValueError("`token` must be an installation's")
        answer: dict[str, Any] = {
            "token": value,
            "expires_at": iso8601(token.expires_at),
            "permissions": token.permissions,
            "repository_selection": token.installation.repository_selection if repositories is None else "selected",
        }
        if repositories is not None:
            answer["repositories"] = [self.repository(repository, version=version) for repository in repositories]
        return answer

    def authorization(self, value: str, token: AccessToken) -> dict[str, Any]:
        """Schema `authorization`, for a user token whose value the client has just presented or is just given."""
        at, app = iso8601(token.created_at), token.app
        if token.sign_in is None:
            raise ValueError("`token` must be a user's")
        return {
            "id": token.id,
            "url": f"{self.api_url}/authorizations/{token.id}",
            "app": {"name": app.slug, "url": f"{self.web_url}/apps/{app.slug}", "client_id": app.client_id},
            "token": value,
            "hashed_token": token.sha256,
            "token_last_eight": token.last_eight,
            "note": None,
            "note_url": None,
            "created_at": at,
            "updated_at": at,
            "scopes": list(token.sign_in.scopes),
            "fingerprint": None,
            "expires_at": None if token.expires_at is None else iso8601(token.expires_at),
            "user": self.user(token.sign_in.user),
        }

    def repository(self, repository: Repository, *, version: str) -> dict[str, Any]:
        """Schema `repository`."""
        url = f"{self.api_url}/repos/{repository.full_name}"
        at, html_url = iso8601(repository.created_at), f"{self.web_url}/{repository.full_name}"
        answer: dict[str, Any] = {
            "id": repository.id,
            "node_id": _node_id("Repository", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "owner": self.user(repository.owner),
            "private": repository.private,
            "visibility": "private" if repository.private else "public",
            "html_url": html_url,
            "description": None,
            "url": url,
            **{name: url + path for name, path in _REPOSITORY_PATHS.items()},
            "clone_url": f"{html_url}.git",
            "svn_url": html_url,
            "git_url": f"git://{self._web_host}/{repository.full_name}.git",
            "ssh_url": f"git@{self._web_host}:{repository.full_name}.git",
            **dict.fromkeys(("mirror_url", "homepage", "language", "license")),
            **dict.fromkeys(("forks_count", "stargazers_count", "watchers_count", "size", "open_issues_count"), 0),
            **dict.fromkeys(("forks", "open_issues", "watchers"), 0),
            **dict.fromkeys(("fork", "is_template", "has_pages", "has_discussions", "archived", "disabled"), False),
            **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "allow_forking"), True),
            "web_commit_signoff_required": False,
            "topics": [],
            "default_branch": "main",
            "pushed_at": at,
            "created_at": at,
            "updated_at": at,
        }
        if version == OLD_VERSION:
            answer["has_downloads"] = True
        return answer

    def full_repository(self, repository: Repository, *, version: str) -> dict[str, Any]:
        """Schema `full-repository`."""
        answer = {**self.repository(repository, version=version), "subscribers_count": 0, "network_count": 0}
        if repository.owner.type == "Organization":
            answer["organization"] = self.user(repository.owner)
        return answer


def _node_id(kind: str, number: int) -> str:
    return base64.b64encode(f"{len(kind):02}:{kind}{number}".encode()).decode()
