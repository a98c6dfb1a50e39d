#!/usr/bin/env bash
# Under load the official asyncio client of Kubernetes hands its caller the API server's refusal as an event of a watch. The API
# server of Kubernetes 1.37 refuses what it has no room for with a 429 in plain text and `Retry-After: 1`. `Watch` of
# `kubernetes.aio` (kubernetes 37.0.2) does not look at the status: it takes each line of such an answer for an event, gives it
# out as it is, a `str` where its documentation has a dict, and asks again at once, hundreds of times a second. The loop that
# one writes by that documentation ends with "TypeError: string indices must be integers"; one that catches and goes on
# hammers a server that has just asked for a second of quiet. A proxy's 502 in HTML comes out line by line in the same way.
# The synchronous `Watch` of the same package raises an ApiException with the status, after urllib3 has kept to Retry-After.
# So look at the type of what comes, and wait before you go on.
# A server on loopback stands for the API. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >look.py <<'PYTHON'
import asyncio, logging, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubernetes import aio, client, watch

logging.disable()
ANSWERS = {
    "busy": (429, "text/plain; charset=utf-8", "Too many requests, please try again later.\n"),
    "proxy": (502, "text/html", "<html>\n<h1>502 Bad Gateway</h1>\n</html>\n"),
}
asked = []


class Api(BaseHTTPRequestHandler):
    wbufsize = -1

    def do_GET(self):
        asked.append(time.monotonic())
        status, kind, text = ANSWERS[self.path.split("/")[4]]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


async def by_aio(namespace):
    asked.clear()
    events = []
    async with aio.client.ApiClient(aio.client.Configuration(host=host)) as api:
        stream = aio.watch.Watch().stream(aio.client.CoreV1Api(api).list_namespaced_secret, namespace)
        while len(events) < 100:
            events.append(await anext(stream))
        await stream.close()
    waited = asked[-1] - asked[0] > 10
    print(f"kubernetes.aio, {namespace}: {list(dict.fromkeys(events))}, {'with' if waited else 'without'} a pause")


def by_client(namespace):
    asked.clear()
    api = client.ApiClient(client.Configuration(host=host))
    try:
        next(watch.Watch().stream(client.CoreV1Api(api).list_namespaced_secret, namespace))
    except client.ApiException as error:
        print(f"kubernetes, {namespace}: ApiException {error.status}, asked {len(asked)} time(s)")


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
for namespace in ANSWERS:
    asyncio.run(by_aio(namespace))
    by_client(namespace)
server.shutdown()
PYTHON
NO_PROXY='*' venv/bin/python look.py | tee seen
diff - seen <<'SEEN' || { echo 'a refused watch is treated in another way by now' >&2; exit 1; }
kubernetes.aio, busy: ['Too many requests, please try again later.\n'], without a pause
kubernetes, busy: ApiException 429, asked 4 time(s)
kubernetes.aio, proxy: ['<html>\n', '<h1>502 Bad Gateway</h1>\n', '</html>\n'], without a pause
kubernetes, proxy: ApiException 502, asked 1 time(s)
SEEN
