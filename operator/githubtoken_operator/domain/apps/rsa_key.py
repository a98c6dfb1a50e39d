"""The numbers of an RSA private key, read from its DER and judged before anything is computed with them.

What it costs to validate a key, or to sign with it, grows with the cube of its numbers, and any tenant can store one.
So the sizes are read first, from the DER alone, and a key outside of the bounds goes no further. That the numbers fit
each other is then checked by arithmetic that costs a millisecond; whether its primes are prime is not looked at: GitHub
knows the public half, and a wrong key is refused there.

PKCS#1 and PKCS#8 are told apart by their structure, whatever the line BEGIN calls them (RFC 8017, appendix A.1.2;
RFC 5958).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, fields
from typing import Final

SMALLEST: Final = 2048
"""Bits of the modulus; GitHub generates keys of this size."""
LARGEST: Final = 8192
"""Bits of the modulus: a signature takes a tenth of a second there."""
_LARGEST_EXPONENT: Final = 32
"""Bits of the public exponent; it is 65,537 nearly everywhere."""

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_OBJECT: Final = 0x06
_NULL: Final = 0x05
_BITS: Final = 0x03
_RSA: Final = bytes.fromhex("2a864886f70d010101")
_RSA_PSS: Final = bytes.fromhex("2a864886f70d01010a")
_LONG_FORM: Final = 0x80
_LENGTH_BYTES: Final = 4


class Unusable(ValueError):
    """What is wrong with the key, as the end of a sentence that begins with "but"."""


@dataclass(frozen=True, slots=True, repr=False)
class Numbers:
    """The eight numbers of RFC 8017: modulus, public and private exponent, and what the primes make faster."""

    n: int
    e: int
    d: int
    p: int
    q: int
    dp: int
    dq: int
    qinv: int


def numbers(der: bytes) -> Numbers:
    """The numbers of a key that may be used. Raises `Unusable`."""
    try:
        found = _read(der)
    except _Torn:
        raise Unusable("it cannot be parsed: it is damaged or cut off") from None
    _judge_sizes(found)
    _judge_fit(found)
    return found


def fingerprint(modulus: int, exponent: int) -> str:
    """`SHA256:` and the digest of the public key's DER, as an App's settings page at GitHub shows it.

    The DER is RFC 5280's SubjectPublicKeyInfo around RFC 8017's RSAPublicKey.
    """
    public = _written(_SEQUENCE, _integer(modulus) + _integer(exponent))
    algorithm = _written(_SEQUENCE, _written(_OBJECT, _RSA) + _written(_NULL, b""))
    der = _written(_SEQUENCE, algorithm + _written(_BITS, b"\0" + public))
    return "SHA256:" + b64encode(hashlib.sha256(der).digest()).decode()


class _Torn(Exception):
    """The DER ends too early, or is something else."""


def _read(der: bytes, *, wrapped: bool = False) -> Numbers:
    """Of both forms; `wrapped` is what PKCS#8 has inside, which wraps nothing more."""
    tag, inside, _ = _element(der)
    version, rest = _next(inside, _INTEGER)
    if tag != _SEQUENCE:
        raise _Torn
    if rest[:1] == bytes([_SEQUENCE]) and not wrapped:
        algorithm, rest = _next(rest, _SEQUENCE)
        kind, _ = _next(algorithm, _OBJECT)
        if kind == _RSA_PSS:
            raise Unusable("it is an RSA-PSS key, which cannot sign as GitHub asks for it")
        if kind != _RSA:
            raise Unusable("it is not an RSA key")
        key, _ = _next(rest, _OCTETS)
        return _read(key, wrapped=True)
    if version != b"\0":
        raise Unusable("it is not an RSA key of two primes")
    values = []
    for _ in fields(Numbers):
        value, rest = _next(rest, _INTEGER)
        values.append(int.from_bytes(value, "big", signed=True))
    return Numbers(*values)


def _judge_sizes(key: Numbers) -> None:
    bits = key.n.bit_length()
    if not SMALLEST <= bits <= LARGEST:
        raise Unusable(
            f"it has {bits} bits, and must have {SMALLEST} to {LARGEST}: generate another in the App's settings"
        )
    parts = (key.d, key.p, key.q, key.dp, key.dq, key.qinv)
    if key.e.bit_length() > _LARGEST_EXPONENT or any(not 0 < part < key.n for part in parts):
        raise _damaged()


def _judge_fit(key: Numbers) -> None:
    """The relations of RFC 8017, section 3.2."""
    p, q = key.p - 1, key.q - 1
    fits = (
        key.e > 1
        and p > 0
        and q > 0
        and key.p * key.q == key.n
        and key.n % 2 == 1
        and key.d % p == key.dp
        and key.d % q == key.dq
        and key.e * key.dp % p == 1
        and key.e * key.dq % q == 1
        and key.qinv * key.q % key.p == 1
    )
    if not fits:
        raise _damaged()


def _damaged() -> Unusable:
    return Unusable("it is damaged: its numbers do not fit each other")


def _next(data: bytes, wanted: int) -> tuple[bytes, bytes]:
    """The content of the element at the beginning, which must be of that kind, and what follows it."""
    tag, content, rest = _element(data)
    if tag != wanted:
        raise _Torn
    return content, rest


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and rest of one element of DER."""
    if len(data) < 2:  # noqa: PLR2004 - a tag and a length
        raise _Torn
    tag, length, start = data[0], data[1], 2
    if length & _LONG_FORM:
        count = length & ~_LONG_FORM
        if not 1 <= count <= _LENGTH_BYTES:
            raise _Torn
        start += count
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if len(data) < end:
        raise _Torn
    return tag, data[start:end], data[end:]


def _written(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    size = len(content)
    if size < _LONG_FORM:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM | len(length)]) + length + content


def _integer(value: int) -> bytes:
    """A number that is not negative, whose first bit is 0 for that."""
    return _written(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
