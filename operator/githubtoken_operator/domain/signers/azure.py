"""Azure Key Vault's refusals: the HTTP status, and within 403 the inner code of the answer.

learn.microsoft.com/azure/key-vault/general/rest-error-codes; a caller who is denied is named in the message:
`Caller: appid=...;oid=...;iss=...`. Entra ID's refusals have a code of their own, `AADSTS` and a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from githubtoken_operator.domain.signers.words import after
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from githubtoken_operator.domain.vocabulary.model import JSON

STATUSES: Final[Mapping[int, type[TokenError]]] = {
    400: SignerKeyInvalid,
    401: SignerDenied,
    403: SignerDenied,
    404: SignerKeyInvalid,
    405: SignerKeyInvalid,
    # Being deleted or recovered.
    409: SignerKeyInvalid,
    429: SignerThrottled,
}
KEY_CODES: Final = frozenset({"KeyDisabled", "KeyExpired", "KeyNotYetValid"})
"""Inner codes of a 403 that is about the key and not about who asks."""

_CALLER: Final = re.compile(r"Caller: (appid=[0-9A-Za-z-]{1,64}(?:;oid=[0-9A-Za-z-]{1,64})?)")
_ENTRA: Final = re.compile(r"AADSTS\d{3,10}")
_ENTRA_AWAY: Final = frozenset({"AADSTS90033", "AADSTS50196", "AADSTS700003"})
_KINDS: Final = ("RSA", "RSA-HSM")


def refusal(http: int, body: JSON, *, key: str, retry_after: float | None = None) -> TokenError:
    """What an answer that is no success means."""
    code, inner, message = _read(body)
    kind = STATUSES.get(http, SignerUnavailable)
    if kind is SignerDenied and inner not in KEY_CODES:
        who = _CALLER.search(message)
        shown = f"the caller {who[1]}" if who else "the identity of the operator"
        said = "" if who else after(": ", message)
        return SignerDenied(
            f"Azure Key Vault: {shown} may not use `{key}` (HTTP {http}, {inner or code}{said}): grant it the key's "
            "actions read and sign, and let the vault's firewall pass the cluster"
        )
    if kind in {SignerDenied, SignerKeyInvalid}:
        return SignerKeyInvalid(
            f"Azure Key Vault cannot sign with `{key}` (HTTP {http}, {inner or code}{after(': ', message)}): "
            "`spec.signer.azureKeyVault` must name an enabled RSA key whose operations have sign"
        )
    if kind is SignerThrottled:
        return SignerThrottled(
            "Azure Key Vault limits how often it signs: use a vault of its own for the key where it lasts",
            retry_after=retry_after,
        )
    return SignerUnavailable(
        f"Azure Key Vault does not sign with `{key}` (HTTP {http}{after(', ', code)})", retry_after=retry_after
    )


def entra_refusal(message: str) -> TokenError:
    """What it means that Entra ID gave no token; the text is the library's, which holds Entra's."""
    found = _ENTRA.search(message)
    if found is None or found[0] in _ENTRA_AWAY:
        return SignerUnavailable(f"Entra ID gives the operator no token{after(', ', found and found[0])}")
    return SignerDenied(
        f"Entra ID refuses the operator's identity ({found[0]}): check the client id and the tenant of its "
        "ServiceAccount, and the federated credential's issuer, subject and audience"
    )


def unfit(*, kind: object, operations: object, enabled: object, key: str) -> SignerKeyInvalid | None:
    """Why a key of this `kty`, these `key_ops` and this state does not sign by RS256, or None."""
    if kind not in _KINDS:
        found = f"its kind is{after(' ', kind) or ' not said'}"
    elif enabled is False:
        found = "it is disabled"
    elif not isinstance(operations, list) or "sign" not in operations:
        found = "its operations do not have sign"
    else:
        return None
    return SignerKeyInvalid(
        f"`{key}` must be an enabled RSA key of Azure Key Vault with the operation sign, but {found}: import the App's "
        "key so"
    )


def _read(body: JSON) -> tuple[str, str, str]:
    """The code, the inner code and the message; each "" where there is none."""
    error = mapping(body.get("error"))
    inner = mapping(error.get("innererror"))
    texts = (error.get("code"), inner.get("code"), error.get("message"))
    code, within, message = (text if isinstance(text, str) else "" for text in texts)
    return code[:64], within[:64], message
