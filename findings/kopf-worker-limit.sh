#!/usr/bin/env bash
# `settings.queueing.worker_limit` of kopf 1.45.2 ("how many workers can run simultaneously") does not bound the work but the
# pace: a worker that is done with its object keeps its place for `idle_timeout`, 5 s, in case that the object changes again. With
# a limit of 20 an operator begins with 4 objects a second, however fast its handlers are, and sleeps in between. Below, 60 objects
# whose handler returns at once take 10 s; 10,000 would take 40 minutes, at each start. Without a limit it is a fraction of a second.
# Whoever sets the limit sets `idle_timeout` too, to 0.1.
# A server on loopback has the objects. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kopf==1.45.2 aiohttp==3.14.5
cat >serve.py <<'PYTHON'
import asyncio

from aiohttp import web

COUNT = 60
GROUP = {"name": "example.dev", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]}
VERBS = {"singularName": "", "namespaced": True, "verbs": ["list", "watch", "get"]}
LIST = {
    "metadata": {"resourceVersion": "1"},
    "items": [
        {
            "apiVersion": "example.dev/v1",
            "kind": "Thing",
            "metadata": {"name": f"t{number}", "uid": f"u{number}", "namespace": "default"},
        }
        for number in range(COUNT)
    ],
}
ANSWERS = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [GROUP]},
    "/api/v1": {"resources": [{**VERBS, "name": each, "kind": each} for each in ("namespaces", "events")]},
    "/apis/example.dev/v1": {"resources": [{**VERBS, "name": "things", "kind": "Thing"}]},
    "/apis/example.dev/v1/things": LIST,
}


async def answer(request):
    if "watch" not in request.query:
        return web.json_response(ANSWERS[request.path])
    stream = web.StreamResponse()
    await stream.prepare(request)
    await asyncio.sleep(100)
    return stream


app = web.Application()
app.router.add_get("/{path:.*}", answer)
web.run_app(app, host="127.0.0.1", port=0, print=lambda text: print(text, flush=True))
PYTHON
cat >watch.py <<'PYTHON'
import asyncio, logging, sys, time

import kopf

port, limit, idle = sys.argv[1:]
registry = kopf.OperatorRegistry()
settings = kopf.OperatorSettings()
settings.peering.standalone = settings.scanning.disabled = True
settings.queueing.worker_limit = int(limit) or None
settings.queueing.idle_timeout = float(idle)
stop = asyncio.Event()
at = []
logging.disable(logging.INFO)


@kopf.on.login(registry=registry)
def login(**_):
    return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}")


@kopf.on.event("example.dev", "v1", "things", registry=registry)
async def handle(**_):
    at.append(time.monotonic())
    if len(at) == 60:
        stop.set()


asyncio.run(kopf.operator(registry=registry, settings=settings, clusterwide=True, stop_flag=stop))
print(f"{at[-1] - at[0]:.0f}")
PYTHON
venv/bin/python serve.py >said 2>/dev/null &
server=$!
until grep -q http said 2>/dev/null; do sleep 0.1; done
port=$(grep -o '127.0.0.1:[0-9]*' said | cut -d: -f2)
declare -A took
for settings in '20 5' '20 0.1' '0 5'; do
    read -r limit idle <<<"$settings"
    took[$settings]=$(timeout 60 venv/bin/python watch.py "$port" "$limit" "$idle")
    echo "worker_limit ${limit/#0/none}, idle_timeout $idle: ${took[$settings]} s from the first to the last of 60 objects"
done
if [ "${took[20 5]}" -lt 9 ] || [ "${took[20 0.1]}" -gt 4 ] || [ "${took[0 5]}" -gt 4 ]; then
    echo 'an idle worker does not keep its place in that way any more' >&2
    exit 1
fi
