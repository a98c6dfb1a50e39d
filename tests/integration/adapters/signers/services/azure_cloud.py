"""A stand-in for Azure: Key Vault's keys, and Entra ID's token endpoint, over TLS.

Held to learn.microsoft.com/rest/api/keyvault/keys (get and sign; `test_descriptions`), to
learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, and for refusals to
learn.microsoft.com/azure/key-vault/general/rest-error-codes.
"""

from __future__ import annotations

import re
import secrets
import ssl
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from tests.integration.adapters.signers.services import materials
from tests.integration.adapters.signers.services.standin import Asked, Said, StandIn

TENANT: Final = "11111111-2222-3333-4444-555555555555"
CLIENT: Final = "99999999-8888-7777-6666-555555555555"
FIRST: Final = "0123456789abcdef0123456789abcdef"
SECOND: Final = "fedcba9876543210fedcba9876543210"
CALLER: Final = f"appid={CLIENT};oid=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee;iss=https://sts.windows.net/{TENANT}/"
_KEYS: Final = re.compile(r"/keys/([0-9A-Za-z-]{1,127})(?:/([0-9a-f]{32}))?(/sign)?\?api-version=7\.4")
_CLIENT_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Azure(StandIn):
    """`keys`: versions by name, the newest last; each with its key, operations and whether it is enabled."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(tls)
        self.tokens: set[str] = set()
        self.assertions: list[str] = []
        self.keys: dict[str, dict[str, tuple[Any, tuple[str, ...], bool]]] = {
            "acme": {FIRST: (materials.rsa_key(), ("sign", "verify"), True)},
            "curve": {FIRST: (materials.ec_key(), ("sign", "verify"), True)},
            "disabled": {FIRST: (materials.rsa_key("disabled"), ("sign", "verify"), False)},
            "mute": {FIRST: (materials.rsa_key("mute"), ("encrypt", "decrypt"), True)},
        }

    def answer(self, asked: Asked) -> Said:
        if asked.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token({name: values[0] for name, values in parse_qs(asked.body.decode()).items()})
        if asked.path.startswith("/metadata/identity/oauth2/token"):
            body = self._given() | {"expires_on": "4102444800", "resource": "https://vault.azure.net"}
            return Said(200, body, {"content-type": "application/json"})
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Said(
                401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer token."}}
            )
        return self._keys(asked)

    def _token(self, form: dict[str, str]) -> Said:
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == _CLIENT_ASSERTION
        assert form["scope"] == "https://vault.azure.net/.default"
        assert form["client_id"] == CLIENT
        self.assertions.append(form["client_assertion"])
        return Said(200, self._given() | {"ext_expires_in": 3599}, {"content-type": "application/json"})

    def _given(self) -> dict[str, Any]:
        token = f"{materials.base64url(b'{}')}.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(20)}"
        token = f"eyJ0eXAiOiJKV1QifQ.{token.partition('.')[2]}"
        self.tokens.add(token)
        return {"token_type": "Bearer", "expires_in": 3599, "access_token": token}

    def _keys(self, asked: Asked) -> Said:
        found = _KEYS.fullmatch(asked.path)
        if found is None:
            return Said(404, {"error": {"code": "NotFound", "message": "The URI is not known."}})
        name, version, signs = found.groups()
        versions = self.keys.get(name, {})
        if not versions or (version and version not in versions):
            return Said(
                404,
                {
                    "error": {
                        "code": "KeyNotFound",
                        "message": f"A key with (name/id) {name} was not found in this key vault.",
                    }
                },
            )
        if signs and not version:
            return Said(
                405, {"error": {"code": "BadParameter", "message": "Method POST does not allow this operation."}}
            )
        version = version or list(versions)[-1]
        key, operations, enabled = versions[version]
        kid = f"{self.url}/keys/{name}/{version}"
        if not signs:
            return Said(
                200, {"key": _jwk(kid, key, operations), "attributes": {"enabled": enabled, "created": 1, "updated": 1}}
            )
        if not enabled:
            inner = {"code": "KeyDisabled"}
            return Said(
                403,
                {
                    "error": {
                        "code": "Forbidden",
                        "message": "Operation sign is not allowed on a disabled key.",
                        "innererror": inner,
                    }
                },
            )
        body = asked.json()
        digest = materials.of_base64url(body["value"])
        if "sign" not in operations:
            return Said(
                403, {"error": {"code": "Forbidden", "message": "Operation sign is not permitted on this key."}}
            )
        if body["alg"] != "RS256" or len(digest) != hashes.SHA256.digest_size or not hasattr(key, "public_key"):
            return Said(400, {"error": {"code": "BadParameter", "message": "Invalid length of 'value'."}})
        hashed = utils.Prehashed(hashes.SHA256())
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return Said(
                400, {"error": {"code": "BadParameter", "message": "Key and signing algorithm are incompatible."}}
            )
        return Said(200, {"kid": kid, "value": materials.base64url(key.sign(digest, padding.PKCS1v15(), hashed))})


def denied(action: str) -> Said:
    """As Key Vault says it of a caller without the role, with the caller's name."""
    message = (
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
        f"definitions were changed recently, please observe propagation time.\r\nCaller: {CALLER}\r\n"
        f"Action: 'Microsoft.KeyVault/vaults/keys/{action}/action'\r\nResource: '/subscriptions/s/resourcegroups/r'"
    )
    return Said(403, {"error": {"code": "Forbidden", "message": message, "innererror": {"code": "ForbiddenByRbac"}}})


def _jwk(kid: str, key: Any, operations: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401 - RSA or EC
    numbers = key.public_key().public_numbers()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        parts = {"kty": "EC", "crv": "P-256", "x": _number(numbers.x), "y": _number(numbers.y)}
    else:
        parts = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    return {"kid": kid, "key_ops": list(operations)} | parts


def _number(value: int) -> str:
    return materials.base64url(value.to_bytes((value.bit_length() + 7) // 8))
