#!/usr/bin/env bash
# A token that was renewed by adding a line to ~/.netrc is new for half of the programs. Where a host has two lines, curl, git and
# go take the first one, requests 2.34.2, pip 26.3, aiohttp 3.14.5 (with `trust_env`) and uv 0.13.9 the last. ftp's page on the
# format has the search end at the first match; Python's page on its module, by which the first three of these read, does not say.
# So a job clones with the old token and installs with the new one, each works while both are good, and half of it ends later.
# go also wants the port with the host, unlike all others, so below it has lines of its own.
# So replace the line, and where several programs write to the file, look whether there is a second one.
# A TLS server on loopback writes down which token it was shown. Needs curl, git, openssl and go 1.26 or later.
# Seen with Python 3.11 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pip==26.3 uv==0.13.9 requests==2.34.2 aiohttp==3.14.5
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
cat >serve.py <<'PYTHON'
import base64, http.server, ssl


class Asking(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        given = self.headers["Authorization"]
        if given:
            with open("shown", "a") as shown:
                shown.write(base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[2] + "\n")
        self.send_response(404 if given else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asking)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
cat >by-aiohttp.py <<'PYTHON'
import asyncio, ssl, sys

import aiohttp


async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        await session.get(sys.argv[1], ssl=ssl.create_default_context(cafile="cert.pem"))


asyncio.run(main())
PYTHON
venv/bin/python serve.py >port 2>/dev/null &
server=$!
until [ -s port ]; do sleep 0.1; done
at=localhost:$(cat port)
export HOME="$folder" NO_PROXY='*' SSL_CERT_FILE="$folder/cert.pem"
export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 PIP_CONFIG_FILE=/dev/null
unset NETRC GOAUTH GIT_ASKPASS SSH_ASKPASS XDG_CONFIG_HOME
for token in old new; do
    echo "machine localhost login x-access-token password $token"
    echo "machine $at login x-access-token password $token"
done >.netrc
chmod 600 .netrc
mkdir module
echo 'module a' >module/go.mod
look() {
    local what=$1
    shift
    : >shown
    "$@" >/dev/null 2>&1 || true
    echo "$what: $(sort -u shown | paste -s -d ' ')"
}
{
    look curl curl --silent --cacert cert.pem --netrc "https://$at/"
    look git git -c http.sslVerify=false ls-remote "https://$at/a.git"
    look go env GOPROXY="https://$at" GONOSUMDB='*' GOFLAGS=-mod=mod GOTOOLCHAIN=local go -C module get example.com/a@v1.0.0
    look uv venv/bin/uv pip install --no-cache --python venv --allow-insecure-host "$at" \
        --index-url "https://$at/simple" a-package
    look pip venv/bin/pip download --cert cert.pem --index-url "https://$at/simple" a-package
    look requests venv/bin/python -c 'import requests, sys; requests.get(sys.argv[1], verify="cert.pem")' "https://$at/"
    look aiohttp venv/bin/python by-aiohttp.py "https://$at/"
} | tee seen
diff - seen <<'SEEN' || { echo 'one of the programs takes the other line by now' >&2; exit 1; }
curl: old
git: old
go: old
uv: new
pip: new
requests: new
aiohttp: new
SEEN
