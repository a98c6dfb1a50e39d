"""What a tenant can write that means nothing: odd keys, huge Secrets, objects that contend, spellings and nesting.

All of it is accepted by the API server and harmless to whatever reads it with care: keys are of other kinds, cut off or
only long, and nothing is nested deeper than a person would.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.cas import made
from tests.integration.operator.stage.belongings import pem

HUGE: Final = 1_000_000
"""Bytes; a Secret has 1,048,576 at most."""
KEYS: Final = 25_000
"""Of a Secret, of which each is named again in its metadata."""
CONTENDERS: Final = 20
"""GitHubTokens that name one Secret."""

Manifest = dict[str, Any]


def nonsense(port: int) -> Iterator[Manifest]:
    """Without an end: the kinds in turn. `port` is one on loopback where something listens that is not GitHub."""
    numbers = itertools.count()
    yield from odd_keys()
    yield from odd_certificates()
    yield from (github_token(f"contender-{number}", secret={"name": "shared"}) for number in range(CONTENDERS))
    while True:
        number = next(numbers)
        yield spelled(number, port)
        yield github_token(f"of-spelled-{number}", app=f"spelled-{number}")
        yield secret(f"nested-{number}", {}, role="credential", notes=nested())
        yield github_token(f"of-nested-{number}", user={"credentialSecretName": f"nested-{number}"})
        yield secret(f"stray-{number}", {"token": "not a token\n" * 50}, role=("seed", "app", "consumer")[number % 3])
        if number % 20 == 0:
            yield secret(f"huge-{number}", {"private-key.pem": "A" * HUGE}, role="app")
            yield secret(f"crowded-{number}", dict.fromkeys(map(str, range(KEYS)), ""), role="seed")
            yield github_app(f"huge-{number}")
            yield github_token(f"of-huge-{number}", app=f"huge-{number}")


def odd_keys() -> Iterator[Manifest]:
    """An App and a token for each."""
    whole = pem()
    keys = {
        "whole": whole,
        "empty": "",
        "elliptic": _written(ec.generate_private_key(ec.SECP256R1())),
        "edwards": _written(ed25519.Ed25519PrivateKey.generate()),
        "encrypted": pem(password=b"secret"),
        "cut": whole[: len(whole) // 2],
        "twice": whole + whole,
        "long": f"-----BEGIN RSA PRIVATE KEY-----\n{'A' * (HUGE // 2)}\n-----END RSA PRIVATE KEY-----\n",
        "backslashes": "-----BEGIN PRIVATE KEY-----" + "\\" * 16_000,
        "blanks": "A" * 16 + " " * 16_000 + "!",
        "text": "the key is with Bob",
    }
    for name, key in keys.items():
        yield secret(f"key-{name}", {"private-key.pem": key, "client-secret": "x" * 1000}, role="app")
        yield github_app(f"key-{name}")
        yield github_token(f"of-key-{name}", app=f"key-{name}")


def odd_certificates() -> Iterator[Manifest]:
    """An App and a token for each that is to show itself to its host by what is no client certificate."""
    key = _written(ec.generate_private_key(ec.SECP256R1()))
    certificates = {
        "nothing": ("", ""),
        "key": (key, key),
        "swapped": (key, made().ca_pem.decode()),
        "another": (made().ca_pem.decode(), key),
        "long": ("-----BEGIN CERTIFICATE-----\n" + "A" * (HUGE // 2), key),
    }
    for name, (certificate, private) in certificates.items():
        yield secret(f"client-{name}", {"tls.crt": certificate, "tls.key": private}, role="app")
        shown = {"clientCertificateSecretRef": {"name": f"client-{name}"}}
        yield github_app(f"client-{name}", secret="key-whole", **shown)
        yield github_token(f"of-client-{name}", app=f"client-{name}")


def spelled(number: int, port: int) -> Manifest:
    """An App on a host that is spelled like no other's, with a CA of its own and a comment."""
    letters = "localhost"
    host = "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate(letters))
    bundle = f"# the CA of team {number}\n{made().ca_pem.decode()}".encode()
    return github_app(
        f"spelled-{number}",
        secret="key-whole",
        apiURL=f"https://{host}:{port}",
        webURL=f"https://{host}:{port}",
        caBundle=base64.b64encode(bundle).decode(),
    )


def nested() -> dict[str, str]:
    """Annotations of ours that are JSON, of another form than we write."""
    deep: Any = []
    for _ in range(100):
        deep = [deep, {"token": deep}] if len(json.dumps(deep)) < 10_000 else [deep]
    return {
        f"githubtoken.dev/{name}": json.dumps(deep)
        for name in ("seeds-taken", "spent-sha256", "refresh-intent", "device-flow")
    }


def github_app(name: str, *, secret: str | None = None, **spec: Any) -> Manifest:  # noqa: ANN401 - fields of any kind
    reference = {"name": secret or name}
    whole = {"appID": 1, "clientID": "Iv23nobody", "privateKeySecretRef": reference, "clientSecretSecretRef": reference}
    return _object("GitHubApp", name, {**whole, "apiURL": "http://127.0.0.1:9", "webURL": "http://127.0.0.1:9", **spec})


def github_token(name: str, *, app: str = "nobody", **spec: Any) -> Manifest:  # noqa: ANN401 - fields of any kind
    source = {} if "user" in spec else {"installation": {"owner": "nobody"}}
    return _object("GitHubToken", name, {"appRef": {"name": app}, **source, **spec})


def secret(name: str, data: dict[str, str], *, role: str, notes: dict[str, str] | None = None) -> Manifest:
    metadata = {"name": name, "labels": {"githubtoken.dev/role": role}, "annotations": notes or {}}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": "githubtoken.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _written(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
