#!/usr/bin/env bash
# One `@kopf.index` makes the start of an operator quadratic in the number of objects. kopf 1.45.2 calls no handler until all
# objects that exist are indexed, and each of them, when it is, wakes all that wait to see whether it was the last one. With
# 1,000 objects that takes 2.5 s of a core, with 2,000 10 s, with 3,000 more than 20 s; without the index it is 1 s or less.
# Here the index has one entry for each object, and the handler does nothing.
# kopf's page on indices says that updates are O(1), that the number of values and keys does not matter, and that the first
# filling "can take time". Where there may be thousands of objects, fill a dict of your own in an `@kopf.on.event`.
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

THING = {"apiVersion": "example.dev/v1", "kind": "Thing"}
GROUP = {"name": "example.dev", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]}
KIND = {"singularName": "", "namespaced": True, "verbs": ["list", "watch", "get"]}


def answered(count, path):
    if path == "apis/example.dev/v1/things":
        names = [{"name": f"t{each}", "uid": f"u{each}", "namespace": "default"} for each in range(int(count))]
        return {"metadata": {"resourceVersion": "1"}, "items": [{**THING, "metadata": each} for each in names]}
    return {
        "api": {"versions": ["v1"]},
        "apis": {"groups": [GROUP]},
        "api/v1": {"resources": [{**KIND, "name": each, "kind": each} for each in ("namespaces", "events")]},
        "apis/example.dev/v1": {"resources": [{**KIND, "name": "things", "kind": "Thing"}]},
    }[path]


async def answer(request):
    if "watch" not in request.query:
        return web.json_response(answered(**request.match_info))
    stream = web.StreamResponse()
    await stream.prepare(request)
    await asyncio.sleep(100)
    return stream


app = web.Application()
app.router.add_get("/{count}/{path:.*}", answer)
web.run_app(app, host="127.0.0.1", port=0, print=lambda text: print(text, flush=True))
PYTHON
cat >watch.py <<'PYTHON'
import asyncio, logging, sys, time

import kopf

port, count, index = sys.argv[1:]
registry = kopf.OperatorRegistry()
settings = kopf.OperatorSettings()
settings.peering.standalone = settings.scanning.disabled = True
stop = asyncio.Event()
seen = []
logging.disable(logging.INFO)


@kopf.on.login(registry=registry)
def login(**_):
    return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}/{count}")


@kopf.on.event("example.dev", "v1", "things", registry=registry)
async def handle(name, **_):
    seen.append(name)
    if len(seen) == int(count):
        print(round(time.process_time() * 10))
        stop.set()


if index == "an index":
    kopf.index("example.dev", "v1", "things", registry=registry, id="names")(lambda name, **_: {name: 1})
asyncio.run(kopf.operator(registry=registry, settings=settings, clusterwide=True, stop_flag=stop))
PYTHON
venv/bin/python serve.py >said 2>/dev/null &
server=$!
until grep -q http said 2>/dev/null; do sleep 0.1; done
port=$(grep -o '127.0.0.1:[0-9]*' said | cut -d: -f2)
declare -A took
for what in '1000 no index' '1000 an index' '2000 no index' '2000 an index'; do
    took[$what]=$(timeout 100 venv/bin/python watch.py "$port" "${what%% *}" "${what#* }")
    echo "$what: $((took[$what] / 10)).$((took[$what] % 10)) s of CPU until each object was handled once"
done
indexed=${took[2000 an index]}
if [ "$indexed" -lt $((5 * took[2000 no index])) ] || [ "$indexed" -lt $((5 * took[1000 an index] / 2)) ]; then
    echo 'an index does not make the start quadratic any more' >&2
    exit 1
fi
