"""CAs that somebody names: what lies between the lines BEGIN CERTIFICATE and END CERTIFICATE, and nothing else.

Comments in any encoding, a byte order mark, text between the certificates and line ends of any kind are no part of a
bundle, so two texts with the same certificates are the same bundle, and only a change of the certificates is one.
Whether they are certificates is for the TLS library to say; here they are only found.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Final

LARGEST: Final = 98_304
"""Characters of a `caBundle`, as the CRDs have it: base64 of 72 KiB of PEM, or some fifty certificates."""

_BLOCK: Final = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----")
_BEGIN: Final = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")
_BLANK: Final = re.compile(rb"(?:\s|\\[nr])+")
"""Line ends too that a store has kept as two characters."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CABundle:
    """CAs that are trusted instead of the usual ones: each certificate in DER, once. `problem` where there are none."""

    digest: str
    certificates: tuple[bytes, ...] = field(default=(), repr=False, compare=False)
    problem: str | None = None


def of_base64(text: str) -> CABundle:
    """The bundle of a `caBundle`; never fails."""
    if len(text) > LARGEST:
        return _unusable(f"must be at most {LARGEST} characters of base64: name the CA of this host only, not all")
    try:
        return of_pem(b64decode(text, validate=True))
    except (Base64Error, ValueError):
        return _unusable("must be base64")


def of_pem(text: bytes) -> CABundle:
    """The bundle of a PEM file; never fails."""
    blocks = [_BLANK.sub(b"", match[1]) for match in _BLOCK.finditer(text)]
    if not blocks:
        return _unusable("must be the base64 of one or more certificates in PEM")
    if len(blocks) != len(_BEGIN.findall(text)):
        return _unusable("has a certificate that is cut off: its line END CERTIFICATE is missing")
    found = []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(b64decode(block, validate=True))
        except (Base64Error, ValueError):
            return _unusable(f"has a certificate that is damaged: number {number} of {len(blocks)} is not base64")
    certificates = tuple(dict.fromkeys(found))
    hashes = sorted(hashlib.sha256(certificate).digest() for certificate in certificates)
    return CABundle(hashlib.sha256(b"".join(hashes)).hexdigest(), certificates)


def _unusable(problem: str) -> CABundle:
    return CABundle(digest=hashlib.sha256(problem.encode()).hexdigest(), problem=problem)
