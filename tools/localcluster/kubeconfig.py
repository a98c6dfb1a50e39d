"""Key material and kubeconfig files of the local control plane. Everything secret is readable by its owner only."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def write_service_account_key(path: Path) -> None:
    """A new key that the API server signs ServiceAccount tokens with; P-256, since that takes no time to make."""
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode())


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, user: str, token: str, namespace: str) -> None:
    """A kubeconfig with one context; JSON, which is YAML too.

    Args:
        path: the file to write.
        server: the API server's address, such as `https://127.0.0.1:6443`.
        ca_file: PEM file with the certificates to trust; its content is embedded.
        user: name of the user in the file; the API server goes by the token alone.
        token: bearer token.
        namespace: namespace of commands that name none.
    """
    authority = base64.b64encode(ca_file.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user, "namespace": namespace}}],
        "current-context": "local",
    }
    write_private(path, json.dumps(config, indent=2) + "\n")
