"""A stand-in for Google Cloud: KMS' two methods, the metadata server, the token exchange and impersonation.

Its KMS is held to the published description in `test_descriptions`; codes and messages of refusals are those that
cloud.google.com/kms/docs and google.aip.dev/193 show.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Any, Final
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from tests.integration.adapters.signers.services import materials
from tests.integration.adapters.signers.services.standin import Asked, Said, StandIn

RING: Final = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys"
VERSION: Final = f"{RING}/acme/cryptoKeyVersions/1"
PSS: Final = f"{RING}/pss/cryptoKeyVersions/1"
MISSING: Final = f"{RING}/none/cryptoKeyVersions/1"
DISABLED: Final = f"{RING}/disabled/cryptoKeyVersions/1"
EMAIL: Final = "signer@p.iam.gserviceaccount.com"
_PLAIN: Final = {"metadata-flavor": "Google", "content-type": "application/text"}
_JSON: Final = {"metadata-flavor": "Google", "content-type": "application/json"}
_METHOD: Final = re.compile(r"/v1/(projects/[^:]+/cryptoKeyVersions/[0-9]+)(:asymmetricSign|/publicKey)")


class GoogleCloud(StandIn):
    """`tokens` are those that were given out; KMS takes no others."""

    def __init__(self) -> None:
        super().__init__()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forgets what it was asked, and takes no token of before."""
        self.asked.clear()
        self.tokens: set[str] = set()
        self.lifetime = 3600
        self.keys: dict[str, tuple[Any, str]] = {
            VERSION: (materials.rsa_key(), "RSA_SIGN_PKCS1_2048_SHA256"),
            PSS: (materials.rsa_key("pss"), "RSA_SIGN_PSS_2048_SHA256"),
        }

    def answer(self, asked: Asked) -> Said:
        match asked.path.partition("?")[0]:
            case "/":
                return Said(200, "", _PLAIN)
            case "/computeMetadata/v1/project/project-id":
                return Said(200, "p", _PLAIN)
            case path if path.startswith("/computeMetadata/v1/instance/service-accounts/") and path.endswith("/token"):
                body = {"access_token": self._token(), "expires_in": self.lifetime, "token_type": "Bearer"}
                return Said(200, body, _JSON)
            case path if path.startswith("/computeMetadata/v1/instance/service-accounts/"):
                body = {"email": EMAIL, "scopes": ["https://www.googleapis.com/auth/cloud-platform"], "aliases": []}
                return Said(200, body, _JSON)
            case "/sts/v1/token":
                return self._exchange(parse_qs(asked.body.decode()))
            case path if path.endswith(":generateAccessToken"):
                return Said(200, {"accessToken": self._token(), "expireTime": "2099-01-01T00:00:00Z"})
        return self._kms(asked)

    def _token(self) -> str:
        token = f"ya29.{secrets.token_urlsafe(60)}"
        self.tokens.add(token)
        return token

    def _exchange(self, form: dict[str, list[str]]) -> Said:
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:token-exchange"] or not form["subject_token"][0]:
            return Said(400, {"error": "invalid_request", "error_description": "Invalid value for subject_token."})
        kind = "urn:ietf:params:oauth:token-type:access_token"
        body = {"access_token": self._token(), "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
        return Said(200, body)

    def _kms(self, asked: Asked) -> Said:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        found = _METHOD.fullmatch(asked.path)
        if found is None or (asked.method == "POST") != (found[2] == ":asymmetricSign"):
            return Said(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")
        name = found[1]
        if name == DISABLED:
            return _error(400, "FAILED_PRECONDITION", f"{name} is not enabled, current state is: DISABLED.")
        if name not in self.keys:
            return _error(404, "NOT_FOUND", f"CryptoKeyVersion {name} not found.")
        key, algorithm = self.keys[name]
        if found[2] == "/publicKey":
            pem = materials.public_pem(key)
            return Said(200, {"pem": pem, "algorithm": algorithm, "name": name, "protectionLevel": "HSM"})
        digest = base64.b64decode(asked.json()["digest"]["sha256"], validate=True)
        if len(digest) != hashes.SHA256.digest_size:
            return _error(400, "INVALID_ARGUMENT", "Digest length must be 32 bytes.")
        signature = base64.b64encode(_sign(key, algorithm, digest)).decode()
        return Said(200, {"signature": signature, "name": name, "protectionLevel": "HSM"})


def _sign(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, algorithm: str, digest: bytes) -> bytes:
    hashed = utils.Prehashed(hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(hashed))
    if "_PSS_" in algorithm:
        return key.sign(digest, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashed)
    return key.sign(digest, padding.PKCS1v15(), hashed)


def _error(status: int, name: str, message: str) -> Said:
    return Said(status, {"error": {"code": status, "message": message, "status": name}})
