"""A JWT as the operator has it where a service signs for the App."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from githubtoken_operator.adapters.signers.checked import CheckedSigner
from githubtoken_operator.adapters.signers.remote_key import RemoteKey
from tests.unit.signers import FakeSigner, Seen

if TYPE_CHECKING:
    from github_simulator.control_client import App


async def signed_elsewhere(app: App) -> str:
    """By a service that has the App's key, which GitHub made."""
    key = load_pem_private_key((app.private_key or "").encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    service = FakeSigner({"v1": key})

    async def connect() -> CheckedSigner:
        return CheckedSigner(service, backend="vault", observer=Seen())

    remote = RemoteKey(
        connect, name="acme", now=lambda: datetime.now(UTC), monotonic=time.monotonic, changed=lambda: None
    )
    try:
        return await remote.bearer(str(app.id), datetime.now(UTC))
    finally:
        await remote.aclose()
