from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.apps.key_text import LARGEST, NotAKey, key_der
from tests.cas import made
from tests.unit import keys

PKCS1 = keys.pem()
BODY = "".join(PKCS1.splitlines()[1:-1])
DER = base64.b64decode(BODY)
OTHER = keys.pem("another")
CERTIFICATE = made().ca_pem.decode()
LINES = PKCS1.splitlines()


def armoured(label: str, body: str) -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def twice(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TAKEN = {
    "as GitHub gives it": PKCS1,
    "CRLF": PKCS1.replace("\n", "\r\n"),
    "CR": PKCS1.replace("\n", "\r"),
    "without a last line break": PKCS1.strip(),
    "line breaks as two characters": PKCS1.replace("\n", "\\n"),
    "CRLF as four characters": PKCS1.replace("\n", "\\r\\n"),
    "line breaks escaped twice": PKCS1.replace("\n", "\\\\n"),
    "in double quotes": f'"{PKCS1}"',
    "in single quotes": f"'{PKCS1}'\n",
    "in quotes, with line breaks as two characters": json.dumps(PKCS1),
    "base64 twice": twice(PKCS1),
    "base64 twice, wrapped": base64.encodebytes(PKCS1.encode()).decode(),
    "base64 thrice": twice(twice(PKCS1)),
    "JSON with one field": json.dumps({"private-key.pem": PKCS1}),
    "JSON with other fields": json.dumps({"app_id": 12, "slug": "acme", "pem": PKCS1, "cert": CERTIFICATE}),
    "JSON with base64 in a field": json.dumps({"key": twice(PKCS1)}, indent=2),
    "what Vault answers": json.dumps({"data": {"data": {"pem": PKCS1}, "metadata": {"version": 3}}, "warnings": None}),
    "a manifest in JSON": json.dumps({"kind": "Secret", "data": {"private-key.pem": twice(PKCS1)}}),
    "a list of its lines": json.dumps(LINES),
    "JSON with a list of its lines": json.dumps({"key": LINES}),
    **{f"base64 without what fills up its end, {n}": twice(PKCS1 + "\n" * n).rstrip("=") for n in range(3)},
    "line breaks as in URLs": PKCS1.replace("\n", "%0A"),
    "encoded as in URLs": quote(PKCS1),
    "a variable of a shell": f"export GITHUB_APP_KEY={json.dumps(PKCS1)}\n",
    "the line breaks of JSON escaped twice": json.dumps({"key": PKCS1.replace("\n", "\\n")}),
    "every line indented": "".join(f"    {line}\n" for line in LINES),
    "an empty line inside": "\n".join([*LINES[:3], "", *LINES[3:]]),
    "an empty line after each": PKCS1.replace("\n", "\n\n"),
    "all in one line": "".join(LINES),
    "all in one line with blanks": " ".join(LINES),
    "a certificate first": CERTIFICATE + PKCS1,
    "a certificate after it": PKCS1 + CERTIFICATE,
    "a comment first": "# the App's key, für alle\n" + PKCS1,
    "a key of YAML first": f"private-key.pem: |\n{PKCS1}",
    "PKCS#1 in PKCS#8's words": armoured("PRIVATE KEY", BODY),
    "the same key twice": PKCS1 + PKCS1,
    "base64 without lines BEGIN and END": BODY,
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_what_stores_make_of_a_key_is_taken(text: str) -> None:
    assert key_der(text.encode()) == DER


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_of_windows_are_taken(encoding: str) -> None:
    assert key_der(PKCS1.encode(encoding)) == DER
    assert key_der(base64.b64encode(PKCS1.encode(encoding))) == DER


def test_the_der_itself_is_taken() -> None:
    assert key_der(DER) == DER


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is not PEM"),
    "garbage": (b"garbage!", "it is not PEM"),
    "a path": (b"/etc/keys/app.pem", "it is not PEM"),
    "two keys": ((PKCS1 + OTHER).encode(), "there are two private keys in it"),
    "JSON with two keys": (json.dumps({"a": PKCS1, "b": OTHER}).encode(), "it is JSON with several private keys"),
    "JSON without a key": (json.dumps({"app_id": 12}).encode(), "it is JSON with no private key"),
    "a list of two keys": (json.dumps([PKCS1, OTHER]).encode(), "there are two private keys"),
    "torn JSON": (b'{"key": "-----BEGIN', "it is JSON that cannot be read"),
    "cut off": (PKCS1[:600].encode(), "it is cut off"),
    "the end of another": ("\n".join([*LINES[:-1], "-----END PRIVATE KEY-----"]).encode(), "it is cut off"),
    "a line that is no base64": (PKCS1.replace("M", "#").encode(), "it is damaged"),
    "torn base64": (b"QUJD" * 5 + b"Q", "it is base64 that is damaged"),
    "a client secret": (b"0123456789abcdef0123456789abcdef01234567", "it has the form of a client secret"),
    "a fingerprint": (b"SHA256:abcdefghijklmnopqrstuvwxyz=", "it is the fingerprint of a key"),
    "a public key of SSH": (b"ssh-rsa AAAAB3NzaC1yc2E user@host", "it is a public key"),
    "a key of PuTTY": (b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n", "it is a PuTTY key"),
    "a JWK": (json.dumps({"kty": "RSA", "n": "abc"}).encode(), "it is a JWK"),
    "what SOPS encrypted": (b"ENC[AES256_GCM,data:abc,type:str]", "it is still encrypted by SOPS"),
    "what age encrypted": (armoured("AGE ENCRYPTED FILE", BODY).encode(), "it is still encrypted by age"),
    "a manifest in YAML": (b"apiVersion: v1\nkind: Secret\ndata:\n  key: QUJD\n", "it is a manifest"),
    **{
        text: (text.encode(), "that nobody filled in")
        for text in (
            "{{ .Data.pem }}",
            "${APP_KEY}",
            "$(APP_KEY)",
            "<path:secret/app#key>",
            "vault:secret/app#key",
            "op://vault/app/key",
            "ref+awssecrets://app",
            "%APP_KEY%",
        )
    },
    "an encrypted key": (armoured("ENCRYPTED PRIVATE KEY", BODY).encode(), "it is encrypted"),
    "an OpenSSH key": (armoured("OPENSSH PRIVATE KEY", BODY).encode(), "it is an OpenSSH key"),
    "an EC key": (armoured("EC PRIVATE KEY", BODY).encode(), "it is not an RSA key"),
    "a public key": (armoured("PUBLIC KEY", BODY).encode(), "it is a public key"),
    "a certificate": (CERTIFICATE.encode(), "it is a certificate"),
    "something else": (armoured("X509 CRL", BODY).encode(), "but not a private key"),
    "a long text": (b"-" * (LARGEST + 1), "more than the 16384"),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_where_there_is_a_doubt_the_very_thing_is_named(text: bytes, problem: str) -> None:
    with pytest.raises(NotAKey) as caught:
        key_der(text)
    assert problem in str(caught.value)
    assert BODY[:20] not in str(caught.value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"-----BEGIN PRIVATE KEY-----" + b"\\" * 16_000, id="backslashes"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----" + b"\\r" * 8_000, id="half line breaks as two characters"),
        pytest.param(b"A" * 16 + b" " * 16_000 + b"!", id="blanks"),
        pytest.param(json.dumps({"key": "A" * 16 + " " * 16_000 + "!"}).encode(), id="blanks in JSON"),
    ],
)
def test_a_long_text_of_nothing_else_is_read_once(text: bytes) -> None:
    with pytest.raises(NotAKey):
        key_der(text)


def test_what_is_wrapped_without_end_is_not_unwrapped_without_end() -> None:
    text = "no key"
    for _ in range(9):
        text = twice(text)
    with pytest.raises(NotAKey, match="wrapped too often"):
        key_der(text.encode())


@given(
    text=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    wrap=st.sampled_from([bytes, base64.b64encode, lambda text: b"{" + text + b"}", lambda text: b'"' + text + b'"']),
)
def test_no_bytes_make_it_fail_otherwise(text: bytes, wrap: Callable[[bytes], bytes]) -> None:
    try:
        found = key_der(wrap(text))
    except NotAKey:
        return
    assert found is not None
