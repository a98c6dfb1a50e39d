"""An App's private key out of whatever a store made of its text: the DER in it, or what it is instead.

GitHub hands the key out as PEM. On the way into a Secret, stores and scripts encode it once more, quote it, wrap it in
JSON, write line breaks as two characters or as `%0A`, indent it, or put certificates beside it. Where there is no doubt
which key is meant it is taken; else the problem is named. Nothing here parses a key, and nothing costs more than a
moment, since any tenant can write the text: it is judged by its size first.

A problem is the end of the sentence "… must be the App's unencrypted RSA private key in PEM, … but it …" and repeats
nothing of the text.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

from githubtoken_operator.domain.vocabulary.documents import parsed

LARGEST: Final = 16 * 1024
"""Bytes of text; a key of 8,192 bits has 6.4 KB of PEM, and twice as much where it is encoded twice."""
_LAYERS: Final = 6
"""Wrappings around a key that are taken off; none of the usual ways makes more than three."""

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----")
_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_KEY_LABELS: Final = frozenset({"RSA PRIVATE KEY", "PRIVATE KEY"})
# What a pattern has taken it does not give back: any tenant can write the text, and it is read once.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{16,}+={0,2}+\s*+")
_PERCENT: Final = re.compile(r"%0[Aa]|%20")
_BLANK: Final = re.compile(r"\s+")
_TWO_CHARACTERS: Final = re.compile(r"(?<!\\)\\++(?:r\\++)?n")
"""It begins where a run of backslashes does."""
_QUOTES: Final = ("'", '"', "`")
_DER: Final = b"\x30\x82"
"""How every DER of such a size begins: a SEQUENCE with two bytes of length."""


class NotAKey(ValueError):
    """What the text is instead, as the end of a sentence."""


def key_der(text: bytes) -> bytes:
    """The DER of the one private key in the text; raises `NotAKey`."""
    if len(text) > LARGEST:
        raise NotAKey(f"it has {len(text)} bytes, more than the {LARGEST} that a key can have")
    for _ in range(_LAYERS):
        if text.startswith(_DER):
            return text
        plain = _decoded(text)
        if "-----BEGIN " in plain and not plain.startswith(("{", "[")):
            return _of_pem(_TWO_CHARACTERS.sub("\n", plain))
        text = _unwrapped(plain)
    raise NotAKey("it is wrapped too often: store the .pem file as it is")


def _decoded(text: bytes) -> str:
    """The text without byte order mark, white space and quotes around it, whatever its encoding."""
    encoding = next((name for applies, name in _ENCODINGS if applies(text)), "utf-8-sig")
    plain = text.decode(encoding, errors="replace").strip().strip("\0")
    while len(plain) > 1 and plain[0] == plain[-1] and plain[0] in _QUOTES:
        plain = plain[1:-1].strip()
    # Neither PEM nor base64 has a percent sign.
    return unquote(plain) if "BEGIN" in plain and _PERCENT.search(plain) else plain


_ENCODINGS: Final[tuple[tuple[Callable[[bytes], bool], str], ...]] = (
    (lambda text: text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)), "utf-16"),
    (lambda text: text[1:8:2] == b"\0\0\0\0", "utf-16-le"),
    (lambda text: text[0:8:2] == b"\0\0\0\0", "utf-16-be"),
)


def _unwrapped(plain: str) -> bytes:
    """What is inside JSON or base64."""
    if (problem := next((what for sign, what in _OTHER if sign.search(plain)), None)) is not None:
        raise NotAKey(problem)
    if plain.startswith(("{", "[")):
        return _of_json(plain)
    if _BASE64.fullmatch(plain):
        try:
            return _of_base64(plain)
        except (Base64Error, ValueError):
            raise NotAKey("it is base64 that is damaged or cut off") from None
    raise NotAKey("it is not PEM: there is no line BEGIN in it")


def _of_base64(text: str) -> bytes:
    """What is encoded; stores leave out what fills up the end, which says nothing."""
    digits = _BLANK.sub("", text).rstrip("=")
    return b64decode(digits + "=" * (-len(digits) % 4), validate=True)


_OTHER: Final = tuple(
    (re.compile(sign), problem)
    for sign, problem in (
        (r"\A[0-9a-f]{40}\Z", "it has the form of a client secret"),
        (r"\ASHA256:", "it is the fingerprint of a key"),
        (r"\A(?:ssh|ecdsa)-", "it is a public key"),
        (r"\APuTTY-User-Key-File", "it is a PuTTY key"),
        (r'\A\{\s*+"kty"', "it is a JWK"),
        (r"\AENC\[", "it is still encrypted by SOPS"),
        (r"(?m)^(?:apiVersion|stringData):", "it is a manifest: store the value of its key"),
        (
            r"\A(?:\{\{|\$[{(]|<|%|ref\+|[a-z]{2,16}:[^\n]{1,1024}\Z)",
            "it is a reference or a template that nobody filled in",
        ),
    )
)
"""What is found in the place of a key, by how it begins."""


def _of_json(plain: str) -> bytes:
    document = parsed(plain)
    if document is None:
        raise NotAKey("it is JSON that cannot be read: store the .pem file as it is")
    found = {value for value in _texts(document) if _holds_a_key(value)}
    if len(found) != 1:
        what = "several private keys" if found else "no private key"
        raise NotAKey(f"it is JSON with {what} in its fields: store the .pem file as it is")
    return found.pop().encode()


def _texts(document: object) -> Iterator[str]:
    """All texts in it, however deep: stores put what they keep inside of what they know about it. Lists are lines."""
    inside = [document]
    while inside:
        match inside.pop():
            case str() as text:
                yield text
            case dict() as fields:
                inside.extend(fields.values())
            case list() as items:
                lines = [item for item in items if isinstance(item, str)]
                inside.extend(["\n".join(lines)] if lines == items else items)


def _holds_a_key(value: str) -> bool:
    """Whether a field's text is PEM with a private key, or base64 of it."""
    if "PRIVATE KEY-----" in value:
        return True
    if not _BASE64.fullmatch(value):
        return False
    try:
        return b"PRIVATE KEY-----" in _of_base64(value)
    except (Base64Error, ValueError):
        return False


