"""A PKCS#11 module's refusals: what each return value means, and what is said of it."""

from __future__ import annotations

import pytest
from pkcs11 import exceptions

from githubtoken_operator.domain.signers import pkcs11
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerKeyInvalid, SignerUnavailable, TokenError

CASES = [
    ("PinIncorrect", SignerDenied),
    ("PinLocked", SignerDenied),
    ("PinExpired", SignerDenied),
    ("NoSuchToken", SignerKeyInvalid),
    ("NoSuchKey", SignerKeyInvalid),
    ("MultipleObjectsReturned", SignerKeyInvalid),
    ("MechanismInvalid", SignerKeyInvalid),
    ("ArgumentsBad", SignerKeyInvalid),
    ("SessionHandleInvalid", SignerUnavailable),
    ("DeviceRemoved", SignerUnavailable),
    ("GeneralError", SignerUnavailable),
    ("PKCS11Error", SignerUnavailable),
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_return_value_says_what_kind_of_refusal_it_is(name: str, kind: type[TokenError]) -> None:
    refusal = pkcs11.refusal(name, token="acme", key="app")

    assert type(refusal) is kind
    assert "`acme`" in refusal.message


def test_the_names_are_those_of_the_library() -> None:
    assert [name for name in pkcs11.NAMES if not hasattr(exceptions, name)] == []


def test_a_refused_pin_is_not_tried_again_and_the_message_says_so() -> None:
    refusal = pkcs11.refusal("PinIncorrect", token="acme", key="app")

    assert "is not tried again before the file of `--pkcs11-pin-file` changes" in refusal.message


def test_two_keys_of_one_label_are_told() -> None:
    refusal = pkcs11.refusal("MultipleObjectsReturned", token="acme", key="app")

    assert "several private keys have that label" in refusal.message


@pytest.mark.parametrize(
    ("kind", "may_sign", "found"),
    [("EC", True, "it is of type EC"), ("RSA", False, "it may not sign")],
)
def test_a_key_that_cannot_serve_is_unfit_and_named(kind: str, may_sign: object, found: str) -> None:
    unfit = pkcs11.unfit(kind=kind, may_sign=bool(may_sign), token="acme", key="app")

    assert unfit is not None
    assert found in unfit.message


def test_an_rsa_key_that_may_sign_is_fit() -> None:
    assert pkcs11.unfit(kind="RSA", may_sign=True, token="acme", key="app") is None
