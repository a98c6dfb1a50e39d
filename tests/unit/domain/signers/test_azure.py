"""Azure's refusals: what each status and code means, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.signers import azure
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)

CALLER = "appid=99999999-8888-7777-6666-555555555555;oid=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
DENIED = (
    f"Caller is not authorized to perform action on resource.\r\nCaller: {CALLER};iss=https://sts.windows.net/t/\r\n"
    "Action: 'Microsoft.KeyVault/vaults/keys/sign/action'\r\nResource: '/subscriptions/s'\r\nAssignment: (not found)"
)


def body(code: str, message: str = "Words of the service.", inner: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    return {"error": error | ({"innererror": {"code": inner}} if inner else {})}


CASES = [
    (403, body("Forbidden", inner="ForbiddenByRbac"), SignerDenied),
    (403, body("Forbidden", inner="ForbiddenByPolicy"), SignerDenied),
    (403, body("Forbidden", inner="ForbiddenByFirewall"), SignerDenied),
    (403, body("Forbidden"), SignerDenied),
    (401, body("Unauthorized"), SignerDenied),
    (403, body("Forbidden", inner="KeyDisabled"), SignerKeyInvalid),
    (404, body("KeyNotFound"), SignerKeyInvalid),
    (400, body("BadParameter"), SignerKeyInvalid),
    (405, body("BadParameter"), SignerKeyInvalid),
    (409, body("Conflict", inner="ObjectIsBeingDeleted"), SignerKeyInvalid),
    (429, body("Throttled"), SignerThrottled),
    (500, body("InternalServerError"), SignerUnavailable),
    (503, {}, SignerUnavailable),
    (302, {}, SignerUnavailable),
    (403, {"error": "Forbidden"}, SignerDenied),
    (403, {"error": {"innererror": "odd"}}, SignerDenied),
]


@pytest.mark.parametrize(("http", "answer", "kind"), CASES)
def test_a_status_and_its_code_say_what_kind_of_refusal_it_is(
    http: int, answer: dict[str, Any], kind: type[TokenError]
) -> None:
    assert type(azure.refusal(http, answer, key="acme")) is kind


def test_who_was_denied_is_named_and_the_rest_of_the_words_is_not() -> None:
    denied = azure.refusal(403, body("Forbidden", DENIED, "ForbiddenByRbac"), key="acme")

    assert f"the caller {CALLER} may not use `acme`" in denied.message
    assert "read and sign" in denied.message
    assert "sts.windows.net" not in denied.message


def test_a_limit_is_kept_to() -> None:
    limited = azure.refusal(429, body("Throttled"), key="acme", retry_after=7.0)

    assert isinstance(limited, SignerThrottled)
    assert limited.retry_after == 7.0


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("AADSTS700016: Application with identifier '…' was not found in the directory 'contoso'.", SignerDenied),
        ("AADSTS70021: No matching federated identity record found for presented assertion.", SignerDenied),
        ("AADSTS90033: A transient error has occurred. Please try again.", SignerUnavailable),
        ("Authentication failed: no answer", SignerUnavailable),
    ],
)
def test_entra_id_refuses_by_a_code(words: str, kind: type[TokenError]) -> None:
    refusal = azure.entra_refusal(words)

    assert type(refusal) is kind
    assert words.partition(":")[2] not in refusal.message


def test_an_enabled_rsa_key_that_may_sign_is_fit() -> None:
    for kind in ("RSA", "RSA-HSM"):
        assert azure.unfit(kind=kind, operations=["verify", "sign"], enabled=True, key="acme") is None


@pytest.mark.parametrize(
    ("kind", "operations", "enabled", "found"),
    [
        ("EC", ["sign"], True, "its kind is EC"),
        (None, ["sign"], True, "its kind is not said"),
        ("RSA", ["encrypt"], True, "its operations do not have sign"),
        ("RSA", None, True, "its operations do not have sign"),
        ("RSA", ["sign"], False, "it is disabled"),
    ],
)
def test_any_other_key_is_unfit_and_named(kind: object, operations: object, enabled: object, found: str) -> None:
    unfit = azure.unfit(kind=kind, operations=operations, enabled=enabled, key="acme")

    assert unfit is not None
    assert f"but {found}" in unfit.message
