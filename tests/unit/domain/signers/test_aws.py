"""AWS' refusals: what each code means, and what is said of it."""

from __future__ import annotations

import pytest

from githubtoken_operator.domain.signers import aws
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)

WHO = "arn:aws:sts::111122223333:assumed-role/githubtoken/botocore-session-1"
DENIED = (
    f"User: {WHO} is not authorized to perform: kms:Sign on resource: arn:aws:kms:eu-central-1:111122223333:key/0a1b "
    "because no identity-based policy allows the kms:Sign action"
)

CASES = [
    ("AccessDeniedException", SignerDenied),
    ("AccessDenied", SignerDenied),
    ("UnrecognizedClientException", SignerDenied),
    ("ExpiredTokenException", SignerDenied),
    ("InvalidIdentityToken", SignerDenied),
    ("NotFoundException", SignerKeyInvalid),
    ("DisabledException", SignerKeyInvalid),
    ("KMSInvalidStateException", SignerKeyInvalid),
    ("InvalidKeyUsageException", SignerKeyInvalid),
    ("ValidationException", SignerKeyInvalid),
    ("ThrottlingException", SignerThrottled),
    ("LimitExceededException", SignerThrottled),
    ("KMSInternalException", SignerUnavailable),
    ("DependencyTimeoutException", SignerUnavailable),
    ("KeyUnavailableException", SignerUnavailable),
    ("ANewException", SignerUnavailable),
    ("", SignerUnavailable),
]


@pytest.mark.parametrize(("code", "kind"), CASES)
def test_a_code_says_what_kind_of_refusal_it_is(code: str, kind: type[TokenError]) -> None:
    refusal = aws.refusal(code, "words of the service", key="alias/acme")

    assert type(refusal) is kind
    assert code in refusal.message


def test_who_was_denied_what_is_named_with_what_to_allow() -> None:
    refusal = aws.refusal("AccessDeniedException", DENIED, key="alias/acme")

    assert f"{WHO} may not kms:Sign with `alias/acme`" in refusal.message
    assert "allow it kms:Sign and kms:GetPublicKey" in refusal.message


def test_a_key_that_cannot_be_used_is_named_with_the_words_of_the_service() -> None:
    refusal = aws.refusal("DisabledException", "arn:aws:kms:… is disabled.", key="alias/acme")

    assert "`alias/acme` (DisabledException: arn:aws:kms:… is disabled)" in refusal.message


def test_an_rsa_key_that_signs_by_pkcs1_is_fit() -> None:
    algorithms = ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"]
    assert aws.unfit(usage="SIGN_VERIFY", algorithms=algorithms, spec="RSA_2048", key="k") is None


@pytest.mark.parametrize(
    ("usage", "algorithms", "spec"),
    [("ENCRYPT_DECRYPT", [], "RSA_2048"), ("SIGN_VERIFY", ["ECDSA_SHA_256"], "ECC_NIST_P256"), ("", [], "")],
)
def test_any_other_key_is_unfit_and_named(usage: str, algorithms: list[str], spec: str) -> None:
    found = aws.unfit(usage=usage, algorithms=algorithms, spec=spec, key="the-key")

    assert found is not None
    assert f"it is a {spec} key for {usage}" in found.message
    assert "`the-key`" in found.message
