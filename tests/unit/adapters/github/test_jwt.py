"""Private keys are recognised for what they are, and the web tokens are what GitHub accepts."""

from __future__ import annotations

import base64
import gc
import hashlib
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.adapters.github import jwt as adapter
from githubtoken_operator.adapters.github.jwt import app_bearer, load_private_key, read_private_key
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import App, Server

NOW = datetime(2026, 11, 23, 1, 0, 0, 999_999, tzinfo=UTC)


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    del number
    return rsa.generate_private_key(65537, bits)


def pem(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    form: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return (private or key()).private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme")])
    builder = x509.CertificateBuilder(name, name, key().public_key(), 1, NOW, NOW + timedelta(days=1))
    return builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.PEM)


def app(
    private: rsa.RSAPrivateKey | None = None,
    *,
    app_id: int | None = 12,
    client_id: str | None = "Iv23",
    api: str = "api",
) -> App:
    url = f"https://{api}.github.com"
    return App(
        app_id, client_id, Server(url, "https://github.com"), private_key=load_private_key(pem(private or key()))
    )


def claims(text: str, private: rsa.RSAPrivateKey | None = None) -> dict[str, object]:
    return jwt.decode(
        text, (private or key()).public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_both_formats_of_a_key_give_the_fingerprint_that_github_shows(form: PrivateFormat) -> None:
    der = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    expected = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    assert load_private_key(pem(form=form)).fingerprint == expected


def test_text_around_the_key_does_no_harm() -> None:
    assert load_private_key(b"\n\n" + pem() + b"\n\n").fingerprint == load_private_key(pem()).fingerprint


def test_a_key_is_parsed_once() -> None:
    assert load_private_key(pem()) is load_private_key(bytes(bytearray(pem())))


def test_a_key_shows_its_fingerprint_and_nothing_of_itself() -> None:
    loaded = load_private_key(pem())
    assert repr(loaded) == f"RSAKey(fingerprint='{loaded.fingerprint}')"
    assert "RSAKey" not in repr(app())


PASSWORD = BestAvailableEncryption(b"secret")
PUBLIC = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda: b"", "not PEM", id="empty"),
        pytest.param(lambda: b"garbage", "not PEM", id="garbage"),
        pytest.param(lambda: pem()[:600], "cut off", id="cut off"),
        pytest.param(lambda: pem().replace(b"M", b"#"), "damaged", id="damaged"),
        pytest.param(lambda: pem().ljust(20_000), "20000 bytes", id="too long"),
        pytest.param(lambda: pem(encryption=PASSWORD), "encrypted", id="encrypted PKCS#1"),
        pytest.param(lambda: pem(form=PrivateFormat.PKCS8, encryption=PASSWORD), "encrypted", id="encrypted PKCS#8"),
        pytest.param(lambda: pem(form=PrivateFormat.OpenSSH), "OpenSSH", id="OpenSSH"),
        pytest.param(lambda: key().public_key().public_bytes(*PUBLIC), "public key", id="public key"),
        pytest.param(
            lambda: key().public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1), "public key", id="RSA public key"
        ),
        pytest.param(certificate, "certificate", id="certificate"),
        pytest.param(lambda: b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n", "not a private key", id="CRL"),
        pytest.param(lambda: pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key", id="elliptic curve"),
        pytest.param(lambda: pem(key(bits=1024)), "1024 bits", id="too small"),
    ],
)
def test_what_is_not_an_rsa_private_key_is_called_by_its_name(make: object, says: str) -> None:
    text = make()  # type: ignore[operator]
    with pytest.raises(Terminal) as caught:
        load_private_key(text)
    assert caught.value.reason == reasons.PRIVATE_KEY_INVALID
    assert says in caught.value.message
    assert "must be" in caught.value.message
    # What a parser says may repeat what it was given, and a traceback shows each cause.
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


async def test_a_key_is_read_beside_the_event_loop() -> None:
    with pytest.raises(Terminal, match="is not PEM"):
        await read_private_key(b"garbage")
    assert await read_private_key(pem()) is load_private_key(pem())


