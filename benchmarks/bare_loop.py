"""The floor: what our clients need for the same work without an operator, to compare within one run.

For each token: POST access_tokens, server-side apply of a Secret, server-side apply of a second small object (a
ConfigMap in place of a status). One JWT per App, no probe, no reads, no decisions. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import httpx

from githubtoken_operator.adapters.github.jwt import app_jwt, load_private_key
from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.domain.vocabulary.model import App, Server

CONCURRENCY = 32
"""The operator's default."""


async def main(plan: dict[str, Any]) -> dict[str, float]:
    """`plan`: `started` (Unix seconds), `api_url`, `namespace`, `count`, `apps` (id, installation, private_key)."""
    url = plan["api_url"]
    apps = [
        (App(item["id"], None, Server(url, url), private_key=load_private_key(item["private_key"].encode())), item)
        for item in plan["apps"]
    ]
    limit = asyncio.Semaphore(CONCURRENCY)
    async with await Api.connect() as api, httpx.AsyncClient(transport=make_transport(None)) as http:

        async def one(number: int) -> None:
            app, item = apps[number % len(apps)]
            async with limit:
                path = f"/app/installations/{item['installation']}/access_tokens"
                bearer = {"Authorization": f"Bearer {app_jwt(app, datetime.now(UTC))}"}
                answer = await http.post(url + path, headers=bearer)
                token = answer.raise_for_status().json()["token"]
                for plural, kind in (("secrets", "Secret"), ("configmaps", "ConfigMap")):
                    value = b64encode(token.encode()).decode() if kind == "Secret" else "issued"
                    await api.request(
                        "PATCH",
                        f"/api/v1/namespaces/{plan['namespace']}/{plural}/bare-{number:05}",
                        body={
                            "apiVersion": "v1",
                            "kind": kind,
                            "metadata": {"name": f"bare-{number:05}", "namespace": plan["namespace"]},
                            "data": {"token": value},
                        },
                        content_type="application/apply-patch+yaml",
                        query={"fieldManager": "bare-loop", "force": "true"},
                    )

        await asyncio.gather(*(one(number) for number in range(plan["count"])))
    return {"seconds": round(time.time() - plan["started"], 2), "cpu_seconds": round(time.process_time(), 2)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
