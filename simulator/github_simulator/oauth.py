"""How a user token comes to be: the device flow, the web flow's code, and the refresh of a pair.

Source: docs.github.com, "Generating a user access token for a GitHub App" and "Refreshing user access tokens". Errors
are answered inside HTTP 200 unless said otherwise. A refresh token works once: the refresh that succeeds kills it and
the old access token and issues the next pair in one step; whoever presents it again gets `bad_refresh_token`, and the
pair that the first one got stays valid.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from github_simulator import tokens
from github_simulator.authentication import secret_fits
from github_simulator.errors import OAuthError
from github_simulator.model import DeviceCode, WebCode
from github_simulator.state import revoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from github_simulator.model import Account, App, Flow, SignIn
    from github_simulator.state import State

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOW_DOWN_STEP = 5
_DOCS = "https://docs.github.com"
_DEVICE_ERRORS = f"{_DOCS}/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow"
_TROUBLESHOOTING = f"{_DOCS}/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/"


def unsupported_grant_type() -> OAuthError:
    """The grant type is missing or none that GitHub knows."""
    return OAuthError("unsupported_grant_type", "The grant type is not supported.", _DEVICE_ERRORS)


def incorrect_client_credentials() -> OAuthError:
    """The client is unknown, or its secret is missing or wrong."""
    return OAuthError(
        "incorrect_client_credentials",
        "The client_id and/or client_secret passed are incorrect.",
        f"{_TROUBLESHOOTING}#incorrect-client-credentials",
    )


def bad_refresh_token() -> OAuthError:
    """The refresh token is unknown, spent, expired or revoked."""
    return OAuthError(
        "bad_refresh_token",
        "The refresh token passed is incorrect or expired.",
        f"{_TROUBLESHOOTING}#bad-verification-code",
    )


def bad_verification_code() -> OAuthError:
    """The web flow's code is unknown, used or expired."""
    return OAuthError(
        "bad_verification_code",
        "The code passed is incorrect or expired.",
        f"{_TROUBLESHOOTING}#bad-verification-code",
    )


def _incorrect_device_code() -> OAuthError:
    return OAuthError("incorrect_device_code", "The device_code provided is not valid.", _DEVICE_ERRORS)


@dataclass(frozen=True, slots=True)
class Issued:
    """A pair as it is answered: the values, which are kept nowhere else, and the numbers that go with them."""

    access_token: str
    refresh_token: str | None
    sign_in: SignIn

    def document(self) -> dict[str, Any]:
        """The answer's JSON; without the three fields of expiry where the token does not expire."""
        answer: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "bearer",
            "scope": ",".join(self.sign_in.scopes),
        }
        if self.refresh_token is not None:
            answer |= {
                "expires_in": int(self.sign_in.app.user_token_life),
                "refresh_token": self.refresh_token,
                "refresh_token_expires_in": int(self.sign_in.app.refresh_token_life),
            }
        return answer


def sign_in(state: State, app: App, user: Account, *, flow: Flow, scopes: tuple[str, ...], now: float) -> Issued:
    """The first pair of a new sign-in."""
    granted = scopes if app.kind == "oauth-app" else ()
    expiring = app.tokens_expire or "offline_access" in granted
    return _issue(state, state.begin_sign_in(app, user, flow=flow, scopes=granted, expiring=expiring), now=now)


def refresh(state: State, fields: Mapping[str, str], *, now: float) -> Issued:
    """Spend a refresh token for the next pair.

    The fields are `client_id`, `client_secret` (not needed for a sign-in by device flow) and `refresh_token`.

    Raises `OAuthError`: `incorrect_client_credentials` or `bad_refresh_token`.
    """
    app = _client(state, fields)
    token = state.refresh_tokens.get(tokens.sha256(fields.get("refresh_token", "")))
    if token is not None and token.sign_in.app is not app:
        token = None
    secret = fields.get("client_secret")
    if secret is None:
        if token is not None and token.sign_in.flow != "device":
            raise incorrect_client_credentials()
    elif not secret_fits(app, secret):
        raise incorrect_client_credentials()
    if token is None or not token.is_live(now):
        raise bad_refresh_token()
    token.spent_at = now
    chain = token.sign_in
    if chain.access is not None:
        revoke(chain.access, now)
    chain.expiring = app.tokens_expire or "offline_access" in chain.scopes
    return _issue(state, chain, now=now)


def start_device_flow(state: State, fields: Mapping[str, str], *, web_url: str, now: float) -> dict[str, Any]:
    """`POST /login/device/code`. Raises `OAuthError`: 404 for an unknown client, 400 `device_flow_disabled`."""
    app = state.app_by_client_id(fields.get("client_id", ""))
    if app is None:
        raise _UnknownClient
    if not app.device_flow:
        raise OAuthError(
            "device_flow_disabled", "Device Flow must be explicitly enabled for this App", _DOCS, status=400
        )
    code = DeviceCode(
        code=tokens.device_code(),
        user_code=tokens.user_code(),
        app=app,
        scopes=tuple(fields.get("scope", "").replace(",", " ").split()),
        created_at=now,
        expires_at=now + app.device_code_life,
        interval=app.device_interval,
    )
    state.device_codes[code.code] = code
    return {
        "device_code": code.code,
        "user_code": code.user_code,
        "verification_uri": f"{web_url}/login/device",
        "expires_in": int(app.device_code_life),
        "interval": code.interval,
    }


