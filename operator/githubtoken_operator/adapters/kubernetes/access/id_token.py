"""The ID token of a kubeconfig with the `auth-provider` `oidc`: used as long as it lives, and renewed by kubectl alone.

At many issuers a refresh token works once. Whoever spends it and does not write its successor into the kubeconfig ends
the login of the person whose file it is; kubectl writes it, and the Kubernetes client for asyncio does not.
"""

from __future__ import annotations

import time

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.domain.vocabulary.model import JSON


def of(provider: JSON) -> str:
    """The token. Raises `ApiError` where there is none that lives."""
    import jwt  # noqa: PLC0415 - few need it, and it takes a tenth of what a command takes.

    token = str((provider.get("config") or {}).get("id-token") or "")
    try:
        expires = jwt.decode(token, options={"verify_signature": False}).get("exp") if token else 0
    except jwt.InvalidTokenError:
        message = "the kubeconfig's `auth-provider` `oidc` has an `id-token` that is none: log in anew"
        raise ApiError(0, message) from None
    if isinstance(expires, int | float) and expires <= time.time():
        message = "the kubeconfig's login (`auth-provider` `oidc`) has ended: run any kubectl command, which renews it"
        raise ApiError(0, message)
    return token
