"""Numbers are judged by their sizes and by how they fit each other; no key here is one that costs anything."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import astuple, replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.apps import rsa_key
from githubtoken_operator.domain.apps.rsa_key import Numbers, Unusable
from tests.unit import keys


@cache
def private() -> rsa.RSAPrivateKey:
    """Loading it tests its primes, which takes longer than all that is done with it."""
    key = load_pem_private_key(keys.pem().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def der(form: PrivateFormat) -> bytes:
    return private().private_bytes(Encoding.DER, form, NoEncryption())


def good() -> Numbers:
    return rsa_key.numbers(der(PrivateFormat.TraditionalOpenSSL))


def element(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def integer(value: int) -> bytes:
    return element(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def encoded(key: Numbers, version: int = 0) -> bytes:
    return element(0x30, b"".join(map(integer, (version, *astuple(key)))))


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_both_forms_have_the_numbers_that_the_library_reads(form: PrivateFormat) -> None:
    known = private().private_numbers()
    found = rsa_key.numbers(der(form))
    assert (found.n, found.e, found.d) == (known.public_numbers.n, known.public_numbers.e, known.d)
    assert (found.p, found.q, found.dp, found.dq, found.qinv) == (
        known.p, known.q, known.dmp1, known.dmq1, known.iqmp,
    )  # fmt: skip
    assert rsa_key.numbers(encoded(found)) == found


def test_the_fingerprint_is_that_of_the_public_keys_der() -> None:
    public = private().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert rsa_key.fingerprint(good().n, good().e) == "SHA256:" + b64encode(hashlib.sha256(public).digest()).decode()


def test_numbers_show_nothing_of_themselves() -> None:
    assert str(good().d) not in repr(good())


@pytest.mark.parametrize(
    ("bits", "words"),
    [(1024, "has 1024 bits"), (2047, "has 2047 bits"), (8193, "has 8193 bits"), (30_000, "30000 bits")],
)
def test_a_key_out_of_bounds_is_refused_by_its_size_alone(bits: int, words: str) -> None:
    with pytest.raises(Unusable, match=f"{words}.* 2048 to 8192: generate another"):
        rsa_key.numbers(encoded(replace(good(), n=(1 << bits) - 1)))


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qinv"])
@pytest.mark.parametrize("value", [0, -5, 7, 1 << 9000], ids=["zero", "negative", "another", "large"])
def test_numbers_that_do_not_fit_are_damaged(name: str, value: int) -> None:
    with pytest.raises(Unusable, match="damaged"):
        rsa_key.numbers(encoded(replace(good(), **{name: value})))


@pytest.mark.parametrize("exponent", [0, 1, -3, 65539, 1 << 33], ids=str)
def test_an_exponent_of_no_use_is_damaged(exponent: int) -> None:
    with pytest.raises(Unusable, match="damaged"):
        rsa_key.numbers(encoded(replace(good(), e=exponent)))


def test_other_kinds_of_keys_are_named() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Unusable, match="not an RSA key"):
        rsa_key.numbers(curve.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    pss = der(PrivateFormat.PKCS8).replace(bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a"))
    with pytest.raises(Unusable, match="RSA-PSS"):
        rsa_key.numbers(pss)
    with pytest.raises(Unusable, match="two primes"):
        rsa_key.numbers(encoded(good(), version=1))


def test_what_is_wrapped_is_unwrapped_once() -> None:
    algorithm = element(0x30, element(6, bytes.fromhex("2a864886f70d010101")))
    wrapped = der(PrivateFormat.PKCS8)
    for _ in range(3):
        wrapped = element(0x30, integer(0) + algorithm + element(4, wrapped))
    with pytest.raises(Unusable):
        rsa_key.numbers(wrapped)


@given(st.integers(0, 2000))
def test_a_key_that_is_cut_off_is_torn_or_damaged_wherever(length: int) -> None:
    whole = der(PrivateFormat.PKCS8)
    with pytest.raises(Unusable):
        rsa_key.numbers(whole[: min(length, len(whole) - 1)])


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    with pytest.raises(Unusable):
        rsa_key.numbers(data)
