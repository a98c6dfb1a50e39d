"""What docs/signers.md says about the import of a key: the lines for openssl give what the services take."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from tests.unit.keys import pem

PAGE: Final = Path(__file__).parents[3] / "docs" / "signers.md"
FILE: Final = "acme.private-key.pem"


def lines(section: str) -> list[str]:
    """The lines for openssl in a section of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\$ (openssl .*)$", text, re.MULTILINE)


def run(folder: Path, *commands: str) -> None:
    (folder / FILE).write_text(pem())
    for command in commands:
        subprocess.run(["sh", "-ec", command], cwd=folder, check=True, capture_output=True)


def is_the_key(found: object) -> bool:
    assert isinstance(found, rsa.RSAPrivateKey)
    own = load_pem_private_key(pem().encode(), None)
    assert isinstance(own, rsa.RSAPrivateKey)
    return found.private_numbers() == own.private_numbers()


@pytest.mark.parametrize("section", ["AWS KMS", "Google Cloud KMS", "Azure Key Vault", "PKCS#11"])
def test_the_file_that_github_gives_is_converted_to_pkcs8(tmp_path: Path, section: str) -> None:
    (convert,) = (line for line in lines(section) if " pkcs8 " in line)
    made = tmp_path / shlex.split(convert)[-1]

    run(tmp_path, convert)

    assert pem().startswith("-----BEGIN RSA PRIVATE KEY-----")
    if made.suffix == ".der":
        assert is_the_key(load_der_private_key(made.read_bytes(), None))
    else:
        assert made.read_text().startswith("-----BEGIN PRIVATE KEY-----")
        assert is_the_key(load_pem_private_key(made.read_bytes(), None))


def test_what_aws_unwraps_is_the_key(tmp_path: Path) -> None:
    wrapping = rsa.generate_private_key(65537, 4096)
    public = wrapping.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "wrapping.der").write_bytes(public)

    run(tmp_path, *lines("AWS KMS"), "cat aes.wrapped key.wrapped >material.bin")

    material = (tmp_path / "material.bin").read_bytes()
    size = wrapping.key_size // 8
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
    aes = wrapping.decrypt(material[:size], oaep)
    assert is_the_key(load_der_private_key(aes_key_unwrap_with_padding(aes, material[size:]), None))
