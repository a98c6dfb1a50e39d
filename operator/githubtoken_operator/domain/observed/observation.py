"""Everything that one decision depends on, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Spread
from githubtoken_operator.domain.objects.specs.github_token import NO_FAILURES, Failures, GitHubToken
from githubtoken_operator.domain.observed.own import NOTHING, Own
from githubtoken_operator.domain.vocabulary.errors import RateLimited, TokenError
from githubtoken_operator.domain.vocabulary.model import JSON, Server, Token


@dataclass(frozen=True, slots=True)
class Renewal:
    """When renewal is due, and whether the spec's `renewBefore` had to be ignored."""

    due: datetime
    renew_before_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything one decision depends on, read at one moment.

    `now` is GitHub's time as far as it is known. `issued` is the token that is held, also when its Secret was deleted.
    `spec_hash` is what a token would be obtained for now; None where the App cannot be read. `renewal` is of `issued`,
    None where there is none to come. `trouble` is why no token could be obtained at present: the App or the credential.
    `limit` is a pause that GitHub asked of the App. `last_error` is how the last attempt failed, where this process
    made it. `retry_now` says that something on which that failure depended has changed since. `denied` is what the API
    server does not let the operator read. `unholdable` is why `deletionPolicy: Revoke` cannot be kept here. `server` is
    the GitHub that the App or the spec names, None until the App was seen. `own` is what only the token's kind adds.

    `spread` is set for a ClusterGitHubToken: then `secret` is not, and no namespace's Secret is a `conflict`.
    """

    now: datetime
    token: GitHubToken
    secret: JSON | None
    conflict: str | None = None
    issued: Issued | None = None
    spec_hash: str | None = None
    server: Server | None = None
    renewal: Renewal | None = None
    trouble: TokenError | None = None
    limit: RateLimited | None = None
    last_error: TokenError | None = None
    denied: TokenError | None = None
    unholdable: TokenError | None = None
    retry_now: bool = False
    failures: Failures = NO_FAILURES
    own: Own = NOTHING
    spread: Spread | None = None

    @property
    def due(self) -> datetime | None:
        """When the held token is to be replaced, or looked at again."""
        return self.renewal.due if self.renewal else None

    @property
    def valid(self) -> bool:
        """Whether the held token has neither expired nor been revoked."""
        return self.issued is not None and not self.expired and not self.own.revoked

    @property
    def expired(self) -> bool:
        """Whether the held token's time is over."""
        expires = self.issued.access.expires_at if self.issued else None
        return expires is not None and expires <= self.now

    @property
    def held(self) -> Token | None:
        """The held token itself."""
        return self.issued.access.token if self.issued else None

    @property
    def for_present_spec(self) -> bool:
        """Whether the held token was obtained for what the spec now says, from the GitHub that is now named."""
        return self.issued is not None and self.spec_hash in (None, self.issued.spec_hash) and not self.moved

    @property
    def moved(self) -> bool:
        """Whether the held token is of another GitHub than the one that is now named, which is not to be shown it."""
        return self.elsewhere(self.issued)

    def elsewhere(self, issued: Issued | None) -> bool:
        """The same of a token that may be another."""
        came, web = issued.origin if issued else None, self.token.source.of_web
        return came is not None and self.server is not None and not came.is_at(self.server, web=web)

    @property
    def server_of_token(self) -> Server | None:
        """The GitHub that takes the held token."""
        came = self.issued.origin if self.issued else None
        return came.server if came is not None and (self.server is None or self.moved) else self.server
