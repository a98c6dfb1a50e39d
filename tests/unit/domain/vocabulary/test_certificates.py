from __future__ import annotations

import ssl
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.vocabulary import certificates
from githubtoken_operator.domain.vocabulary.certificates import LARGEST
from tests.cas import EXPIRED, TO_THE_LETTER, made

ONE = made(TO_THE_LETTER).ca_pem.decode()
OTHER = made(EXPIRED).ca_pem.decode()


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def damaged(pem: str) -> str:
    return pem.replace("M", "#", 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ONE.encode(), id="as it is"),
        pytest.param(b"\xef\xbb\xbf" + ONE.encode(), id="a byte order mark"),
        pytest.param("# Société Générale Root\n".encode() + ONE.encode(), id="a comment in UTF-8"),
        pytest.param("# Société Générale Root\n".encode("latin-1") + ONE.encode(), id="a comment in Latin-1"),
        pytest.param(ONE.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(ONE.replace("\n", "\\n").encode(), id="line breaks as two characters"),
        pytest.param(ONE.replace("\n", "\n  ").encode(), id="every line indented"),
        pytest.param(ONE.replace("\n", "").encode(), id="all in one line"),
        pytest.param(f"Certificate:\n    Data:\n        Version: 3\n{ONE}".encode(), id="openssl's text before it"),
        pytest.param(ONE.encode() * 3, id="the same three times"),
        pytest.param(ONE.replace("CERTIFICATE", "X509 CERTIFICATE").encode(), id="its old name"),
    ],
)
def test_only_what_lies_between_begin_and_end_counts(text: bytes) -> None:
    assert certificates.of_pem(text) == certificates.of_pem(ONE.encode())
    assert certificates.of_pem(text).certificates == (der(ONE),)


def test_sets_of_the_same_certificates_are_the_same_bundle() -> None:
    one, two = certificates.of_pem((ONE + OTHER).encode()), certificates.of_pem(f"{OTHER}# and\n{ONE}".encode())
    assert one == two
    assert one.digest != certificates.of_pem(ONE.encode()).digest
    assert set(one.certificates) == {der(ONE), der(OTHER)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "must be the base64 of one or more certificates in PEM"),
        (b"# nothing", "must be the base64 of one or more certificates in PEM"),
        (der(ONE), "must be the base64 of one or more certificates in PEM"),
        ((ONE + OTHER[:200]).encode(), "has a certificate that is cut off: its line END CERTIFICATE is missing"),
        (
            (ONE + damaged(OTHER)).encode(),
            "has a certificate that is damaged: number 2 of 2 is not base64",
        ),
    ],
    ids=["empty", "a comment", "DER", "cut off", "damaged"],
)
def test_what_is_wrong_with_a_bundle_is_said(text: bytes, problem: str) -> None:
    found = certificates.of_pem(text)
    assert (found.problem, found.certificates) == (problem, ())


def test_a_bundle_is_as_large_as_the_crds_allow() -> None:
    fits = certificates.of_base64(b64encode(ONE.encode().ljust(LARGEST // 4 * 3)).decode())
    assert (fits.problem, len(fits.certificates)) == (None, 1)
    larger = certificates.of_base64(b64encode(ONE.encode().ljust(LARGEST // 4 * 3 + 1)).decode())
    assert larger.problem is not None
    assert "at most 98304 characters" in larger.problem


@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    assert certificates.of_base64(text).problem
    assert certificates.of_pem(f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----".encode()) is not None
