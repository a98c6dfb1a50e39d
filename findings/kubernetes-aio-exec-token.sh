#!/usr/bin/env bash
# A program on `kubernetes.aio` works for as long as the first token of its kubeconfig does, where that has an exec plugin, as
# the clouds' have. A plugin's answer has an `expirationTimestamp`; by Kubernetes' page on plugins a token is kept until then, or
# until a 401, and the plugin is run again. The synchronous client of kubernetes 37.0.2 does the former. `load_kube_config` of its
# `kubernetes.aio` runs the plugin once: each request after that time is a 401, and the short test before it was well.
# So run `refresh_token` of its config module beside the program, as below; nothing starts it by itself.
# A server on loopback takes each token for five seconds. Seen with Python 3.11 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >plugin.py <<'PYTHON'
import datetime, json, time

now = time.time()
end = datetime.datetime.fromtimestamp(now + 5, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
status = {"token": str(now), "expirationTimestamp": end}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
PYTHON
cat >ask.py <<'PYTHON'
import asyncio, json, logging, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kubernetes
import kubernetes.aio
from kubernetes.aio.config.kube_config import refresh_token

KEYS = "major minor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform".split()
logging.disable()


class Version(BaseHTTPRequestHandler):
    def do_GET(self):
        lives = time.time() < float(self.headers["Authorization"].removeprefix("Bearer ")) + 5
        body = json.dumps(dict.fromkeys(KEYS, "a")).encode()
        self.send_response(200 if lives else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def synchronously():
    kubernetes.config.load_kube_config("kubeconfig")
    for _ in range(2):
        yield kubernetes.client.VersionApi().get_code_with_http_info()[1]
        time.sleep(7)


async def by_aio(refreshing):
    configuration = kubernetes.aio.client.Configuration()
    loader = await kubernetes.aio.config.load_kube_config("kubeconfig", client_configuration=configuration)
    task = asyncio.create_task(refresh_token(loader, configuration, interval=1)) if refreshing else None
    statuses = []
    async with kubernetes.aio.client.ApiClient(configuration) as api:
        for _ in range(2):
            try:
                statuses.append((await kubernetes.aio.client.VersionApi(api).get_code_with_http_info()).status_code)
            except kubernetes.aio.client.ApiException as error:
                statuses.append(error.status)
            await asyncio.sleep(7)
    if task:
        task.cancel()
    return statuses


server = ThreadingHTTPServer(("127.0.0.1", 0), Version)
threading.Thread(target=server.serve_forever, daemon=True).start()
plugin = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
plugin |= {"command": sys.executable, "args": ["plugin.py"]}
parts = {
    "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    "users": [{"name": "a", "user": {"exec": plugin}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
}
with open("kubeconfig", "w") as file:
    json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "a", **parts}, file)
print("kubernetes:", *synchronously())
print("kubernetes.aio:", *asyncio.run(by_aio(False)))
print("kubernetes.aio with refresh_token:", *asyncio.run(by_aio(True)))
server.shutdown()
PYTHON
NO_PROXY='*' venv/bin/python ask.py | tee seen
diff - seen <<'SEEN' || { echo 'kubernetes.aio runs the plugin again by now' >&2; exit 1; }
kubernetes: 200 200
kubernetes.aio: 200 401
kubernetes.aio with refresh_token: 200 200
SEEN
