#!/usr/bin/env bash
# A Lease with a time on a whole second cannot be written back by the official Python client, though nothing in it was changed.
# The API server of Kubernetes 1.37.2 reads such a field (`MicroTime`: a Lease's times, an Event's `eventTime`) with exactly six
# digits after the point, and writes `05.000000` itself. Python's `isoformat()`, by which both clients of kubernetes 37.0.2 write
# a datetime, leaves six zeros away, and the whole object is refused. So it is each time with times that somebody rounded, and
# once in a million with those of a clock: some six times a year where a Lease is renewed every five seconds.
# The two locks for leader elections in that package meet the same instant in two ways. The renewal of the synchronous one is
# refused. That of `kubernetes.aio` cannot read its own clock's text then, and sends the old renewTime as if all were well.
# A text with six zeros does not help, since the models make a datetime of it; a microsecond more does.
# The types of k8s.io/api, which the API server decodes into, stand for it. Needs go 1.26 or later.
# The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2 aiohttp==3.14.5
cat >main.go <<'GO'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	coordination "k8s.io/api/coordination/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	if len(os.Args) > 1 {
		at := meta.NewMicroTime(time.Date(2026, 11, 30, 7, 0, 5, 0, time.UTC))
		json.NewEncoder(os.Stdout).Encode(coordination.Lease{Spec: coordination.LeaseSpec{RenewTime: &at}})
		return
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var lease coordination.Lease
		who, text, _ := strings.Cut(lines.Text(), "\t")
		if err := json.Unmarshal([]byte(text), &lease); err != nil {
			_, why, _ := strings.Cut(err.Error(), ": ")
			fmt.Println(who, "refused:", why)
		} else {
			fmt.Println(who, "taken:", lease.Spec.RenewTime.UTC().Format(time.RFC3339Nano))
		}
	}
}
GO
printf '%s\n' 'module wholesecond' 'go 1.26.0' 'require k8s.io/api v0.37.2' 'require k8s.io/apimachinery v0.37.2' >go.mod
cat >back.py <<'PYTHON'
import datetime, json, logging, sys

from kubernetes import aio, client
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock as AioLock
from kubernetes.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

logging.disable()
one, other = client.ApiClient(client.Configuration()), aio.client.ApiClient(aio.client.Configuration())
stored = sys.stdin.read(), "V1Lease", "application/json"
by_one, by_other = one.deserialize(*stored), other.deserialize(*stored)


def say(who, lease, api=one):
    print(f"{who}:", json.dumps(api.sanitize_for_serialization(lease)), sep="\t")


say("kubernetes, unchanged", by_one)
say("kubernetes.aio, unchanged", by_other, other)
by_one.spec.renew_time = by_one.spec.renew_time.isoformat(timespec="microseconds")
say("kubernetes, as a text", by_one)
by_one.spec.renew_time += datetime.timedelta(microseconds=1)
say("kubernetes, a microsecond later", by_one)
lock, aio_lock = LeaseLock("a", "b", "ada"), AioLock("a", "b", "ada", other)
for microsecond in (1, 0):
    now = str(datetime.datetime(2026, 11, 30, 8, microsecond=microsecond))
    record = LeaderElectionRecord("ada", "15", now, now)
    for who, filled in (("lock", lock.get_lease_spec), ("aio's lock", aio_lock.update_lease)):
        spec = filled(record, client.V1LeaseSpec(renew_time="2026-11-30T07:59:55.000001Z"))
        say(f"{who} at {now[11:]}", client.V1Lease(spec=spec))
PYTHON
go mod tidy >/dev/null 2>&1
go run . write | TZ=UTC venv/bin/python back.py | go run . | tee seen
diff - seen <<'SEEN' || { echo 'a time on a whole second is written or read in another way by now' >&2; exit 1; }
kubernetes, unchanged: refused: cannot parse "+00:00" as ".000000"
kubernetes.aio, unchanged: refused: cannot parse "+00:00" as ".000000"
kubernetes, as a text: refused: cannot parse "+00:00" as ".000000"
kubernetes, a microsecond later: taken: 2026-11-30T07:00:05.000001Z
lock at 08:00:00.000001: taken: 2026-11-30T08:00:00.000001Z
aio's lock at 08:00:00.000001: taken: 2026-11-30T08:00:00.000001Z
lock at 08:00:00: refused: cannot parse "+00:00" as ".000000"
aio's lock at 08:00:00: taken: 2026-11-30T07:59:55.000001Z
SEEN
