#!/usr/bin/env bash
# A write that has worked is reported as a failure, because the client has sent it twice. Where a server has done what was asked
# and the connection breaks before its answer, both official Python clients of Kubernetes send a PUT or a DELETE again by
# themselves: kubernetes 37.0.2 up to three times (by urllib3's default), `kubernetes.aio` once (by aiohttp 3.14.5, in which no
# option turns it off). They tell the answer to the second: 409 Conflict, since the first moved the object's `resourceVersion`.
# So "somebody else was faster" may be oneself, and who fences work by such a PUT gives up what was won just before.
# The same with GitHub: `DELETE /installation/token` is answered with 401 after it has worked. httpx 0.28.1 does not send
# again, by its documentation and here; httpx over httpx-aiohttp 0.2.0 does, whatever its `retries=0` says.
# A PATCH is sent once by all of them, and takes a `resourceVersion` as well. The synchronous client has `retries`; 0 helps.
# A server on loopback does what it is asked and hangs up once. The same on Python 3.11 and 3.13 (PYTHON names another).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5 httpx==0.28.1 httpx-aiohttp==0.2.0
cat >send.py <<'PYTHON'
import asyncio, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import httpx_aiohttp
from kubernetes import aio, client

logging.disable()


class Api(BaseHTTPRequestHandler):
    """One Lease and one token; the answer to the first request that changes them is lost."""

    version, token, sent = 1, True, []

    def answer(self, status, body=b"{}"):
        if len(Api.sent) == 1:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        Api.sent.append(self.command)
        lease = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if lease["metadata"]["resourceVersion"] != str(Api.version):
            return self.answer(409)
        Api.version += 1
        self.answer(200)

    do_PATCH = do_PUT

    def do_DELETE(self):
        Api.sent.append(self.command)
        there, Api.token = Api.token, False
        self.answer(204 if there else 401, b"")

    def log_message(self, *_):
        pass


def lease():
    return {"metadata": {"name": "a", "resourceVersion": str(Api.version)}}


def by_client(call, retries):
    api = client.ApiClient(client.Configuration(host=host, retries=retries))
    getattr(client.CoordinationV1Api(api), call)("a", "default", lease())


async def by_aio(call):
    async with aio.client.ApiClient(aio.client.Configuration(host=host)) as api:
        await getattr(aio.client.CoordinationV1Api(api), call)("a", "default", lease())


async def delete(transport):
    Api.token = True
    async with httpx.AsyncClient(transport=transport(retries=0)) as session:
        (await session.delete(f"{host}/installation/token")).raise_for_status()


def look(what, call):
    Api.sent.clear()
    before = Api.version, Api.token
    try:
        call()
        said = "ok"
    except (client.ApiException, aio.client.ApiException) as error:
        said = f"{error.status} {error.reason}"
    except httpx.HTTPStatusError as error:
        said = f"{error.response.status_code} {error.response.reason_phrase}"
    except Exception as error:
        said = type(error).__name__
    done = "done" if (Api.version, Api.token) != before else "not done"
    print(f"{what}: {' '.join(Api.sent)}, {done}, reported as {said}")


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
for call in ("replace_namespaced_lease", "patch_namespaced_lease"):
    look("kubernetes", lambda: by_client(call, None))
    look("kubernetes, retries=0", lambda: by_client(call, 0))
    look("kubernetes.aio", lambda: asyncio.run(by_aio(call)))
for transport in (httpx.AsyncHTTPTransport, httpx_aiohttp.AiohttpTransport):
    Api.token = True
    look(f"httpx, {transport.__name__}", lambda: asyncio.run(delete(transport)))
server.shutdown()
PYTHON
NO_PROXY='*' venv/bin/python send.py | tee seen
diff - seen <<'SEEN' || { echo 'one of the clients sends again, or reports, in another way by now' >&2; exit 1; }
kubernetes: PUT PUT, done, reported as 409 Conflict
kubernetes, retries=0: PUT, done, reported as MaxRetryError
kubernetes.aio: PUT PUT, done, reported as 409 Conflict
kubernetes: PATCH, done, reported as ProtocolError
kubernetes, retries=0: PATCH, done, reported as ProtocolError
kubernetes.aio: PATCH, done, reported as ServerDisconnectedError
httpx, AsyncHTTPTransport: DELETE, done, reported as RemoteProtocolError
httpx, AiohttpTransport: DELETE DELETE, done, reported as 401 Unauthorized
SEEN
