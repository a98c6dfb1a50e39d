#!/usr/bin/env bash
# A program on `kubernetes.aio` ends the login of the person who runs it. Where a kubeconfig has the auth-provider `oidc` and its
# ID token has expired, `load_kube_config` of kubernetes 37.0.2 gets a new one with the refresh token. Its `persist_config`, True
# by default, is documented to update the file "when changed", and the synchronous client of the same package does so. That of
# `kubernetes.aio` saves once before it refreshes, where it should hand on the function that saves, and never again. An issuer
# that rotates takes a refresh token once: what is left in the file is a spent one, so the next start fails, and so does kubectl,
# until one has logged in anew. Where an issuer takes reuse for theft it ends the whole session.
# So pass a `KubeConfigLoader` your own `config_persister`, as below, or use an exec plugin, which keeps its tokens itself.
# An issuer on loopback rotates. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >load.py <<'PYTHON'
import asyncio, base64, json, logging, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from kubernetes import aio, client, config
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

logging.disable()
good = "refresh-1"


def id_token(expires):
    parts = {"alg": "RS256"}, {"sub": "ada", "exp": expires}, {}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class Issuer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {"token_endpoint": f"{host}/token"})

    def do_POST(self):
        global good
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if sent["refresh_token"] != [good]:
            return self.answer(400, {"error": "invalid_grant"})
        good = f"refresh-{int(good[8:]) + 1}"
        new = {"id_token": id_token(int(time.time()) + 1), "refresh_token": good, "access_token": "a", "token_type": "Bearer"}
        self.answer(200, new)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


def write():
    provider = {"client-id": "a", "client-secret": "b", "idp-issuer-url": host}
    provider |= {"id-token": id_token(1), "refresh-token": good}
    with open("kubeconfig", "w") as file:
        json.dump({
            "clusters": [{"name": "a", "cluster": {"server": host}}], "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "users": [{"name": "a", "user": {"auth-provider": {"name": "oidc", "config": provider}}}],
        }, file)


def by_client():
    config.load_kube_config("kubeconfig", client_configuration=client.Configuration())


def by_aio():
    asyncio.run(aio.config.load_kube_config("kubeconfig", client_configuration=aio.client.Configuration()))


def by_loader():
    files = KubeConfigMerger("kubeconfig")
    loader = KubeConfigLoader(files.config, config_base_path=None, config_persister=lambda _: files.save_changes())
    asyncio.run(loader.load_and_set(aio.client.Configuration()))


def look(what, load):
    write()
    said = []
    for _ in range(2):
        try:
            load()
            said.append("works")
        except aio.config.ConfigException as error:
            said.append(str(error))
    with open("kubeconfig") as file:
        kept = "the good" if good in file.read() else "a spent"
    print(f"{what}: {said[0]}, and after that: {said[1]}; the file has {kept} refresh token")


server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
look("kubernetes", by_client)
look("kubernetes.aio", by_aio)
look("kubernetes.aio, a persister of one's own", by_loader)
server.shutdown()
PYTHON
OAUTHLIB_INSECURE_TRANSPORT=1 NO_PROXY='*' venv/bin/python -W ignore load.py | tee seen
diff - seen <<'SEEN' || { echo 'one of the clients keeps a refreshed token in another way by now' >&2; exit 1; }
kubernetes: works, and after that: works; the file has the good refresh token
kubernetes.aio: works, and after that: oidc: failed to refresh access token; the file has a spent refresh token
kubernetes.aio, a persister of one's own: works, and after that: works; the file has the good refresh token
SEEN
