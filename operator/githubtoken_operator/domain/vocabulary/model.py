"""The values that everything else speaks of: tokens, Apps, selectors.

A `Token` never shows itself: `repr`, `str` and f-strings print a mask, and only `reveal()` gives the text.
All times are aware datetimes in UTC.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from githubtoken_operator.domain.vocabulary.certificates import CABundle


class Token:
    """A secret text: an access token, a refresh token, a client secret."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for a request or a Secret and nothing else."""
        return self._text

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256, by which tokens are compared."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def sha256_base64(self) -> str:
        """Base64 SHA-256: what GitHub's audit log shows as `hashed_token`."""
        return b64encode(hashlib.sha256(self._text.encode()).digest()).decode()

    def __repr__(self) -> str:
        return "Token(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token with what GitHub said of it; the properties of PyGithub's class of that name.

    `created` is the answer's `Date` header, so a clock that is off does not move the expiry.
    What is absent in the answer is None.
    """

    token: Token
    type: str
    created: datetime
    scope: str = ""
    expires_at: datetime | None = None
    refresh_token: Token | None = None
    refresh_expires_at: datetime | None = None

    @property
    def expires_in(self) -> int | None:
        """Seconds that it lives in all; None where it does not expire."""
        return self._seconds_until(self.expires_at)

    @property
    def refresh_expires_in(self) -> int | None:
        """The same of the refresh token."""
        return self._seconds_until(self.refresh_expires_at)

    def _seconds_until(self, end: datetime | None) -> int | None:
        return int((end - self.created).total_seconds()) if end else None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository by its number, and as it is called now: `owner/name`."""

    id: int
    full_name: str


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """An installation's access token, and what it was really granted; `repositories` are those it is narrowed to."""

    access: AccessToken
    permissions: Mapping[str, str]
    repository_selection: str | None
    repositories: tuple[Repository, ...] = ()


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an App is installed: the installation's id and its account's login, or slug where it is an enterprise.

    `repository_id` is the number of the repository that it was found by, where GitHub has told it: by a redirect from
    an earlier name.
    """

    id: int
    account: str
    enterprise: bool = False
    repository_id: int | None = None


@dataclass(frozen=True, slots=True)
class AppInfo:
    """What `GET /app` says of an App."""

    slug: str
    owner: str
    client_id: str | None
    permissions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PersonalTokenInfo:
    """What GitHub says of a personal token that it accepts, `at` that time.

    `scope` is empty for a fine-grained token; `expires_at` is None for a token that does not expire. `unclear`: what
    was said of its expiry cannot be, so nothing is known of it.
    """

    login: str
    at: datetime
    scope: str = ""
    expires_at: datetime | None = None
    unclear: bool = False


class PrivateKey(Protocol):
    """A parsed RSA key."""

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` of the public key, as GitHub's settings page shows it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an App's tokens may have: `maxPermissions` and `allowedRepositories`. None is no limit."""

    permissions: tuple[tuple[str, str], ...] | None = None
    repositories: tuple[str, ...] | None = None


UNLIMITED: Final = Limits()


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What is shown to a server that demands a certificate: a chain and its private key in PEM."""

    digest: str
    pem: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A GitHub to talk to: github.com, a subdomain of ghe.com, or an Enterprise Server.

    `api_url` and `web_url` are independent: on ghe.com neither can be derived from the other. `ca_bundle`: CAs
    instead of the usual ones.
    """

    api_url: str
    web_url: str
    ca_bundle: CABundle | None = None
    client_certificate: ClientCertificate | None = None

    @property
    def api_host(self) -> str:
        """`host` or `host:port` of the REST API."""
        return urlsplit(self.api_url).netloc

    @property
    def web_host(self) -> str:
        """`host` or `host:port` of the web pages and the OAuth endpoints."""
        return urlsplit(self.web_url).netloc


@dataclass(frozen=True, slots=True)
class App:
    """An App as the operator uses it: identity, secrets, limits, and the GitHub that it is on.

    `seal` is made of the private key, to recognise what only the operator can have written; None where there is no key.
    """

    app_id: int | None
    client_id: str | None
    server: Server
    private_key: PrivateKey | None = field(default=None, repr=False)
    client_secret: Token | None = field(default=None, repr=False)
    limits: Limits = UNLIMITED
    seal: bytes | None = field(default=None, repr=False)

    @property
    def issuer(self) -> str:
        """The JWT's `iss`: the client id where it is known, as GitHub recommends."""
        return self.client_id or str(self.app_id)

    @property
    def identity(self) -> str:
        """What the App is called in metrics, pacing and the spec hash: stable over the life of the App."""
        return str(self.app_id) if self.app_id is not None else str(self.client_id)

    @property
    def credential(self) -> str:
        """What GitHub knows the App by and nobody can merely claim: its key, for that issuer. "" where it has none."""
        return f"key {self.private_key.fingerprint} of {self.issuer}" if self.private_key else ""

    @property
    def proof(self) -> tuple[str, str, str]:
        """Who answers by that name at that GitHub: what is learnt of one of them is not another's."""
        return self.server.api_url, self.issuer, self.private_key.fingerprint if self.private_key else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came; header names in lower case. The body may hold tokens and is never shown.

    `path` is that of the URL which answered: another than the one that was asked, where GitHub redirected.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    path: str = ""


JSON = Mapping[str, Any]
"""A JSON object, read only."""
