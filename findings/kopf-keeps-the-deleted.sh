#!/usr/bin/env bash
# An object that is deleted while a watch is interrupted is never deleted for kopf 1.45.2. Where the API server cannot go on from
# where the watch was (410: some minutes without network, an upgrade of the control plane), kopf lists anew and hands out what it
# finds, and nothing for what it does not find any more. So until the process ends
# - an `@kopf.index` has the object, though kopf's page on indices says that what is deleted is removed;
# - an `@kopf.on.event` gets no DELETED, so that a store of one's own keeps it as well;
# - its timers and daemons go on, where it could go without kopf (its finalizers were taken off by hand).
# client-go's informers make a deletion of what a new list lacks. Do so too: hold what you have against a list now and then, and
# ask for the object itself before you do what cannot be undone.
# A server on loopback has two objects, answers 410 to the first watch, and has one of them in the second list.
# The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kopf==1.45.2 aiohttp==3.14.5
cat >operate.py <<'PYTHON'
import asyncio, json, logging

import kopf
from aiohttp import web

THING = {"apiVersion": "example.dev/v1", "kind": "Thing"}
GROUP = {"name": "example.dev", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]}
KIND = {"singularName": "", "namespaced": True, "verbs": ["list", "watch", "get", "patch"]}
GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
lists = 0


def thing(name, version):
    meta = {"name": name, "uid": name, "namespace": "default", "resourceVersion": str(version)}
    return {**THING, "metadata": meta}


def answered(path):
    global lists
    if path == "apis/example.dev/v1/things":
        lists += 1
        names = ["gone", "stays"] if lists == 1 else ["stays"]
        print(f"the API server lists {' and '.join(names)}")
        return {"metadata": {"resourceVersion": str(lists)}, "items": [thing(name, 1) for name in names]}
    return {
        "api": {"versions": ["v1"]},
        "apis": {"groups": [GROUP]},
        "api/v1": {"resources": [{**KIND, "name": each, "kind": each} for each in ("namespaces", "events")]},
        "apis/example.dev/v1": {"resources": [{**KIND, "name": "things", "kind": "Thing"}]},
    }[path]


async def answer(request):
    path = request.match_info["path"]
    if request.method != "GET":
        return web.json_response({"kind": "Status"}, status=404)
    if "watch" not in request.query:
        return web.json_response(answered(path))
    stream = web.StreamResponse()
    await stream.prepare(request)
    if path.endswith("things") and lists == 1:
        await asyncio.sleep(1)
        await stream.write(json.dumps(GONE).encode() + b"\n")
        return stream
    await asyncio.sleep(100)
    return stream


registry = kopf.OperatorRegistry()
settings = kopf.OperatorSettings()
settings.peering.standalone = settings.scanning.disabled = True
settings.posting.enabled = False
stop = asyncio.Event()
seen, ticked, index = set(), set(), {}
logging.disable()


@kopf.index("example.dev", "v1", "things", registry=registry)
def names(name, **_):
    return {name: None}


@kopf.on.event("example.dev", "v1", "things", registry=registry)
def note(type, name, **_):
    (seen.discard if type == "DELETED" else seen.add)(name)


@kopf.timer("example.dev", "v1", "things", registry=registry, interval=0.5)
def tick(name, names, **_):
    ticked.add(name)
    index.update({"names": names})


async def look():
    while lists < 2:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    ticked.clear()
    await asyncio.sleep(2)
    for what, found in ("the index has", index["names"]), ("the events leave", seen), ("timers run for", ticked):
        print(f"{what} {' and '.join(sorted(found))}")
    stop.set()


async def main():
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    kopf.on.login(registry=registry)(lambda **_: kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}"))
    looking = asyncio.create_task(look())
    await kopf.operator(registry=registry, settings=settings, clusterwide=True, stop_flag=stop)
    await looking


asyncio.run(main())
PYTHON
NO_PROXY='*' timeout 100 venv/bin/python operate.py | tee seen
diff - seen <<'SEEN' || { echo 'kopf takes a new list in another way by now' >&2; exit 1; }
the API server lists gone and stays
the API server lists stays
the index has gone and stays
the events leave gone and stays
timers run for gone and stays
SEEN
