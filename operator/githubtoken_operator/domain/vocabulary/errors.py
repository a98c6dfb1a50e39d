"""What can go wrong on the way to a token.

    TokenError
    ├── Transient            time heals it; `retry_after` where GitHub stated one
    │   ├── RateLimited      GitHub limits this App on this host: the whole App waits
    │   ├── LeaseShort       the Lease must be renewed before anything irrevocable is sent
    │   ├── NotHonoured      a new token is there, and GitHub is not seen to accept it yet
    │   ├── SignerUnavailable    the service that signs for the App is away
    │   │   └── SignerThrottled  it limits the operator: `retry_after` where it stated one
    │   ├── SignInPending    the human has not entered the code of a device flow yet
    │   ├── NotSent          the request has certainly not reached GitHub
    │   ├── Unsaved          GitHub's answer is not in the store yet, and waits in the journal
    │   ├── OutcomeUnknown   it may have had its effect: what is stored stays, nothing is concluded
    │   └── Unexplained      GitHub refused in words that no rule knows: where it lasts, a human is told
    │       └── OutcomeUnexplained   the same, and `OutcomeUnknown` too: the token may be spent by it
    └── Terminal             a human must act; `reason` and the message say what to do
        ├── NotUnderstood         GitHub's answer may hold a pair in a form that is not known: it is kept
        ├── KeptOut               a rule of GitHub's or of an account's keeps a right credential out
        ├── RefreshTokenRefused   GitHub answered `bad_refresh_token`
        ├── TokenRefused          GitHub does not accept the access token that consumers have
        ├── SignerDenied          the service that signs for the App refuses the operator's identity
        ├── SignerKeyInvalid      the key there cannot serve: missing, disabled, or of another kind
        └── DeviceCodeUseless     the code of a device flow expired, or is not known any more

Those that one module makes stand there: `ClockSkewed`, `IssuerRefused`, `KeyRefused` (`refusals`). How an object stands
where nothing was attempted is no error but a value (`observed.standing`).

`reason` is a constant of `reasons`. Messages are shown to users: they never carry a token, a key or an answer's body.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from githubtoken_operator.domain.vocabulary import reasons

SHORT_OF_LEASE: Final = 1.0
"""Seconds; a Lease of usual length is renewed every three."""
LOOK_AT_UNSAVED: Final = 60.0
"""Seconds until it is told anew how an answer that cannot be saved stands."""


class Concern(Enum):
    """What an error says of those who ask GitHub too, so that they need not all find it out by themselves."""

    HOST = "the host does not answer, or only with 5xx"
    LANE = "something is in this one's way, of its own or on the way to it: others may go on"
    HEARD = "GitHub itself has answered: whatever it refuses, it is there"
    NOBODY = "nothing"


class TokenError(Exception):
    """Base of all: a reason for the `Ready` condition and a sentence for its message."""

    concern = Concern.NOBODY

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Transient(TokenError):
    """Trying again later may work."""

    def __init__(self, reason: str, message: str, *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds that GitHub asked for; None where it named no time."""
        super().__init__(reason, message)
        self.retry_after = retry_after


class RateLimited(Transient):
    """GitHub limits the App; `retry_after` is always set."""


class LeaseShort(Transient):
    """Nothing was sent; `retry_after` is always set."""

    def __init__(self, message: str) -> None:
        super().__init__(reasons.PENDING, message, retry_after=SHORT_OF_LEASE)


