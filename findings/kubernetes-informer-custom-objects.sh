#!/usr/bin/env bash
# The informer that the official Python client has now (`kubernetes.informer.SharedInformer`, kubernetes 37.0.2) never holds a
# custom object, and runs hot where it may not watch. What it documents is "a Kubernetes resource" and, for its keys, objects
# that are dicts as well as models.
# - `CustomObjectsApi` answers with a dict, and of that the informer takes `.items`, which is the dict's method. So each list
#   ends in a TypeError; it is logged, the cache stays empty, and after 5 s it lists again, for ever.
# - A watch that is refused is asked for again at once: some 150 requests a second here, and as many warnings in the log, for as
#   long as the right `watch` is missing. client-go waits 0.8 s first, and then longer.
# So give it a `list_func` that wraps a custom resource's list in an object with `items` and `metadata` (below), and sleep in a
# handler for ERROR: it runs on the informer's own thread.
# A server on loopback stands for the API. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2
cat >inform.py <<'PYTHON'
import functools, json, logging, threading, time, types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubernetes import client
from kubernetes.informer import ERROR, SharedInformer

logging.disable()
NAME = {"name": "a", "namespace": "default", "resourceVersion": "4"}
watches = 0
refused = False


class Api(BaseHTTPRequestHandler):
    wbufsize = -1

    def do_GET(self):
        global watches
        if "watch=" not in self.path:
            return self.answer(200, {"kind": "List", "metadata": {"resourceVersion": "5"}, "items": [{"metadata": NAME}]})
        watches += 1
        if refused:
            return self.answer(403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403})
        time.sleep(1)
        self.answer(200)

    def answer(self, status, body=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"" if body is None else json.dumps(body).encode())

    def log_message(self, *_):
        pass


def wrapped(listing):
    @functools.wraps(listing)
    def listed(**given):
        got = listing(**given)
        if not isinstance(got, dict):
            return got
        meta = types.SimpleNamespace(resource_version=got["metadata"]["resourceVersion"])
        return types.SimpleNamespace(items=got["items"], metadata=meta)

    return listed


def look(what, list_func, pause=0.0):
    global watches
    watches, errors = 0, []
    informer = SharedInformer(list_func, namespace="default")
    informer.add_event_handler(ERROR, errors.append)
    informer.add_event_handler(ERROR, lambda _: time.sleep(pause))
    informer.start()
    time.sleep(2)
    held = informer.cache.list_keys()
    informer.stop()
    error = type(errors[0]).__name__ if errors else "no error"
    print(f"{what}: {held}, {error}, {'more than 50' if watches > 50 else 'few'} watches in 2 s")


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}"))
maps = client.CoreV1Api(api).list_namespaced_config_map
things = functools.partial(
    client.CustomObjectsApi(api).list_namespaced_custom_object, group="example.dev", version="v1", plural="things"
)
look("ConfigMaps", maps)
look("custom objects", things)
look("custom objects, wrapped", wrapped(things))
refused = True
look("ConfigMaps, the watch is forbidden", maps)
look("ConfigMaps, the watch is forbidden, a handler sleeps", maps, pause=1.0)
server.shutdown()
PYTHON
NO_PROXY='*' venv/bin/python inform.py | tee seen
diff - seen <<'SEEN' || { echo 'the informer lists, or watches, in another way by now' >&2; exit 1; }
ConfigMaps: ['default/a'], no error, few watches in 2 s
custom objects: [], TypeError, few watches in 2 s
custom objects, wrapped: ['default/a'], no error, few watches in 2 s
ConfigMaps, the watch is forbidden: ['default/a'], ForbiddenException, more than 50 watches in 2 s
ConfigMaps, the watch is forbidden, a handler sleeps: ['default/a'], ForbiddenException, few watches in 2 s
SEEN
