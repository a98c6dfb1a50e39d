"""Whether a JWT proves to be an App: the claims in the order in which GitHub complains about them, and its words.

Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App"; the messages are those of recorded
    answers.
Signatures are verified with the App's parsed public keys, several of which may be valid at once.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from github_simulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from github_simulator.model import App

MAX_LIFE = 600
UNDECODABLE = "A JSON web token could not be decoded"
INTEGRATION_NOT_FOUND = "Integration not found"
NO_PUBLIC_KEY = "Integration must generate a public key"
EXPIRATION_INVALID = (
    "'Expiration time' claim ('exp') must be a numeric value "
    "representing the future time at which the assertion expires"
)
EXPIRATION_TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
ISSUER_INVALID = "'Issuer' claim ('iss') must be an Integer"
ISSUED_AT_INVALID = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
_PARTS = 3


def verify(token: str, *, now: float, find_app: Callable[[str], App | None], client_ids: bool = True) -> App:
    """The App that signed `token`.

    Args:
        token: What stood behind `Bearer`.
        now: Seconds since the epoch.
        find_app: Finds an App by the `iss` claim, an app id or a client id.
        client_ids: Whether client ids are known as issuers, as an Enterprise Server does since 3.14.

    Raises `ApiError`: 401, or 404 where the issuer is unknown.
    """
    header, claims = _decoded(token)
    if header.get("alg") != "RS256":
        raise ApiError(401, UNDECODABLE)
    issuer = _issuer(claims)
    numeric = issuer.isascii() and issuer.isdigit()
    app = find_app(issuer) if numeric or client_ids else None
    if app is None:
        raise ApiError(404, INTEGRATION_NOT_FOUND) if numeric or not issuer else ApiError(401, ISSUER_INVALID)
    if not app.keys:
        raise ApiError(401, NO_PUBLIC_KEY)
    if not _is_signed_by(app, token):
        raise ApiError(401, UNDECODABLE)
    expires_at, issued_at = _integer(claims.get("exp")), _integer(claims.get("iat"))
    if expires_at is None or expires_at <= now:
        raise ApiError(401, EXPIRATION_INVALID)
    if expires_at > now + MAX_LIFE:
        raise ApiError(401, EXPIRATION_TOO_FAR)
    if issued_at is None or issued_at > now:
        raise ApiError(401, ISSUED_AT_INVALID)
    return app


def unverified_issuer(token: str) -> str | None:
    """The `iss` claim without any check, or None: good enough to record whose request it seems to be."""
    try:
        return _issuer(_decoded(token)[1])
    except ApiError:
        return None


def _decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise ApiError(401, UNDECODABLE)
    try:
        header, claims = (json.loads(_base64url(part)) for part in parts[:2])
    except (ValueError, binascii.Error) as error:
        raise ApiError(401, UNDECODABLE) from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ApiError(401, UNDECODABLE)
    return header, claims


def _issuer(claims: dict[str, Any]) -> str:
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else str(_integer(issuer) or "")


def _is_signed_by(app: App, token: str) -> bool:
    signed, _, signature = token.rpartition(".")
    try:
        raw = _base64url(signature)
    except (ValueError, binascii.Error):
        return False
    for key in app.keys.values():
        try:
            key.verify(raw, signed.encode("ascii"), PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return True
    return False


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _base64url(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
