"""AWS' refusals: the code tells, the HTTP status does not (a throttle is 400).

Codes: docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html and API_GetPublicKey.html, CommonErrors.html, and
docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html for the credential. The words of a denied
request name who was denied: `User: ARN is not authorized to perform: kms:Sign on resource: ARN ...`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from githubtoken_operator.domain.signers.words import after
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)

RS256: Final = "RSASSA_PKCS1_V1_5_SHA_256"
"""KMS' name for what GitHub takes."""

CODES: Final[Mapping[str, type[TokenError]]] = {
    # The policy of the key or of the identity; then a credential that AWS does not take.
    "AccessDeniedException": SignerDenied,
    "AccessDenied": SignerDenied,
    "NotAuthorized": SignerDenied,
    "OptInRequired": SignerDenied,
    "UnrecognizedClientException": SignerDenied,
    "InvalidClientTokenId": SignerDenied,
    "InvalidSignatureException": SignerDenied,
    "SignatureDoesNotMatch": SignerDenied,
    "IncompleteSignature": SignerDenied,
    "MissingAuthenticationToken": SignerDenied,
    "MissingAuthenticationTokenException": SignerDenied,
    "ExpiredToken": SignerDenied,
    "ExpiredTokenException": SignerDenied,
    "InvalidIdentityToken": SignerDenied,
    "IDPRejectedClaim": SignerDenied,
    # The key, or what was asked of it.
    "NotFoundException": SignerKeyInvalid,
    "DisabledException": SignerKeyInvalid,
    "KMSInvalidStateException": SignerKeyInvalid,
    "InvalidKeyUsageException": SignerKeyInvalid,
    "InvalidArnException": SignerKeyInvalid,
    "UnsupportedOperationException": SignerKeyInvalid,
    "ValidationException": SignerKeyInvalid,
    "ThrottlingException": SignerThrottled,
    "Throttling": SignerThrottled,
    "LimitExceededException": SignerThrottled,
    "RequestLimitExceeded": SignerThrottled,
    "TooManyRequestsException": SignerThrottled,
    "KMSInternalException": SignerUnavailable,
    "DependencyTimeoutException": SignerUnavailable,
    "KeyUnavailableException": SignerUnavailable,
    "InternalFailure": SignerUnavailable,
    "ServiceUnavailable": SignerUnavailable,
    "ServiceUnavailableException": SignerUnavailable,
    "RequestTimeout": SignerUnavailable,
    "IDPCommunicationError": SignerUnavailable,
}

_WHO: Final = re.compile(r"User: (\S{1,300}) is not authorized to perform: (\S{1,100})")


def refusal(code: str, message: str, *, key: str) -> TokenError:
    """What a refusal of `key` means; an unknown code is one that time may heal."""
    kind = CODES.get(code, SignerUnavailable)
    if kind is SignerDenied:
        who = _WHO.search(message)
        if who is not None:
            return SignerDenied(
                f"AWS KMS: {who[1]} may not {who[2]} with `{key}`: allow it kms:Sign and kms:GetPublicKey in the key's "
                "policy, or by IAM"
            )
        return SignerDenied(
            f"AWS does not accept the operator's identity for `{key}` ({code}{after(': ', message)}): check the IAM "
            "role of its ServiceAccount and whom that trusts"
        )
    if kind is SignerKeyInvalid:
        return SignerKeyInvalid(
            f"AWS KMS cannot sign with `{key}` ({code}{after(': ', message)}): `spec.signer.awsKMS` must name an "
            "enabled RSA key for signing, in its own region"
        )
    if kind is SignerThrottled:
        return SignerThrottled(f"AWS KMS limits how often it signs ({code}): ask AWS for a higher quota where it lasts")
    return SignerUnavailable(f"AWS KMS does not sign with `{key}` ({code}{after(': ', message)})")


def unfit(*, usage: str, algorithms: list[str], spec: str, key: str) -> SignerKeyInvalid | None:
    """Why a key of this KeyUsage, SigningAlgorithms and KeySpec does not sign by RS256, or None."""
    if usage == "SIGN_VERIFY" and RS256 in algorithms:
        return None
    return SignerKeyInvalid(
        f"`{key}` must be an RSA key of AWS KMS that signs by {RS256}, but it is a {spec} key for {usage}: import the "
        "App's key as RSA_2048 with the usage SIGN_VERIFY"
    )
