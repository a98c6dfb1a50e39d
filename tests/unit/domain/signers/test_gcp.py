"""Google Cloud's refusals: what each status means, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.signers import gcp
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)

KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"

CASES = [
    (403, "PERMISSION_DENIED", SignerDenied),
    (401, "UNAUTHENTICATED", SignerDenied),
    (404, "NOT_FOUND", SignerKeyInvalid),
    (400, "FAILED_PRECONDITION", SignerKeyInvalid),
    (400, "INVALID_ARGUMENT", SignerKeyInvalid),
    (429, "RESOURCE_EXHAUSTED", SignerThrottled),
    (503, "UNAVAILABLE", SignerUnavailable),
    (504, "DEADLINE_EXCEEDED", SignerUnavailable),
    (500, "INTERNAL", SignerUnavailable),
    (418, "A_NEW_STATUS", SignerUnavailable),
]


def refusal(http: int, body: dict[str, Any], identity: str | None = None) -> TokenError:
    return gcp.refusal(http, body, key=KEY, identity=identity, retry_after=30.0)


@pytest.mark.parametrize(("http", "status", "kind"), CASES)
def test_a_status_says_what_kind_of_refusal_it_is(http: int, status: str, kind: type[TokenError]) -> None:
    error = {"code": http, "status": status, "message": "Words of the service."}

    assert type(refusal(http, {"error": error})) is kind


@pytest.mark.parametrize(
    ("http", "kind"),
    [
        (400, SignerKeyInvalid),
        (401, SignerDenied),
        (403, SignerDenied),
        (404, SignerKeyInvalid),
        (429, SignerThrottled),
        (502, SignerUnavailable),
    ],
)
@pytest.mark.parametrize("body", [{}, {"error": "Forbidden"}, {"error": {"status": None, "message": 7}}])
def test_without_a_status_the_one_of_http_counts(http: int, kind: type[TokenError], body: dict[str, Any]) -> None:
    assert type(refusal(http, body)) is kind


def test_who_was_denied_is_named_with_the_roles() -> None:
    message = f"Permission 'cloudkms.cryptoKeyVersions.useToSign' denied on resource '{KEY}' (or it may not exist)."

    denied = refusal(403, {"error": {"status": "PERMISSION_DENIED", "message": message}}, "s@p.iam.gserviceaccount.com")

    assert "s@p.iam.gserviceaccount.com may not sign" in denied.message
    assert "'cloudkms.cryptoKeyVersions.useToSign' denied" in denied.message
    assert "cloudkms.signer and cloudkms.publicKeyViewer" in denied.message


def test_a_limit_is_kept_to() -> None:
    limited = refusal(429, {"error": {"status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}})

    assert isinstance(limited, SignerThrottled)
    assert limited.retry_after == 30.0


@pytest.mark.parametrize("algorithm", gcp.RS256)
def test_a_version_that_signs_by_pkcs1_and_sha256_is_fit(algorithm: str) -> None:
    assert gcp.unfit(algorithm, key=KEY) is None


@pytest.mark.parametrize(
    "algorithm",
    [
        "RSA_SIGN_PSS_2048_SHA256",
        "RSA_SIGN_PKCS1_4096_SHA512",
        "RSA_SIGN_RAW_PKCS1_2048",
        "EC_SIGN_P256_SHA256",
        "RSA_DECRYPT_OAEP_2048_SHA256",
    ],
)
def test_any_other_version_is_unfit_and_named(algorithm: str) -> None:
    found = gcp.unfit(algorithm, key=KEY)

    assert found is not None
    assert f"it is {algorithm}" in found.message


def test_a_version_without_an_algorithm_is_unfit() -> None:
    found = gcp.unfit(None, key=KEY)

    assert found is not None
    assert "it is none" in found.message
