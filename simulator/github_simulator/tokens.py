"""The formats of GitHub's tokens and codes.

Classic tokens are a prefix, 30 random characters and a CRC-32 checksum in base 62, 40 characters in all
(https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/). Installation tokens of github.com
are stateless since 2026: `ghs_<app id>_<JWT>`, about 520 characters. Clients never parse them, so the part that looks
like a JWT is random here and costs no signature. A token's value is never kept: the state knows it by its SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
import string
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github_simulator.model import PersonalKind

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECKSUM_LENGTH = 6
_RANDOM_LENGTH = 30
_REFRESH_RANDOM_LENGTH = 70
_SHA256_HEX_LENGTH = 64
_USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ0123456789"
_RSA_SIGNATURE_BYTES = 256
_CLAIMS_PADDING_BYTES = 60

_FINE_GRAINED_LENGTHS = (22, 59)

TOKEN_PREFIXES = ("ghs_", "ghu_", "gho_", "ghp_", "ghr_", "github_pat_")
_OTHER = re.compile(r"gh[a-z]_")
_LEGACY = re.compile(r"[0-9a-f]{40}")


def looks_like_a_token(value: str) -> bool:
    """Whether it has the form of a token, of whatever age, rather than of a JWT."""
    return value.startswith(TOKEN_PREFIXES) or _OTHER.match(value) is not None or _LEGACY.fullmatch(value) is not None


def classic(prefix: str, *, length: int = _RANDOM_LENGTH) -> str:
    """A new token `<prefix>_<random><checksum>`; `length` is that of the random part."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(length))
    return f"{prefix}_{body}{checksum(body)}"


def refresh_token() -> str:
    """A new refresh token: `ghr_` and 76 characters."""
    return classic("ghr", length=_REFRESH_RANDOM_LENGTH)


def personal(kind: PersonalKind) -> str:
    """A new personal token.

    Classic: `ghp_` and 36 characters. Fine-grained: `github_pat_`, 22 characters, `_`, 59 characters. Legacy, as GitHub
    made them before prefixes and old Enterprise Servers still have them: 40 hexadecimal digits.
    """
    if kind == "classic":
        return classic("ghp")
    if kind == "legacy":
        return secrets.token_hex(20)
    parts = ("".join(secrets.choice(_ALPHABET) for _ in range(length)) for length in _FINE_GRAINED_LENGTHS)
    return "github_pat_" + "_".join(parts)


def stateless(app_id: int) -> str:
    """A new installation token of github.com: `ghs_<app id>_<header>.<claims>.<signature>`."""
    header = _base64url(json.dumps({"alg": "RS256", "typ": "JWT"}, separators=(",", ":")).encode())
    claims = _base64url(b'{"jti":"' + base64.b64encode(secrets.token_bytes(_CLAIMS_PADDING_BYTES)) + b'"}')
    return f"ghs_{app_id}_{header}.{claims}.{_base64url(secrets.token_bytes(_RSA_SIGNATURE_BYTES))}"


def checksum(body: str) -> str:
    """The CRC-32 of the random part in base 62, padded to six characters."""
    number = zlib.crc32(body.encode("ascii"))
    digits = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits.rjust(_CHECKSUM_LENGTH, _ALPHABET[0])


def device_code() -> str:
    """A new device code: 40 hexadecimal digits."""
    return secrets.token_hex(20)


def user_code() -> str:
    """A new user code, `XXXX-XXXX`."""
    letters = "".join(secrets.choice(_USER_CODE_ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def web_code() -> str:
    """A new code of the web flow: 20 hexadecimal digits."""
    return secrets.token_hex(10)


def client_secret() -> str:
    """A new client secret: 40 hexadecimal digits."""
    return secrets.token_hex(20)


def client_id() -> str:
    """A new GitHub App's client id, as `Iv23li...`."""
    return "Iv23li" + "".join(secrets.choice(_ALPHABET) for _ in range(14))


def sha256(token: str) -> str:
    """The SHA-256 by which the simulator knows a token, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def normalized_sha256(digest: str) -> str:
    """The hexadecimal form of a SHA-256 given in hexadecimal or base64. Raises `ValueError`: it is neither."""
    try:
        raw = bytes.fromhex(digest) if len(digest) == _SHA256_HEX_LENGTH else base64.b64decode(digest, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != hashlib.sha256().digest_size:
        raise ValueError("`sha256` must be a SHA-256 in hexadecimal or base64")
    return raw.hex()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
