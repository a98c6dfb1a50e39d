"""The floor: what our clients need for the same work without an operator, to compare within one run.

For each token: POST access_tokens, server-side apply of a Secret, server-side apply of a second small object (a
ConfigMap in place of a status). One JWT per App, no probe, no reads, no decisions. Or, with `whole`, the five requests
that the operator sends: the mint, the probe (unless it is left out), the Secret, the status of the GitHubToken, an
event; it has no watch.
Prints one JSON object.
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

from githubtoken_operator.adapters.github.jwt import app_bearer, load_private_key
from githubtoken_operator.adapters.github.transport import make_transport
from githubtoken_operator.adapters.kubernetes.access.access import of_process
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.domain.installation import probe
from githubtoken_operator.domain.vocabulary.model import App, Server
from githubtoken_operator.domain.vocabulary.times import format_time

CONCURRENCY = 32
"""The operator's default."""

Write = tuple[str, str, dict[str, Any]]
"""Method, path and body of a request to the API server."""


def two_applies(namespace: str, number: int, token: str) -> list[Write]:
    """A Secret and a second small object."""
    meta = {"name": f"bare-{number:05}", "namespace": namespace}
    path = f"/api/v1/namespaces/{namespace}/{{}}/{meta['name']}"
    return [
        ("PATCH", path.format("secrets"), _secret(meta, token)),
        (
            "PATCH",
            path.format("configmaps"),
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"token": "issued"}},
        ),
    ]


def as_the_operator(namespace: str, number: int, token: str) -> list[Write]:
    """The Secret, the status of the GitHubToken that is there, an event."""
    meta = {"name": f"token-{number:05}", "namespace": namespace}
    kind = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": "GitHubToken"}
    now = format_time(datetime.now(UTC))
    condition = {"reason": "Fresh", "status": "True", "message": f"token valid until {now}", "lastTransitionTime": now}
    status = {
        "revision": 1,
        "observedGeneration": 1,
        "kind": "Installation",
        "secretName": meta["name"],
        "issuedTime": now,
        "expirationTime": now,
        "conditions": [{"type": "Ready", **condition}, {"type": "NeedsHuman", **condition, "status": "False"}],
    }
    event = {"type": "Normal", "reason": "TokenIssued", "message": condition["message"], "count": 1}
    core = f"/api/v1/namespaces/{namespace}"
    return [
        ("POST", f"{core}/secrets", _secret(meta, token)),
        (
            "PATCH",
            f"/apis/githubtoken.dev/v1alpha1/namespaces/{namespace}/githubtokens/{meta['name']}/status",
            {**kind, "metadata": meta, "status": status},
        ),
        (
            "POST",
            f"{core}/events",
            {"apiVersion": "v1", "kind": "Event", "metadata": meta, "involvedObject": kind | meta, **event},
        ),
    ]


def _secret(meta: dict[str, str], token: str) -> dict[str, Any]:
    data = {"token": b64encode(token.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}


async def main(plan: dict[str, Any]) -> dict[str, float]:
    """`plan`: `started` (Unix seconds), `api_url`, `namespace`, `count`, `whole`, `probe`, `apps` with their keys."""
    url = plan["api_url"]
    apps = [
        (App(item["id"], None, Server(url, url), private_key=load_private_key(item["private_key"].encode())), item)
        for item in plan["apps"]
    ]
    writes = as_the_operator if plan["whole"] else two_applies
    limit = asyncio.Semaphore(CONCURRENCY)
    access = await of_process()
    async with Api(access.configuration) as api, httpx.AsyncClient(transport=make_transport(None)) as http:

        async def one(number: int) -> None:
            app, item = apps[number % len(apps)]
            async with limit:
                path = f"/app/installations/{item['installation']}/access_tokens"
                bearer = {"Authorization": f"Bearer {await app_bearer(app, datetime.now(UTC))}"}
                answer = await http.post(url + path, headers=bearer)
                token = answer.raise_for_status().json()["token"]
                if plan["probe"]:
                    bearer = {"Authorization": f"Bearer {token}"}
                    (await http.get(url + probe.path({"metadata": "read"}), headers=bearer)).raise_for_status()
                for method, path, body in writes(plan["namespace"], number, token):
                    applied = method == "PATCH"
                    await api.request(
                        method,
                        path,
                        body=body,
                        content_type="application/apply-patch+yaml" if applied else "application/json",
                        query={"fieldManager": "bare-loop", **({"force": "true"} if applied else {})},
                    )

        await asyncio.gather(*(one(number) for number in range(plan["count"])))
    return {"seconds": round(time.time() - plan["started"], 2), "cpu_seconds": round(time.process_time(), 2)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
