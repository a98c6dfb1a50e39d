"""What the fields of a kubeconfig, and of what its plugin prints, must be: texts, lists of texts, and the like.

kubectl refuses a field of another type too, also where no context uses it. What is not named here may be anything, and
null is as good as nothing. A field is told by its name and never by what stands in it, which may be a secret.
Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Shape = type | tuple[Any] | Mapping[str, Any]
"""A type, a list of what is in the tuple, or an object with these fields; the field `*` stands for all of them."""

_WORDS: Final = {str: "text", bool: "true or false"}
_EXEC: Final = {
    "apiVersion": str,
    "command": str,
    "args": (str,),
    "env": ({"name": str, "value": str},),
    "interactiveMode": str,
    "installHint": str,
}
_CERTIFICATE: Final = {"client-certificate": str, "client-certificate-data": str}
_KEY: Final = {"client-key": str, "client-key-data": str}
_IMPERSONATION: Final = {"as": str, "as-uid": str, "as-groups": (str,), "as-user-extra": {"*": (str,)}}
CLUSTER: Final[Shape] = {
    "server": str,
    "proxy-url": str,
    "tls-server-name": str,
    "certificate-authority": str,
    "certificate-authority-data": str,
    "insecure-skip-tls-verify": bool,
    "extensions": ({"name": str},),
}
CONTEXT: Final[Shape] = {"cluster": str, "user": str, "namespace": str}
USER: Final[Shape] = {
    **_CERTIFICATE,
    **_KEY,
    **_IMPERSONATION,
    "token": str,
    "tokenFile": str,
    "username": str,
    "password": str,
    "auth-provider": {"name": str, "config": {"*": str}},
    "exec": _EXEC,
}
CREDENTIAL: Final[Shape] = {
    "token": str,
    "clientCertificateData": str,
    "clientKeyData": str,
    "expirationTimestamp": str,
}
"""`status` of an ExecCredential."""


def fault(found: object, shape: Shape, name: str) -> str | None:
    """Which field is not what it must be, and what that is; None where all are. `name` is that of `found`."""
    if found is None:
        return None
    if isinstance(shape, type):
        return None if isinstance(found, shape) else f"`{name}` must be {_WORDS[shape]}"
    if isinstance(shape, tuple):
        if not isinstance(found, list):
            return f"`{name}` must be a list"
        if None in found:
            return f"`{name}[{found.index(None)}]` must not be null"
        parts = [(item, shape[0], f"{name}[{number}]") for number, item in enumerate(found)]
    elif isinstance(found, Mapping):
        known = {key: shape.get(key, shape.get("*")) for key in found if isinstance(key, str)}
        parts = [(found[key], part, f"{name}.{key}") for key, part in known.items() if part is not None]
    else:
        return f"`{name}` must be an object"
    return next((said for part in parts if (said := fault(*part))), None)
