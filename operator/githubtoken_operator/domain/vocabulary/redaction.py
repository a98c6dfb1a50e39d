"""Takes secrets out of text that somebody may read: log records, error messages, events.

The rules mask too much rather than too little: a commit hash looks like an OAuth App's client secret, and both go.
A SHA-256, by which tokens are named in status and logs, stays. The text around a secret stays too, except for what is
glued to it and could belong to it.

Where the formats come from:
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
(prefixes), and GitHub's changelog of 2026-04 for stateless installation tokens, `ghs_<app id>_<JWT>`, which hold dots
and dashes and have no fixed length.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final

MASK: Final = "[redacted]"

TOKEN_PREFIXES: Final = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
"""What every GitHub token of today begins with."""


def redact(text: str) -> str:
    """The text with every secret in it replaced by a mask. Redacting twice changes nothing more."""
    if _TOO_SHORT.fullmatch(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _BASE64.sub(_mask_base64_of_secrets, text)


_TOO_SHORT: Final = re.compile(r"[A-Za-z0-9 .-]{0,14}")
"""What no rule takes anything out of, as most names are: two dozen searches that need not be made."""
_NEWLINES: Final = r"(?:\\r|\\n|\s)*"
"""Line ends as they are, or as they look in a JSON text or a repr."""

_FIELDS: Final = (
    r"\b(?i:client_secret|device_code|refresh_token|access_token|private_key|password|client_token|secret_id|"
    r"(?:aws_)?secret_?access_?key|(?:aws_)?session_?token)"
)
"""GitHub's and OAuth's own, those of a login to Vault or OpenBao, and those of AWS."""

_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A PEM block as a whole; where its end was cut off, as many lines as look like one.
    (re.compile(r"-----BEGIN [^-\r\n]{1,40}-----(?:[^-]|-(?!----))*+-----END [^-\r\n]{1,40}-----"), MASK),
    (
        re.compile(
            rf"-----BEGIN [^-\r\n]{{1,40}}-----(?:{_NEWLINES}[A-Za-z0-9+/=]{{16,}})+(?:{_NEWLINES}[A-Za-z0-9+/=]+)?"
        ),
        MASK,
    ),
    # A key without its lines BEGIN and END, as a parser's error quotes it: DER of such a size begins like this.
    (
        re.compile(
            rf"MI[I-K][A-Za-z0-9+/]{{45,}}=*(?:{_NEWLINES}[A-Za-z0-9+/=]{{16,}})*"
            r"(?:(?:\\r|\\n|[\r\n])+[A-Za-z0-9+/=]+)?"
        ),
        MASK,
    ),
    # Schemes with more than one part: a signature goes with all that it is of.
    (
        re.compile(
            r"""(authorization(?:\\*["'])?\s*[:=,]\s*b?\\*["']?)(?:digest|aws4-[a-z0-9-]+)\s[^\r\n]*""", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"""((?:x-vault-token|x-amz-security-token)(?:\\*["'])?\s*[:=,]\s*)(b?\\*["'])?+"""
            r"""(?!\[redacted\])[^\s"'\\,;&)}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
    # Tokens of Vault and OpenBao (some have but a letter in front), and Google's: who signs with their keys has one.
    (re.compile(r"\b(hv[sbr]\.)[A-Za-z0-9_-]{20,}"), rf"\1{MASK}"),
    (
        re.compile(r"(?<![\w.])([sbr]\.)(?:[A-Za-z0-9]{24}(?:\.[A-Za-z0-9]{5,6})?(?!\w)|AAAAAQ[A-Za-z0-9_-]{16,})"),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(ya29\.)[A-Za-z0-9._-]{10,}"), rf"\1{MASK}"),
    # A header in any notation: `Authorization: Bearer …`, `'authorization': '…'`, `(b'Authorization', b'…')`. None is
    # the reason AwaitingAuthorization, which a log line puts before its message.
    (
        re.compile(
            r"""((?<!awaiting)authorization(?:\\*["'])?\s*[:=]\s*|authorization["'],\s*)(b?\\*["'])?+"""
            r"""(?:(?:bearer|basic|token)\s+)?+(?!\[redacted\])[^\s"'\\,;)}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{16,}", re.IGNORECASE), rf"\1 {MASK}"),
    # The password of a URL: `https://x-access-token:…@github.com`.
    (re.compile(r"(://[^/\s:@]*:)[^/\s]+(?=@)"), rf"\1{MASK}"),
    (re.compile(r"((?<![\w/.])[\w.+-]{1,64}:)[^@/\s:]+(?=@[\w.\[\]-]+:[0-9])"), rf"\1{MASK}"),
    # The secrets of a form, and those of JSON or a repr. JSON may stand inside a JSON text, its quotes escaped.
    (re.compile(rf"""({_FIELDS}=)(?!\[redacted\])[^\s&"'\\,;]+"""), rf"\1{MASK}"),
    (
        re.compile(rf"""({_FIELDS}\\*["']?\s*[:=]\s*b?(?P<quote>\\*["']))(?:(?!(?P=quote))(?:\\.|.))*""", re.DOTALL),
        rf"\1{MASK}",
    ),
    # Tokens, wherever they stand. The prefix stays: it says what kind of token was there.
    (re.compile(rf"({'|'.join(TOKEN_PREFIXES)})[A-Za-z0-9._-]{{8,}}"), rf"\1{MASK}"),
    # JWTs: an App's own, ten minutes of being that App.
    (re.compile(r"eyJ[A-Za-z0-9_-]{1,1000}+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), MASK),
    # 40 hexadecimal digits: client secrets, device codes, tokens of old GitHub Enterprise Servers.
    (re.compile(r"(?<![0-9A-Fa-f])(?:[0-9a-f]{40}|[0-9A-F]{40})(?![0-9A-Fa-f])"), MASK),
)

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
"""Anything that can be base64 in either alphabet, words and paths included, of a dozen bytes or more."""

_WORTH_A_LOOK: Final = re.compile(
    rb"gh[a-z]+_|PRIVATE KEY|eyJ|secret|device_code|token|password|hv[sbr]\.|[sbr]\.[a-z0-9]{24}|ya29\.|"
    rb"[0-9A-Fa-f]{40}|[A-Za-z0-9+/_-]{16,}",
    re.IGNORECASE,
)
"""A quick test of decoded bytes. The last alternative is base64 again, as in the Secret of a `.dockerconfigjson`."""

_URL_SAFE: Final = str.maketrans("-_", "+/")


def _mask_base64_of_secrets(match: re.Match[str]) -> str:
    text = match[0].rstrip("=").translate(_URL_SAFE)
    # Text that is glued to the front shifts the groups of four characters: all four positions are tried.
    return MASK if any(_hides_a_secret(text[shift:]) for shift in range(4)) else match[0]


def _hides_a_secret(base64: str) -> bool:
    if len(base64) % 4 == 1:
        # One character is less than a byte: it belongs to what follows.
        base64 = base64[:-1]
    decoded = b64decode(base64 + "=" * (-len(base64) % 4))
    if not _WORTH_A_LOOK.search(decoded):
        return False
    plain = decoded.decode("latin-1")
    return redact(plain) != plain
