"""What a service that signs for an App does for the operator, whichever it is.

A `Signer` stands for one key of one `spec.signer`. What it says is raw: who asks verifies each signature with the
public key that the answer names, counts the call, ends it after `CALL_LIMIT`, and keeps what can be kept
(`apps.signing`). A signer keeps nothing but its connection and its credential, and asks for a new credential by itself.

- `sign` is RSASSA-PKCS1-v1_5 with SHA-256 over the text itself, 256 bytes for a key of 2,048 bits.
- `key_id` is the version, ARN or name of the key that really signed, as the answer has it: an alias that moved or a
  version that was added shows in it. It is shown to users, so it holds no secret.
- What is raised is `SignerUnavailable`, `SignerThrottled`, `SignerDenied` or `SignerKeyInvalid`, in words that hold no
  credential and nothing of a body that the service has not written for humans.
- A library that is not asynchronous works in `threads.OneThread`, with time limits of its own below `CALL_LIMIT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

CALL_LIMIT: Final = 10.0
"""Seconds after which a call is given up, whatever the service does; a login and one repetition fit into it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, and which key made it."""

    signature: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of the key `key_id`. The signer has made sure that the key may and does sign by RS256."""

    key_id: str
    key: RSAPublicKey


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator's flags say to all signers.

    `token_folder`: projected tokens, one file for each audience; see `vault`. `pkcs11_module`: the library of the HSM;
    `pkcs11_pin_file`: the user's PIN.
    """

    token_folder: Path
    ca_file: Path | None = None
    pkcs11_module: Path | None = None
    pkcs11_pin_file: Path | None = None


class Signer(Protocol):
    """One key. Its methods may be called at once by several tasks, and may be cancelled."""

    async def sign(self, text: bytes) -> Signed:
        """Signs it."""

    async def public_key(self, key_id: str | None) -> PublicKey:
        """The public key of that id, which a signature named; without one, of the key that would sign now."""

    async def aclose(self) -> None:
        """Ends connections and sessions; nothing is raised."""
