"""Google Cloud's refusals: `error.status` of the answer is the canonical code, and tells more than the HTTP status.

cloud.google.com/apis/design/errors has the codes and the HTTP status that goes with each, where a proxy's answer has
no body; cloud.google.com/kms/docs/reference/rest/v1/CryptoKeyVersionAlgorithm the algorithms of a key's version.
"""

from __future__ import annotations

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

RS256: Final = (
    "RSA_SIGN_PKCS1_2048_SHA256",
    "RSA_SIGN_PKCS1_3072_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA256",
)
"""The algorithms that make what GitHub takes. A version has one; a PSS version signs without a word, and wrongly."""

STATUSES: Final[Mapping[str, type[TokenError]]] = {
    "PERMISSION_DENIED": SignerDenied,
    "UNAUTHENTICATED": SignerDenied,
    "NOT_FOUND": SignerKeyInvalid,
    # Disabled, destroyed, not imported yet, or made for something else.
    "FAILED_PRECONDITION": SignerKeyInvalid,
    "INVALID_ARGUMENT": SignerKeyInvalid,
    "OUT_OF_RANGE": SignerKeyInvalid,
    "UNIMPLEMENTED": SignerKeyInvalid,
    "RESOURCE_EXHAUSTED": SignerThrottled,
    "UNAVAILABLE": SignerUnavailable,
    "DEADLINE_EXCEEDED": SignerUnavailable,
    "INTERNAL": SignerUnavailable,
    "ABORTED": SignerUnavailable,
    "CANCELLED": SignerUnavailable,
    "UNKNOWN": SignerUnavailable,
}
_OF_HTTP: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


def refusal(http: int, body: JSON, *, key: str, identity: str | None, retry_after: float | None = None) -> TokenError:
    """What an answer that is no success means. `identity`: the service account, where the credential names it."""
    error = mapping(body.get("error"))
    status, message = str(error.get("status") or _OF_HTTP.get(http, "UNKNOWN")), error.get("message")
    kind = STATUSES.get(status, SignerUnavailable)
    if kind is SignerDenied:
        return SignerDenied(
            f"Google Cloud KMS: {identity or 'the identity of the operator'} may not sign with `{key}` "
            f"({status}{after(': ', message)}): grant it the roles cloudkms.signer and cloudkms.publicKeyViewer on the "
            "key"
        )
    if kind is SignerKeyInvalid:
        return SignerKeyInvalid(
            f"Google Cloud KMS cannot sign with `{key}` ({status}{after(': ', message)}): "
            "`spec.signer.gcpKMS.keyVersion` must name an enabled version whose algorithm is RSA_SIGN_PKCS1_2048_SHA256"
        )
    if kind is SignerThrottled:
        return SignerThrottled(
            f"Google Cloud KMS limits how often it signs{after(': ', message)}. Ask for a higher quota where it lasts",
            retry_after=retry_after,
        )
    return SignerUnavailable(
        f"Google Cloud KMS does not sign with `{key}` (HTTP {http}, {status}{after(': ', message)})",
        retry_after=retry_after,
    )


def unfit(algorithm: object, *, key: str) -> SignerKeyInvalid | None:
    """Why a version of this algorithm does not sign by RS256, or None."""
    if algorithm in RS256:
        return None
    shown = after(" ", algorithm) or " none"
    return SignerKeyInvalid(
        f"the algorithm of `{key}` must be RSA_SIGN_PKCS1_2048_SHA256, or with 3072 or 4096 bits, but it is{shown}: "
        "make a key of that algorithm in Google Cloud KMS and import the App's key as its version"
    )
