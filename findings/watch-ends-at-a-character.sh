#!/usr/bin/env bash
# One object with U+0085 in it ends each watch that sees it, in two Python clients of Kubernetes. A watch's events are lines,
# JSON ended by a line feed. encoding/json, which writes them in the API server, escapes line feeds, and of the other characters
# that Unicode takes for a line's end U+2028 and U+2029, but not U+0085; that is right by JSON. lightkube 1.0.1 and kr8s 0.20.15
# read lines as httpx2 and httpx cut them, `iter_lines()`, which is Python's `str.splitlines()` and ends a line there as well.
# So json gets half an event, and its error comes out of the loop, past lightkube's `on_error`; a new watch, which begins with
# the objects that there are, ends at the same one. kubernetes 37.0.2 cuts bytes at line
# feeds, in both of its clients. U+0085 is what an ellipsis of Windows-1252 is after somebody has read it as ISO 8859-1.
# So watch by a client that cuts bytes; and where you read such a stream with httpx, cut what `iter_bytes()` gives at b"\n".
# A server on loopback stands for the API; what it sends was written by Go. The same on Python 3.11 and 3.13 (PYTHON names
# another than python3). Needs go.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    kubernetes==37.0.2 aiohttp==3.14.5 kr8s==0.20.15 httpx==0.28.1 lightkube==1.0.1 httpx2==2.16.2
cat >events.go <<'GO'
package main

import (
	"encoding/json"
	"os"
)

type object = map[string]any

func main() {
	for _, text := range []string{"plain", "line\u2028separator", "ellipsis\u0085"} {
		meta := object{"name": "a", "namespace": "default", "resourceVersion": "5", "annotations": object{"text": text}}
		one := object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
		json.NewEncoder(os.Stdout).Encode(object{"type": "ADDED", "object": one})
	}
}
GO
cat >watch.py <<'PYTHON'
import asyncio, contextlib, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kr8s.asyncio
import lightkube
from lightkube.types import OnErrorAction, OnErrorResult
from lightkube.resources.core_v1 import ConfigMap

from kubernetes import aio, client, watch

logging.disable()
EVENTS = open("events", "rb").read()
NOTHING = {"kind": "List", "gitVersion": "v1.35.4", "groups": [], "versions": ["v1"], "resources": [
    {"name": "configmaps", "singularName": "configmap", "namespaced": True, "kind": "ConfigMap", "verbs": ["watch"]}
]}


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(EVENTS if "watch=" in self.path else json.dumps(NOTHING).encode())

    def log_message(self, *_):
        pass


def by_client(seen):
    api = client.CoreV1Api(client.ApiClient(client.Configuration(host=host)))
    for event in watch.Watch().stream(api.list_namespaced_config_map, "default", timeout_seconds=5):
        seen.append(event["object"].metadata.annotations["text"])


async def by_aio(seen):
    async with aio.client.ApiClient(aio.client.Configuration(host=host)) as api:
        listing = aio.client.CoreV1Api(api).list_namespaced_config_map
        async for event in aio.watch.Watch().stream(listing, "default", timeout_seconds=5):
            seen.append(event["object"].metadata.annotations["text"])


def by_lightkube(seen):
    one = lightkube.Client(config=lightkube.KubeConfig.from_file("kubeconfig"), trust_env=False)
    stop = OnErrorResult(OnErrorAction.STOP)
    for _, found in one.watch(ConfigMap, namespace="default", on_error=lambda *_: stop):
        seen.append(found.metadata.annotations["text"])
        if len(seen) == 3:
            break


async def by_kr8s(seen):
    one = await kr8s.asyncio.api(kubeconfig="kubeconfig")
    async for _, found in one.watch("configmaps", namespace="default"):
        seen.append(found.annotations["text"])


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
with open("kubeconfig", "w") as file:
    json.dump({
        "clusters": [{"name": "a", "cluster": {"server": host}}], "users": [{"name": "a", "user": {"token": "a"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "current-context": "a",
    }, file)
for name, watched in ("kubernetes", by_client), ("kubernetes.aio", by_aio), ("lightkube", by_lightkube), ("kr8s", by_kr8s):
    seen, end = [], "went on"
    try:
        asyncio.run(watched(seen)) if asyncio.iscoroutinefunction(watched) else watched(seen)
    except ValueError as error:
        end = f"{type(error).__name__}: {str(error).split(':')[0]}"
    print(f"{name}: saw {ascii(seen)}, then {end}")
server.shutdown()
PYTHON
go run events.go >events
NO_PROXY='*' venv/bin/python watch.py | tee seen
diff - seen <<'SEEN' || { echo 'one of the clients cuts a watch in another way by now' >&2; exit 1; }
kubernetes: saw ['plain', 'line\u2028separator', 'ellipsis\x85'], then went on
kubernetes.aio: saw ['plain', 'line\u2028separator', 'ellipsis\x85'], then went on
lightkube: saw ['plain', 'line\u2028separator'], then DecodeError: Input data was truncated
kr8s: saw ['plain', 'line\u2028separator'], then JSONDecodeError: Unterminated string starting at
SEEN
