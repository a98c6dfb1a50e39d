"""Certificates as CAs of all ages make them: what RFC 5280 asks for to the letter, and what clusters really have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

TO_THE_LETTER: Final = "to the letter"
NO_AUTHORITY_KEY: Final = "a leaf without authority key identifier"
NO_KEY_USAGE: Final = "a CA without keyUsage"
NO_KEY_IDENTIFIERS: Final = "a CA without key identifiers"
NOT_CRITICAL: Final = "basicConstraints that are not critical"
LEGACY: Final = (NO_AUTHORITY_KEY, NO_KEY_USAGE, NO_KEY_IDENTIFIERS, NOT_CRITICAL)
"""What kubectl, git and Go accept, and the letter of RFC 5280 does not."""

NOT_A_CA: Final = "signed by what is no CA"
ANOTHER_NAME: Final = "for another name"
EXPIRED: Final = "expired"


@dataclass(frozen=True)
class Made:
    """A CA, and a server's certificate by it with its key, for 127.0.0.1 and localhost."""

    ca_pem: bytes
    server_pem: bytes

    def write(self, path: Path) -> Path:
        """The file that a server takes."""
        path.write_bytes(self.server_pem)
        return path


@cache
def made(shape: str = TO_THE_LETTER) -> Made:
    """Certificates of that shape, of a CA of its own."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA: {shape}")])

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey, end: datetime) -> x509.CertificateBuilder:
        start = now - timedelta(days=2)
        return x509.CertificateBuilder(ca_name, name, public, x509.random_serial_number(), start, end)

    ca = builder(ca_name, ca_key.public_key(), now + timedelta(days=9)).add_extension(
        x509.BasicConstraints(ca=shape != NOT_A_CA, path_length=None), critical=shape != NOT_CRITICAL
    )
    if shape != NO_KEY_USAGE:
        ca = ca.add_extension(_signs(), critical=True)
    if shape != NO_KEY_IDENTIFIERS:
        ca = ca.add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
    end = now - timedelta(days=1) if shape == EXPIRED else now + timedelta(days=8)
    names: list[x509.GeneralName] = [x509.DNSName("elsewhere.test")]
    if shape != ANOTHER_NAME:
        names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    leaf = builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]), key.public_key(), end).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    if shape not in (NO_AUTHORITY_KEY, NO_KEY_IDENTIFIERS):
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        leaf = leaf.add_extension(authority, critical=False)
    return Made(
        ca_pem=ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        server_pem=leaf.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