def _of_pem(plain: str) -> bytes:
    if "4,ENCRYPTED" in plain or "BEGIN ENCRYPTED PRIVATE KEY" in plain:
        raise NotAKey("it is encrypted, and must not be")
    blocks = [(match[1], _BLANK.sub("", match[2])) for match in _BLOCK.finditer(plain)]
    keys = {body for label, body in blocks if label in _KEY_LABELS}
    if len(keys) > 1:
        raise NotAKey("there are two private keys in it: store the App's alone")
    if not keys:
        raise NotAKey(_instead(_BEGIN.findall(plain)))
    try:
        return b64decode(keys.pop(), validate=True)
    except (Base64Error, ValueError):
        raise NotAKey("it is damaged: between its lines BEGIN and END is something else than base64") from None


def _instead(labels: list[str]) -> str:
    """What PEM without a whole RSA private key is, by its lines BEGIN."""
    signs = (
        (
            any(label in _KEY_LABELS for label in labels),
            "it is cut off: a line END that fits its line BEGIN is missing",
        ),
        ("OPENSSH PRIVATE KEY" in labels, "it is an OpenSSH key"),
        (any(label.endswith("PRIVATE KEY") for label in labels), "it is not an RSA key"),
        (any(label.endswith("PUBLIC KEY") for label in labels), "it is a public key"),
        (any(label.endswith("CERTIFICATE") for label in labels), "it is a certificate"),
        (not {"AGE ENCRYPTED FILE", "PGP MESSAGE"}.isdisjoint(labels), "it is still encrypted by age or PGP"),
        (True, "it is PEM, but not a private key"),
    )
    return next(problem for applies, problem in signs if applies)
