"""A client certificate is a pair that fits; what is wrong with it is told by key, and the key is never shown."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from githubtoken_operator.adapters.network import client_certificate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def certificate_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def pair(*, password: bytes | None = None) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return certificate_of(key), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


CERTIFICATE, KEY = pair()
ENCRYPTED = pair(password=b"x")
LONG = b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 4000 + b"\n-----END PRIVATE KEY-----\n"


def test_a_pair_that_fits_is_taken_and_not_shown() -> None:
    found = client_certificate.of_pair(CERTIFICATE, KEY)
    assert found == client_certificate.of_pair(CERTIFICATE, KEY)
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(lambda pem: pem.replace(b"\n", b"\\n"), id="line breaks as two characters"),
        pytest.param(lambda pem: pem.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda pem: b"\xef\xbb\xbf" + pem, id="a byte order mark"),
        pytest.param(lambda pem: "# für Zürich\n".encode() + pem, id="a comment"),
        pytest.param(lambda pem: b'"' + pem + b'"', id="quotes"),
        pytest.param(lambda pem: pem.replace(b"\n", b"\n    "), id="every line indented"),
    ],
)
def test_a_pair_is_taken_as_stores_deliver_it(store: Callable[[bytes], bytes]) -> None:
    assert client_certificate.of_pair(store(CERTIFICATE), store(KEY)) == client_certificate.of_pair(CERTIFICATE, KEY)


@pytest.mark.parametrize(
    ("certificate", "key", "says"),
    [
        pytest.param(b"", KEY, "`tls.crt` must be a certificate", id="no certificate"),
        pytest.param(b"garbage", KEY, "`tls.crt` must be a certificate", id="no PEM"),
        pytest.param(KEY, KEY, "`tls.crt` must be a certificate", id="a key for a certificate"),
        pytest.param(CERTIFICATE, b"", "`tls.key` must be a private key", id="no key"),
        pytest.param(CERTIFICATE, CERTIFICATE, "`tls.key` must be a private key", id="a certificate for a key"),
        pytest.param(*ENCRYPTED, "`tls.key` is encrypted", id="an encrypted key"),
        pytest.param(CERTIFICATE, pair()[1], "is not the key of the first certificate", id="another key"),
        pytest.param(CERTIFICATE * 500, KEY, "at most", id="too many certificates"),
        pytest.param(CERTIFICATE, KEY * 100, "at most", id="a key that is too long"),
        pytest.param(CERTIFICATE, LONG, "must be a whole RSA key", id="a long key of nonsense"),
    ],
)
def test_a_wrong_pair_says_what_is_wrong(certificate: bytes, key: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        client_certificate.of_pair(certificate, key)
    assert "BEGIN" not in str(raised.value)


def test_an_rsa_key_is_taken_in_both_forms() -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate = certificate_of(key)
    forms = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    pems = [key.private_bytes(Encoding.PEM, form, NoEncryption()) for form in forms]
    assert len({client_certificate.of_pair(certificate, pem).digest for pem in pems}) == 1


def test_a_key_is_judged_by_its_size_before_it_is_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_certificate, "LARGEST_RSA", 2047)
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    monkeypatch.setattr(client_certificate, "load_der_private_key", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(ValueError, match="RSA key of at most 2047 bits"):
        client_certificate.of_pair(certificate_of(key), pem)


def test_a_key_among_the_certificates_is_not_shown() -> None:
    found = client_certificate.of_pair(pair()[1] + CERTIFICATE, KEY)
    assert found == client_certificate.of_pair(CERTIFICATE, KEY)


@pytest.mark.parametrize(
    ("alert", "says"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "demands a client certificate: set `spec.clientCertificateSecretRef`"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "refuses the client certificate (expired)"),
        ("TLSV1_ALERT_UNKNOWN_CA", "refuses the client certificate (unknown CA)"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "if it demands a client certificate"),
        ("WRONG_VERSION_NUMBER", None),
    ],
)
def test_a_servers_alert_is_told(alert: str, says: str | None) -> None:
    error = ssl.SSLError(1, "text of the library")
    error.reason = alert
    outer = OSError("outer")
    outer.__cause__ = error
    found = client_certificate.demand(outer)
    assert (says in found) if says and found else found is says