class SignerUnavailable(Transient):
    """Nothing was signed, and nobody refused it: a timeout, a sealed Vault, an answer that is none."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(reasons.SIGNER_UNAVAILABLE, message, retry_after=retry_after)


class SignerThrottled(SignerUnavailable):
    """The service signs only so often."""


class NotHonoured(Transient):
    """Nothing failed: GitHub's replicas lag behind, and it is looked at again after `retry_after`.

    `concern` is that of the look, where no answer came of it.
    """

    def __init__(self, retry_after: float, *, concern: Concern = Concern.NOBODY) -> None:
        super().__init__(reasons.PENDING, "GitHub does not accept the new token yet", retry_after=retry_after)
        self.concern = concern


class SignInPending(Transient):
    """Ask again; `interval` is the new number of seconds between polls, where GitHub raised it."""

    def __init__(self, message: str, *, interval: int | None = None) -> None:
        super().__init__(reasons.AWAITING_AUTHORIZATION, message)
        self.interval = interval


class NotSent(Transient):
    """DNS, connection or TLS failed before the request was written."""

    def __init__(self, message: str, *, concern: Concern = Concern.HOST) -> None:
        super().__init__(reasons.GITHUB_UNAVAILABLE, message)
        self.concern = concern


class OutcomeUnknown(Transient):
    """The request may have been executed: timeout, reset, 5xx, an answer that is cut off or brings no pair."""

    def __init__(self, message: str, *, concern: Concern = Concern.HOST) -> None:
        super().__init__(reasons.GITHUB_UNAVAILABLE, message)
        self.concern = concern


class Unexplained(Transient):
    """GitHub's own words, and no rule knows them; `lasting` is the reason once it has lasted too long to pass."""

    def __init__(self, message: str, *, lasting: str) -> None:
        # By its name: the next class of `OutcomeUnexplained` is another.
        Transient.__init__(self, reasons.GITHUB_UNAVAILABLE, message)
        self.lasting = lasting
        self.concern = Concern.HEARD


class OutcomeUnexplained(Unexplained, OutcomeUnknown):
    """The same where a refresh token or a device code may be spent by it."""


class Unsaved(Transient):
    """The API server does not take GitHub's answer; `words` are its own. It goes on being saved, in nobody's place."""

    def __init__(self, reason: str, secret: str, words: str) -> None:
        super().__init__(
            reason,
            f"GitHub's answer waits in the operator's journal: the API server does not take it into Secret `{secret}` "
            f"({words}). Do not delete the operator's pod before it does",
            retry_after=LOOK_AT_UNSAVED,
        )


class Terminal(TokenError):
    """Trying again the same way cannot work before a human has acted."""


class NotUnderstood(Terminal):
    """The token is probably spent and the pair in this answer: it is kept in Secret `kept_in`, and nothing is sent."""

    def __init__(self, problem: str, *, kept_in: str) -> None:
        super().__init__(
            reasons.ANSWER_NOT_UNDERSTOOD,
            f"{problem.rstrip('.')}. It is kept in Secret `{kept_in}`, and nothing more is sent: update the operator, "
            "a version that understands it takes it up at its start; or sign in again",
        )


class KeptOut(Terminal):
    """A lasting rule, in words that no incident of GitHub's speaks."""

    concern = Concern.HEARD


class RefreshTokenRefused(Terminal):
    """The refresh token is spent, expired or revoked, unless the store has moved on meanwhile."""

    concern = Concern.HEARD


class TokenRefused(Terminal):
    """The access token itself is dead before its time: what is published cannot be called ready."""

    concern = Concern.HEARD


class SignerDenied(Terminal):
    """A policy of the service; the message names the identity that was refused, where the service says it."""

    def __init__(self, message: str) -> None:
        super().__init__(reasons.SIGNER_DENIED, message)


class SignerKeyInvalid(Terminal):
    """The message says what was found instead of an enabled RSA key that signs by PKCS#1 v1.5 with SHA-256."""

    def __init__(self, message: str) -> None:
        super().__init__(reasons.SIGNER_KEY_INVALID, message)


class DeviceCodeUseless(Terminal):
    """Another code is needed; nobody refused anything. `known` is False where GitHub does not know the code."""

    def __init__(self, *, known: bool) -> None:
        super().__init__(reasons.REAUTHORIZATION_REQUIRED, "the code cannot be entered any more")
        self.known = known
