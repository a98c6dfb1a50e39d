"""A key on a PKCS#11 token: a hardware module or SoftHSM, by its own library in C.

That library belongs to the process and not to an App, and what it does with several threads differs: sessions of their
own in four threads ended the process with SoftHSM. So there is one thread for a module, and in it one session for each
token, which all Apps share. A session that the module does not know any more (the HSM was away) is opened once more.
Nothing else may run in that thread: where a module is built on OpenSSL, what it leaves in that thread's queue of errors
comes out of the next TLS context that is made there.

A wrong PIN locks a token after few tries. One that was refused is not tried again before the file has another.

The private key is found by its label each time, so another key under that label signs from then on; its id is its
public key's digest. Mechanism: SHA256-RSA-PKCS, which python-pkcs11 does not take unless it is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import pkcs11 as cryptoki
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error

from githubtoken_operator.adapters.signers import keys
from githubtoken_operator.adapters.signers.port import PublicKey, Signed, Surroundings
from githubtoken_operator.adapters.signers.services.threads import OneThread
from githubtoken_operator.domain.apps.signers import PKCS11Key
from githubtoken_operator.domain.signers import pkcs11
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import SignerUnavailable, Terminal

T = TypeVar("T")

_STALE: Final = frozenset(
    {
        "DeviceError",
        "DeviceRemoved",
        "FunctionFailed",
        "GeneralError",
        "KeyHandleInvalid",
        "ObjectHandleInvalid",
        "SessionClosed",
        "SessionHandleInvalid",
        "TokenNotPresent",
        "UserAlreadyLoggedIn",
        "UserNotLoggedIn",
    }
)
"""What is said where the HSM was away meanwhile: the module is to begin anew."""


class PKCS11Signer:
    """One private key on a token. `Terminal(InvalidSpec)` where the flags are not set that its module needs."""

    def __init__(self, key: PKCS11Key, surroundings: Surroundings) -> None:
        if surroundings.pkcs11_module is None or surroundings.pkcs11_pin_file is None:
            raise Terminal(
                reasons.INVALID_SPEC,
                "`spec.signer.pkcs11` needs the operator's flags `--pkcs11-module` and `--pkcs11-pin-file`: set the "
                "chart's `signers.pkcs11`",
            )
        self._key = key
        self._module = _modules.setdefault(surroundings.pkcs11_module, _Module(surroundings.pkcs11_module))
        self._pin_file = surroundings.pkcs11_pin_file

    async def sign(self, text: bytes) -> Signed:
        """Signs it; see the port."""

        def call(session: Any) -> Signed:
            private, found = self._find(session)
            return Signed(private.sign(text, mechanism=Mechanism.SHA256_RSA_PKCS), found.key_id)

        return await self._ask(call)

    async def public_key(self, key_id: str | None) -> PublicKey:
        """The public half of the key that has the label now; see the port."""
        del key_id
        return await self._ask(lambda session: self._find(session)[1])

    async def aclose(self) -> None:
        """Leaves the session to the other Apps on the token."""

    async def _ask(self, call: Callable[[Any], T]) -> T:
        return await self._module.thread.run(lambda: self._asked(call))

    def _asked(self, call: Callable[[Any], T]) -> T:
        token, key = self._key.token_label, self._key.key_label
        try:
            return self._module.use(token, self._pin_file, call)
        except PKCS11Error as error:
            raise pkcs11.refusal(type(error).__name__, token=token, key=key) from None
        except OSError as error:
            raise SignerUnavailable(f"the file of `--pkcs11-pin-file` cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SignerUnavailable("the file of `--pkcs11-pin-file` must be text: the PIN alone, in UTF-8") from None

    def _find(self, session: Any) -> tuple[Any, PublicKey]:
        """The private key, and its public half."""
        token, key = self._key.token_label, self._key.key_label
        # To its end and in this thread: a search that is left behind is ended by whoever collects it, under a lock.
        found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: key}))
        if len(found) != 1:
            raise pkcs11.refusal("MultipleObjectsReturned" if found else "NoSuchKey", token=token, key=key)
        private = found[0]
        kind = private.key_type
        shown = kind.name if isinstance(kind, KeyType) else str(kind)
        if unfit := pkcs11.unfit(kind=shown, may_sign=bool(private[Attribute.SIGN]), token=token, key=key):
            raise unfit
        modulus, exponent = private[Attribute.MODULUS], private[Attribute.PUBLIC_EXPONENT]
        digest = hashlib.sha256(modulus).hexdigest()[:16]
        number, power = int.from_bytes(modulus), int.from_bytes(exponent)
        return private, keys.from_numbers(f"{token}/{key}/{digest}", modulus=number, exponent=power)


@dataclass(slots=True)
class _Module:
    """A module in this process; everything but `thread` is touched in that thread alone."""

    path: Path
    thread: OneThread = field(default_factory=lambda: OneThread("pkcs11"))
    sessions: dict[str, Any] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)
    suspect: bool = False

    def use(self, token: str, pin_file: Path, call: Callable[[Any], T]) -> T:
        """What the call makes of the token's session. Raises `PKCS11Error`, `OSError` and `SignerDenied`."""
        fresh = token not in self.sessions
        try:
            return call(self._session(token, pin_file))
        except PKCS11Error as error:
            if type(error).__name__ not in _STALE:
                raise
            self.suspect = True
            if fresh:
                # The next attempt begins anew: at once it would meet the same.
                raise
        return call(self._session(token, pin_file))

    def _session(self, token: str, pin_file: Path) -> Any:
        if self.suspect:
            self._begin_anew()
        if token not in self.sessions:
            pin = pin_file.read_text(encoding="utf-8").strip()
            tried = hashlib.sha256(f"{token}\0{pin}".encode()).digest()
            if tried in self.refused:
                raise pkcs11.refusal("PinIncorrect", token=token, key="")
            library = cryptoki.lib(str(self.path))
            try:
                self.sessions[token] = library.get_token(token_label=token).open(user_pin=pin)
            except PKCS11Error as error:
                if type(error).__name__ in pkcs11.PIN_REFUSED:
                    self.refused.add(tried)
                raise
        return self.sessions[token]

    def _begin_anew(self) -> None:
        """Forgets all sessions, and lets the module forget its logins, which would refuse new ones."""
        self.sessions.clear()
        cryptoki.lib(str(self.path)).reinitialize()
        self.suspect = False


_modules: Final[dict[Path, _Module]] = {}
"""By path; a library in C is the process's own, and there is one path."""
