"""A PKCS#11 module's refusals, by the name of the return value (`CKR_PIN_INCORRECT` is `PinIncorrect` in the library).

docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1, "Function return values". A wrong PIN locks a token after few tries, so who
was refused with one must not try the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerKeyInvalid, SignerUnavailable, TokenError

NAMES: Final[Mapping[str, type[TokenError]]] = {
    "PinIncorrect": SignerDenied,
    "PinInvalid": SignerDenied,
    "PinLenRange": SignerDenied,
    "PinExpired": SignerDenied,
    "PinLocked": SignerDenied,
    "UserPinNotInitialized": SignerDenied,
    "NoSuchToken": SignerKeyInvalid,
    "MultipleTokensReturned": SignerKeyInvalid,
    "NoSuchKey": SignerKeyInvalid,
    "MultipleObjectsReturned": SignerKeyInvalid,
    "KeyTypeInconsistent": SignerKeyInvalid,
    "KeySizeRange": SignerKeyInvalid,
    "MechanismInvalid": SignerKeyInvalid,
    "MechanismParamInvalid": SignerKeyInvalid,
    "ArgumentsBad": SignerKeyInvalid,
    "FunctionNotSupported": SignerKeyInvalid,
    "SessionHandleInvalid": SignerUnavailable,
    "SessionClosed": SignerUnavailable,
    "UserNotLoggedIn": SignerUnavailable,
    "TokenNotPresent": SignerUnavailable,
    "DeviceError": SignerUnavailable,
    "DeviceMemory": SignerUnavailable,
    "DeviceRemoved": SignerUnavailable,
    "FunctionFailed": SignerUnavailable,
    "GeneralError": SignerUnavailable,
    "HostMemory": SignerUnavailable,
    "ObjectHandleInvalid": SignerUnavailable,
    "KeyHandleInvalid": SignerUnavailable,
    "SessionCount": SignerUnavailable,
}
PIN_REFUSED: Final = frozenset(name for name, kind in NAMES.items() if kind is SignerDenied)
"""After these the same PIN is not tried again."""

_FOUND: Final[Mapping[str, str]] = {
    "NoSuchToken": "there is no such token in any slot",
    "MultipleTokensReturned": "several tokens have that label",
    "NoSuchKey": "there is no private RSA key of that label",
    "MultipleObjectsReturned": "several private keys have that label: delete the old one, or give it another label",
}


def refusal(name: str, *, token: str, key: str) -> TokenError:
    """What the error of this name means; an unknown one is one that time may heal."""
    kind = NAMES.get(name, SignerUnavailable)
    where = f"key `{key}` of PKCS#11 token `{token}`"
    if kind is SignerDenied:
        return SignerDenied(
            f"PKCS#11 token `{token}` refuses the operator's PIN ({name}): it is not tried again before the file of "
            "`--pkcs11-pin-file` changes; put the PIN of the token's user there"
        )
    if kind is SignerKeyInvalid:
        return SignerKeyInvalid(
            f"{where} cannot sign ({_FOUND.get(name, name)}): `spec.signer.pkcs11` must name one private RSA key that "
            "signs by SHA256-RSA-PKCS"
        )
    return SignerUnavailable(f"{where} does not sign ({name}): the module or the HSM behind it is away")


def unfit(*, kind: str, may_sign: bool, token: str, key: str) -> SignerKeyInvalid | None:
    """Why a private key of this type does not sign by RS256, or None."""
    if kind == "RSA" and may_sign:
        return None
    found = "it may not sign" if kind == "RSA" else f"it is of type {kind}"
    return SignerKeyInvalid(
        f"key `{key}` of PKCS#11 token `{token}` must be an RSA key with CKA_SIGN, but {found}: import the App's key so"
    )
