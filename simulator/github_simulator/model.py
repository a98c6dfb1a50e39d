"""What exists on the simulated GitHub: accounts, repositories, Apps, installations, sign-ins and their tokens.

The objects change in place and live in `state.State`. Times are virtual seconds since the epoch. Token values are
nowhere: an access or refresh token is known by its SHA-256 alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

AccountType = Literal["User", "Organization", "Enterprise"]
AppKind = Literal["github-app", "oauth-app"]
Flow = Literal["device", "web"]
Selection = Literal["all", "selected"]
PersonalKind = Literal["classic", "fine-grained", "legacy"]

INSTALLATION_TOKEN_LIFE = 3600.0
USER_TOKEN_LIFE = 28800.0
REFRESH_TOKEN_LIFE = 15897600.0
DEVICE_CODE_LIFE = 899.0
DEVICE_INTERVAL = 5
WEB_CODE_LIFE = 600.0

EXPIRATION_HEADER = "GitHub-Authentication-Token-Expiration"


@dataclass(slots=True)
class Account:
    """A user, an organization, or an enterprise, whose `login` is its slug."""

    id: int
    login: str
    type: AccountType
    created_at: float
    email_verified: bool = True


@dataclass(slots=True)
class Repository:
    """A repository; `name` is without its owner."""

    id: int
    name: str
    owner: Account
    created_at: float
    private: bool = True

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"


@dataclass(slots=True)
class App:
    """A GitHub App or an OAuth app, with the settings that its owner has on github.com and the lives of its tokens.

    Attributes:
        keys: Public keys by their id; the private halves were handed out and are not kept.
        tokens_expire: Whether user tokens expire and come with a refresh token ("User-to-server token expiration").
        device_interval: Seconds that a poll must wait after the one before.
        stale_device_polls: How many polls after an approval still answer `incorrect_device_code`, as GitHub sometimes
            does.
        user_token_prefix: Begins its user tokens instead of `ghu_` or `gho_`: a form that GitHub may have one day.
        user_token_tail: Ends its user tokens and refresh tokens, so that they have another alphabet.
    """

    id: int
    slug: str
    owner: Account
    client_id: str
    created_at: float
    kind: AppKind = "github-app"
    client_secrets: list[str] = field(default_factory=list)
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    tokens_expire: bool = True
    device_flow: bool = True
    installation_token_life: float = INSTALLATION_TOKEN_LIFE
    user_token_life: float = USER_TOKEN_LIFE
    refresh_token_life: float = REFRESH_TOKEN_LIFE
    device_code_life: float = DEVICE_CODE_LIFE
    device_interval: int = DEVICE_INTERVAL
    stale_device_polls: int = 0
    user_token_prefix: str = ""
    user_token_tail: str = ""


@dataclass(slots=True)
class Installation:
    """An App installed on an account."""

    id: int
    app: App
    account: Account
    permissions: dict[str, str]
    repository_selection: Selection
    created_at: float
    updated_at: float
    selected: set[int] = field(default_factory=set)
    suspended_at: float | None = None


@dataclass(slots=True)
class AccessToken:
    """A `ghs_`, `ghu_` or `gho_` token.

    Attributes:
        expires_at: None for a token that does not expire.
        repository_ids: What an installation token was narrowed to; None where it was not.
        permissions: What an installation token may do.
    """

    sha256: str
    prefix: str
    last_eight: str
    id: int
    app: App
    created_at: float
    expires_at: float | None
    installation: Installation | None = None
    sign_in: SignIn | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    repository_ids: frozenset[int] | None = None
    narrowed: bool = False
    revoked_at: float | None = None

    @property
    def user(self) -> Account | None:
        """Whose token it is; None for an installation's."""
        return self.sign_in.user if self.sign_in else None

    def is_live(self, now: float) -> bool:
        """Whether GitHub still takes this token for what it is (it may still be refused for a suspension)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(slots=True)
class PersonalToken:
    """A personal access token, which its user made on a page of GitHub's settings.

    Attributes:
        expires_at: None for one that does not expire.
        scopes: Of a classic token.
        utc_offset: Hours by which the expiry's header is in another zone than UTC, as for some users.
    """

    sha256: str
    kind: PersonalKind
    user: Account
    created_at: float
    expires_at: float | None
    scopes: tuple[str, ...] = ()
    utc_offset: int = 0
    revoked_at: float | None = None

    def is_live(self, now: float) -> bool:
        """Whether GitHub still takes it."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def headers(self) -> dict[str, str]:
        """What every answer of the API to this token says of it."""
        said = {"X-OAuth-Scopes": ", ".join(self.scopes)} if self.kind != "fine-grained" else {}
        if self.expires_at is not None:
            zone = timezone(timedelta(hours=self.utc_offset)) if self.utc_offset else UTC
            time = datetime.fromtimestamp(int(self.expires_at), zone)
            said[EXPIRATION_HEADER] = time.strftime("%Y-%m-%d %H:%M:%S " + ("%z" if self.utc_offset else "UTC"))
        return said


@dataclass(slots=True)
class RefreshToken:
    """A `ghr_` token; it works once."""

    sha256: str
    sign_in: SignIn
    created_at: float
    expires_at: float
    spent_at: float | None = None
    revoked_at: float | None = None

    def is_live(self, now: float) -> bool:
        """Whether a refresh with it succeeds."""
        return self.spent_at is None and self.revoked_at is None and now < self.expires_at


@dataclass(slots=True)
class SignIn:
    """One sign-in of a user to an App: a chain of pairs, each obtained with the refresh token of the one before."""

    id: int
    app: App
    user: Account
    flow: Flow
    scopes: tuple[str, ...]
    expiring: bool
    access: AccessToken | None = None
    refresh: RefreshToken | None = None


@dataclass(slots=True)
class DeviceCode:
    """A running device flow; `interval` grows by five with every `slow_down`."""

    code: str
    user_code: str
    app: App
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float
    interval: int
    stale_polls: int = 0
    last_poll_at: float | None = None
    denied: bool = False
    approved_by: Account | None = None
    consumed: bool = False


@dataclass(slots=True)
class WebCode:
    """A code of the web flow, good for one exchange within ten minutes."""

    code: str
    app: App
    user: Account
    scopes: tuple[str, ...]
    expires_at: float
    redirect_uri: str | None = None
    code_challenge: str | None = None
    used: bool = False
