"""What a pod does with its Secret: it reads the token anew for each use, and asks GitHub with it.

A user token dies in the moment in which GitHub gives its successor, before the operator can have written it. So a
consumer that is answered 401 must read its Secret again, for a second or two, before it gives up
(docs/consuming-tokens.md).
"""

from __future__ import annotations

import base64
import http
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from demo.tally import Held, Look

REREAD_FOR: Final = 2.0
REREAD_EVERY: Final = 0.1
"""Seconds for which, and after which, a consumer with a refused token reads its Secret again."""
TIMEOUT: Final = 10.0


def held_in(secret: dict[str, Any]) -> Held:
    """Reads the consumer's Secret that the operator wrote."""
    annotations = secret["metadata"]["annotations"]
    return Held(
        uid=secret["metadata"]["uid"],
        token=base64.b64decode(secret["data"]["token"]).decode(),
        revision=int(annotations["githubtoken.dev/revision"]),
        expires=datetime.fromisoformat(annotations["githubtoken.dev/expires-at"]),
    )


def look(
    read: Callable[[], Held | None],
    accepts: Callable[[str], bool],
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Look:
    """Reads the Secret and asks GitHub, as a good consumer does; `accepts` says whether GitHub takes a token."""
    at = now()
    held = read()
    if held is None:
        return Look(at, None)
    if accepts(held.token):
        return Look(at, held, alive=True)
    for _ in range(round(REREAD_FOR / REREAD_EVERY)):
        sleep(REREAD_EVERY)
        again = read()
        if again is not None and again.token != held.token and accepts(again.token):
            return Look(at, again, alive=True)
    return Look(at, held, alive=False)


class SecretReader:
    """Reads Secrets at the API server, over one connection that is kept; `ca_file` has its certificate."""

    def __init__(self, server: str, *, token: str, ca_file: Path, namespace: str) -> None:
        self._secrets = f"/api/v1/namespaces/{namespace}/secrets"
        self._client = httpx.Client(
            base_url=server,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(ca_file)),
            timeout=TIMEOUT,
            trust_env=False,
        )

    def read(self, name: str) -> Held | None:
        """What the Secret holds; None where there is none, or where somebody emptied it. Raises `httpx.HTTPError`."""
        answer = self._client.get(f"{self._secrets}/{name}")
        if answer.status_code == http.HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
        try:
            return held_in(answer.json())
        except (KeyError, ValueError):
            # Somebody edited it; the operator restores it.
            return None

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


class Probe:
    """Asks GitHub with a token, over one connection that is kept."""

    def __init__(self, api_url: str) -> None:
        self._client = httpx.Client(
            base_url=api_url, headers={"User-Agent": "demo-consumer"}, timeout=TIMEOUT, trust_env=False
        )

    def accepts(self, path: str, token: str) -> bool:
        """Whether GitHub takes the token. Raises `httpx.HTTPError` where it cannot be asked."""
        answer = self._client.get(path, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == http.HTTPStatus.UNAUTHORIZED:
            return False
        answer.raise_for_status()
        return True

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()