def test_a_key_that_no_app_has_any_more_is_forgotten() -> None:
    parsed = load_private_key(pem(key(2)))
    digest = hashlib.sha256(pem(key(2))).digest()
    assert adapter._keys.get(digest) is parsed
    del parsed
    gc.collect()
    assert digest not in adapter._keys


async def test_a_large_key_signs_beside_the_event_loop_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = jwt.encode

    def encode(claims: dict[str, Any], private: rsa.RSAPrivateKey, algorithm: str) -> str:
        threads.append(threading.current_thread().name)
        return real(claims, private, algorithm=algorithm)

    monkeypatch.setattr(jwt, "encode", encode)
    monkeypatch.setattr(adapter, "_SIGNS_AT_ONCE", 1024)
    first = await app_bearer(app(), NOW, renew=True)
    assert await app_bearer(app(), NOW + timedelta(minutes=1)) == first
    monkeypatch.setattr(adapter, "_SIGNS_AT_ONCE", 4096)
    await app_bearer(app(), NOW, renew=True)
    main = threading.main_thread().name
    assert [name == main for name in threads] == [False, True]


@settings(deadline=None)
@given(
    middle=st.binary(max_size=200), label=st.sampled_from([b"RSA PRIVATE KEY", b"PRIVATE KEY", b"EC PRIVATE KEY", b"X"])
)
def test_no_bytes_make_the_parser_fail_otherwise(middle: bytes, label: bytes) -> None:
    encoded = base64.encodebytes(middle)
    for text in (middle, b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, encoded, label)):
        with pytest.raises(Terminal) as caught:
            load_private_key(text)
        assert caught.value.reason == reasons.PRIVATE_KEY_INVALID


async def test_a_web_token_has_whole_seconds_within_githubs_ten_minutes() -> None:
    seconds = int(NOW.timestamp())
    text = await app_bearer(app(), NOW)
    assert claims(text) == {"iat": seconds - 60, "exp": seconds + 540, "iss": "Iv23"}
    assert jwt.get_unverified_header(text)["alg"] == "RS256"


async def test_without_a_client_id_the_app_id_issues() -> None:
    assert claims(await app_bearer(app(client_id=None), NOW))["iss"] == "12"


async def test_a_web_token_is_signed_once_in_five_minutes() -> None:
    first = await app_bearer(app(), NOW, renew=True)
    assert await app_bearer(app(), NOW + timedelta(minutes=4, seconds=59)) == first
    assert await app_bearer(app(), NOW + timedelta(minutes=5, seconds=1)) != first


async def test_a_clock_that_was_set_back_gets_a_web_token_of_its_time() -> None:
    first = await app_bearer(app(), NOW, renew=True)
    assert await app_bearer(app(), NOW - timedelta(seconds=2)) == first
    assert await app_bearer(app(), NOW - timedelta(minutes=1)) != first


async def test_a_refused_web_token_is_not_used_again() -> None:
    first = await app_bearer(app(), NOW, renew=True)
    second = await app_bearer(app(), NOW + timedelta(seconds=1), renew=True)
    assert second != first
    assert await app_bearer(app(), NOW + timedelta(seconds=1)) == second


async def test_another_key_issuer_or_host_has_a_web_token_of_its_own() -> None:
    texts = [
        await app_bearer(given, NOW)
        for given in (app(), app(key(1)), app(client_id=None), app(client_id=None, app_id=13))
    ]
    assert len(set(texts)) == len(texts)
    await app_bearer(app(api="one"), NOW, renew=True)
    later = await app_bearer(app(api="two"), NOW + timedelta(seconds=9), renew=True)
    assert await app_bearer(app(api="one"), NOW + timedelta(seconds=9)) != later


async def test_an_app_without_a_key_cannot_sign() -> None:
    with pytest.raises(Terminal) as caught:
        await app_bearer(App(12, None, Server("https://api.github.com", "https://github.com")), NOW)
    assert caught.value.reason == reasons.PRIVATE_KEY_MISSING
