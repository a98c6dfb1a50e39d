#!/usr/bin/env bash
# A `default` line in ~/.netrc, as ftp has it for anonymous servers, keeps the official asyncio client of Kubernetes from its
# API server: with a bearer token each call of `kubernetes.aio` (kubernetes 37.0.2 over aiohttp 3.14.5) ends in a ValueError of
# aiohttp, before anything is sent. Its session has `trust_env=True`, and that means more than proxies to aiohttp: the .netrc
# too, whose line would need the header that the token is in. The synchronous client of the same package is served. Without
# such a line nothing fails, but the file is read anew for each request. `NETRC` with the name of an empty file helps.
# A server on loopback stands for the API. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >try.py <<'PYTHON'
import asyncio, json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import kubernetes.aio
import kubernetes.client

opened = 0
KEYS = "major minor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform".split()


def count(event, arguments):
    global opened
    opened += event == "open" and str(arguments[0]).endswith(".netrc")


class Version(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict.fromkeys(KEYS, self.headers["Authorization"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def configured(module):
    made = module.Configuration(host=f"http://127.0.0.1:{server.server_port}")
    made.api_key = {"BearerToken": "Bearer a-token"}
    return made


async def asynchronously():
    async with kubernetes.aio.client.ApiClient(configured(kubernetes.aio.client)) as api:
        for _ in range(10):
            got = await kubernetes.aio.client.VersionApi(api).get_code()
        return f"the server saw {got.git_version!r}"


server = HTTPServer(("127.0.0.1", 0), Version)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.addaudithook(count)
try:
    print("kubernetes.aio:", asyncio.run(asynchronously()))
except ValueError as error:
    print("kubernetes.aio: ValueError:", error)
print(f".netrc was opened {opened} times")
api = kubernetes.client.ApiClient(configured(kubernetes.client))
print(f"kubernetes: the server saw {kubernetes.client.VersionApi(api).get_code().git_version!r}")
server.shutdown()
PYTHON
look() {
    echo "with the line: $1${2:+, and NETRC=$2}"
    echo "$1" >"$folder/.netrc"
    chmod 600 "$folder/.netrc"
    env -u NETRC ${2:+NETRC="$2"} HOME="$folder" NO_PROXY='*' venv/bin/python try.py
}
{
    look 'machine ftp.example login ada password example'
    look 'default login anonymous password ada@example.org'
    look 'default login anonymous password ada@example.org' /dev/null
} | tee seen
diff - seen <<'SEEN' || { echo 'kubernetes.aio reads .netrc in another way by now' >&2; exit 1; }
with the line: machine ftp.example login ada password example
kubernetes.aio: the server saw 'Bearer a-token'
.netrc was opened 10 times
kubernetes: the server saw 'Bearer a-token'
with the line: default login anonymous password ada@example.org
kubernetes.aio: ValueError: Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL
.netrc was opened 1 times
kubernetes: the server saw 'Bearer a-token'
with the line: default login anonymous password ada@example.org, and NETRC=/dev/null
kubernetes.aio: the server saw 'Bearer a-token'
.netrc was opened 0 times
kubernetes: the server saw 'Bearer a-token'
SEEN