def poll_device_flow(state: State, fields: Mapping[str, str], *, now: float) -> Issued:
    """A poll of a running device flow; no client secret is needed.

    Raises `OAuthError`: as the documentation's "Error codes for the device flow" lists them.
    """
    app = _client(state, fields)
    code = state.device_codes.get(fields.get("device_code", ""))
    if code is None or code.app is not app or code.consumed:
        raise _incorrect_device_code()
    last, code.last_poll_at = code.last_poll_at, now
    if last is not None and now < last + code.interval:
        code.interval += SLOW_DOWN_STEP
        raise OAuthError(
            "slow_down",
            "Too many requests have been made in the same timeframe.",
            _DOCS,
            extra={"interval": code.interval},
        )
    if now >= code.expires_at:
        raise OAuthError("expired_token", "The `device code` has expired.", _DEVICE_ERRORS)
    if code.denied:
        raise OAuthError("access_denied", "The authorization request was denied.", _DEVICE_ERRORS)
    if code.approved_by is None:
        raise OAuthError("authorization_pending", "The authorization request is still pending.", _DEVICE_ERRORS)
    if code.stale_polls > 0:
        code.stale_polls -= 1
        raise _incorrect_device_code()
    code.consumed = True
    return sign_in(state, app, code.approved_by, flow="device", scopes=code.scopes, now=now)


def exchange_code(state: State, fields: Mapping[str, str], *, now: float) -> Issued:
    """The web flow's code for a pair; the client secret is mandatory, also with PKCE.

    Raises:
        OAuthError: `incorrect_client_credentials`, `bad_verification_code`, `redirect_uri_mismatch` or
            `unverified_user_email`.
    """
    app = _client(state, fields)
    if not secret_fits(app, fields.get("client_secret", "")):
        raise incorrect_client_credentials()
    code = state.web_codes.get(fields.get("code", ""))
    if code is None or code.app is not app or code.used or now >= code.expires_at:
        raise bad_verification_code()
    if "redirect_uri" in fields and code.redirect_uri not in {None, fields["redirect_uri"]}:
        raise OAuthError(
            "redirect_uri_mismatch",
            "The redirect_uri MUST match the registered callback URL for this application.",
            f"{_TROUBLESHOOTING}#redirect-uri-mismatch",
        )
    if not _verifier_fits(code, fields.get("code_verifier", "")):
        raise bad_verification_code()
    if not code.user.email_verified:
        raise OAuthError(
            "unverified_user_email",
            "The user must have a verified primary email.",
            f"{_TROUBLESHOOTING}#unverified-user-email",
        )
    code.used = True
    return sign_in(state, app, code.user, flow="web", scopes=code.scopes, now=now)


def reset_token(state: State, chain: SignIn, *, now: float) -> str:
    """Replace the chain's access token; the old one is dead at once, the refresh token stays. Returns the new value."""
    if chain.access is not None:
        revoke(chain.access, now)
    return _access_token(state, chain, now=now)


def _issue(state: State, chain: SignIn, *, now: float) -> Issued:
    access_token = _access_token(state, chain, now=now)
    refresh_token = None
    chain.refresh = None
    if chain.expiring:
        refresh_token = tokens.refresh_token() + chain.app.user_token_tail
        chain.refresh = state.keep_refresh_token(refresh_token, sign_in=chain, now=now)
    return Issued(access_token, refresh_token, chain)


def _access_token(state: State, chain: SignIn, *, now: float) -> str:
    prefix = chain.app.user_token_prefix or ("gho" if chain.app.kind == "oauth-app" else "ghu")
    value = tokens.classic(prefix) + chain.app.user_token_tail
    life = chain.app.user_token_life if chain.expiring else None
    chain.access = state.keep_access_token(value, app=chain.app, now=now, life=life, sign_in=chain)
    return value


def _client(state: State, fields: Mapping[str, str]) -> App:
    app = state.app_by_client_id(fields.get("client_id", ""))
    if app is None:
        raise incorrect_client_credentials()
    return app


def _verifier_fits(code: WebCode, verifier: str) -> bool:
    if code.code_challenge is None:
        return True
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return digest == code.code_challenge


class _UnknownClient(OAuthError):
    """A device flow for a client that GitHub does not know: 404 `{"error": "Not Found"}`."""

    def __init__(self) -> None:
        super().__init__("Not Found", "", "", status=404)

    def document(self) -> dict[str, Any]:
        """`error` alone."""
        return {"error": self.error}
