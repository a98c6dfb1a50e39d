#!/usr/bin/env bash
# The leader election of the official Python client has two leaders at once as soon as one of them cannot reach the API server,
# and the one that lost is not told. So do both in kubernetes 37.0.2, the synchronous one and that of `kubernetes.aio`.
# - Their requests have no limit. Where the API server takes a renewal and does not answer, as it is after a node was cut off,
#   `renew_deadline` passes unseen: it is only looked at between two requests. client-go gives its requests that time.
# - They expect an ApiException and nothing else. Where the connection is refused, `run()` ends with another error, and
#   `onstopped_leading` is not called. What was started goes on for as long as the process does: a thread, or with
#   `kubernetes.aio` a task of which its module says that it "is cancelled if the leader lock is obtained and then lost".
# So give it a lock that limits each request and makes an ApiException of each error, as `PatientLock` does below.
# A server on loopback keeps a Lease of 3 s, renewed within 2 s; to one of two candidates it falls silent, or it is gone for it.
# Eight seconds later the other one should lead alone. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >elect.py <<'PYTHON'
import asyncio, functools, json, logging, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from urllib3.exceptions import HTTPError

from kubernetes import aio, client
from kubernetes.aio.leaderelection import electionconfig as aio_config, leaderelection as aio_election
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock as AioLock
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

logging.disable()
package, cut = sys.argv[1:]
lease = {"metadata": {"name": "a", "namespace": "default", "resourceVersion": "1"}, "spec": {}}
writing, silent = threading.Lock(), threading.Event()
told, beats, ends = set(), {}, {}


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        if silent.is_set() and self.server is ports["ada"]:
            time.sleep(60)
        self.answer(200)

    def do_PUT(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with writing:
            if sent["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]:
                return self.answer(409)
            lease["spec"] = sent["spec"]
            lease["metadata"]["resourceVersion"] += "1"
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(lease).encode())

    def log_message(self, *_):
        pass


class PatientLock(LeaseLock):
    """Gives up a request after half a second, without urllib3's retries, and says so as the election expects it."""

    def __init__(self, *given):
        super().__init__(*given)
        for name in ("read_namespaced_lease", "replace_namespaced_lease"):
            setattr(self.api_instance, name, functools.partial(getattr(self.api_instance, name), _request_timeout=0.5))

    def get(self, *given):
        try:
            return super().get(*given)
        except HTTPError as error:
            return False, client.ApiException(0, str(error))

    def update(self, *given):
        try:
            return super().update(*given)
        except HTTPError:
            return False


def by_client(name):
    def work():
        while name not in told:
            beats[name] = time.monotonic()
            time.sleep(0.1)

    patient = package == "a patient lock"
    client.Configuration.set_default(client.Configuration(host=host(name), retries=False if patient else None))
    lock = (PatientLock if patient else LeaseLock)("a", "default", name)
    config = electionconfig.Config(lock, 3, 2, 1, work, lambda: told.add(name))
    leaderelection.LeaderElection(config).run()


async def by_aio(name):
    async def work():
        while name not in told:
            beats[name] = time.monotonic()
            await asyncio.sleep(0.1)

    async def stopped():
        told.add(name)

    async def elect():
        async with aio.client.ApiClient(aio.client.Configuration(host=host(name))) as api:
            config = aio_config.Config(AioLock("a", "default", name, api), 3, 2, 1, work, stopped)
            await aio_election.LeaderElection(config).run()

    election = asyncio.create_task(elect())
    await asyncio.wait([election])
    ends[name] = type(election.exception()).__name__ if election.exception() else "ended"
    await asyncio.sleep(60)


def candidate(name):
    try:
        asyncio.run(by_aio(name)) if package == "kubernetes.aio" else by_client(name)
        ends[name] = "ended"
    except Exception as error:
        ends[name] = type(error).__name__


def host(name):
    return f"http://127.0.0.1:{ports[name].server_port}"


ports = {name: ThreadingHTTPServer(("127.0.0.1", 0), Api) for name in ("ada", "bob")}
for server in ports.values():
    threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Thread(target=candidate, args=["ada"], daemon=True).start()
while "ada" not in beats:
    time.sleep(0.1)
threading.Thread(target=candidate, args=["bob"], daemon=True).start()
time.sleep(2)
if cut == "silent":
    silent.set()
else:
    ports["ada"].shutdown()
    ports["ada"].server_close()
time.sleep(8)
leading = " and ".join(name for name, beat in sorted(beats.items()) if time.monotonic() - beat < 1)
print(f"{package}, the server is {cut}: {leading}; run() of ada: {ends.get('ada', 'goes on')}", flush=True)
os._exit(0)
PYTHON
for package in kubernetes kubernetes.aio 'a patient lock'; do
    for cut in silent gone; do
        TZ=UTC NO_PROXY='*' venv/bin/python elect.py "$package" "$cut" >"said by $package, $cut" &
    done
done
wait
cat said* | LC_ALL=C sort | tee seen
diff - seen <<'SEEN' || { echo 'an election ends, or goes on, in another way by now' >&2; exit 1; }
a patient lock, the server is gone: bob; run() of ada: ended
a patient lock, the server is silent: bob; run() of ada: ended
kubernetes, the server is gone: ada and bob; run() of ada: MaxRetryError
kubernetes, the server is silent: ada and bob; run() of ada: goes on
kubernetes.aio, the server is gone: ada and bob; run() of ada: ClientConnectorError
kubernetes.aio, the server is silent: ada and bob; run() of ada: goes on
SEEN
