#!/usr/bin/env bash
# kubernetes 37.0.2 has a leader election with a `LeaseLock` twice, and the two do not write the same Lease. That of its
# synchronous client makes the Lease, and writes UTC into it. That of `kubernetes.aio`
# - cannot make it: it asks for `pretty=True`, which the client under it, as generated for pydantic, takes as a text alone. So
#   the election ends in a ValidationError, before anything is sent, in a cluster where the Lease does not stand already;
# - writes the local time and puts a `Z` after it. With TZ=Asia/Tokyo the `renewTime` of a leader that has just renewed lies nine
#   hours ahead, in Bogota five hours back. The candidates go on, since they compare only whether the record has changed, but
#   who looks at the Lease from outside takes a living leader for a dead one, or a dead one for living.
# So ship the Lease (one with a name alone does), and run such a pod in UTC, as an image without TZ does.
# A server on loopback stands for the API. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >lead.py <<'PYTHON'
import asyncio, json, logging, os, sys, threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import pydantic
from kubernetes import aio, client
from kubernetes.aio.leaderelection import electionconfig as aio_config, leaderelection as aio_election
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock as AioLock
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


class Leases(BaseHTTPRequestHandler):
    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if there == "there":
            self.answer(200, b'{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}}')
        else:
            self.answer(404, b'{"apiVersion": "v1", "kind": "Status", "code": 404}')

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = datetime.fromisoformat(json.loads(body)["spec"]["renewTime"])
        ahead = (said - datetime.now(timezone.utc)).total_seconds() / 3600
        print(f"{run}: renewTime {round(ahead):+d} h", flush=True)
        self.answer(200, body)

    do_POST = do_PUT

    def log_message(self, *_):
        pass


async def asynchronously():
    async with aio.client.ApiClient(aio.client.Configuration(host=host)) as api:
        lock = AioLock("a", "b", "ada", api)
        config = aio_config.Config(lock, 17, 15, 5, asyncio.sleep, asyncio.sleep)
        await aio_election.LeaderElection(config).try_acquire_or_renew()


logging.disable()
package, there = sys.argv[1:]
run = f"{os.environ['TZ']}, {package}, Lease {there}"
server = HTTPServer(("127.0.0.1", 0), Leases)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
if package == "kubernetes.aio":
    try:
        asyncio.run(asynchronously())
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        print(f"{run}: {first['loc'][0]}={first['input']}: {first['msg']}")
else:
    client.Configuration.set_default(client.Configuration(host=host))
    config = electionconfig.Config(LeaseLock("a", "b", "ada"), 17, 15, 5, print, print)
    leaderelection.LeaderElection(config).try_acquire_or_renew()
server.shutdown()
PYTHON
for run in 'UTC there' 'Asia/Tokyo there' 'America/Bogota there' 'UTC missing'; do
    read -r zone there <<<"$run"
    for package in kubernetes kubernetes.aio; do
        NO_PROXY='*' TZ=$zone venv/bin/python lead.py "$package" "$there"
    done
done | tee seen
diff - seen <<'SEEN' || { echo 'one of the two locks writes its Lease in another way by now' >&2; exit 1; }
UTC, kubernetes, Lease there: renewTime +0 h
UTC, kubernetes.aio, Lease there: renewTime +0 h
Asia/Tokyo, kubernetes, Lease there: renewTime +0 h
Asia/Tokyo, kubernetes.aio, Lease there: renewTime +9 h
America/Bogota, kubernetes, Lease there: renewTime +0 h
America/Bogota, kubernetes.aio, Lease there: renewTime -5 h
UTC, kubernetes, Lease missing: renewTime +0 h
UTC, kubernetes.aio, Lease missing: pretty=True: Input should be a valid string
SEEN
