#!/usr/bin/env bash
# Server-side apply by the official Python client fails for any object with an emoji in it, and only apply does. kubernetes
# 37.0.2 writes a body as JSON in ASCII, where a character beyond 16 bits is two surrogates; that is valid JSON, and a merge
# patch or a create of the same object is taken. An apply patch is read as YAML by the API server, with sigs.k8s.io/yaml
# (1.6.0 here), which refuses surrogates: the answer is 400. So an annotation that a user may choose ends a controller's loop.
# The client's methods take no text for a body, so one has to send such an apply oneself: `json.dumps(…, ensure_ascii=False)`,
# with what apply-alters-text.sh is about escaped.
# A server on loopback keeps what the client sends; both readers are the Go ones. The same on Python 3.11 and 3.13 (PYTHON
# names another than python3). Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2
cat >send.py <<'PYTHON'
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"team": "\U0001f680"}}}


class Keeping(BaseHTTPRequestHandler):
    def do_PATCH(self):
        with open("sent", "ab") as sent:
            sent.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Keeping)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = client.CoreV1Api(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}")))
for content_type in ("application/merge-patch+json", "application/apply-patch+yaml"):
    api.patch_namespaced_config_map("a", "default", OBJECT, field_manager="me", _content_type=content_type)
server.shutdown()
with open("sent", "a") as sent:
    print(json.dumps(OBJECT, ensure_ascii=False), file=sent)
PYTHON
cat >main.go <<'GO'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func said(err error) string {
	if err != nil {
		return err.Error()
	}
	return "read"
}

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var object map[string]any
		fmt.Println("as JSON:", said(json.Unmarshal(lines.Bytes(), &object)))
		fmt.Println("as YAML:", said(yaml.Unmarshal(lines.Bytes(), &object)))
	}
}
GO
cat >go.mod <<'MOD'
module applied

go 1.26.0

require sigs.k8s.io/yaml v1.6.0
MOD
NO_PROXY='*' venv/bin/python send.py
go mod tidy >/dev/null 2>&1
go run . <sent | paste -d ';' - - | paste -d ':' <(printf '%s\n' 'a merge patch' 'an apply' 'not in ASCII') - | tee seen
diff - seen <<'SEEN' || { echo 'the client writes, or YAML reads, such characters in another way by now' >&2; exit 1; }
a merge patch:as JSON: read;as YAML: error converting YAML to JSON: yaml: found invalid Unicode character escape code
an apply:as JSON: read;as YAML: error converting YAML to JSON: yaml: found invalid Unicode character escape code
not in ASCII:as JSON: read;as YAML: read
SEEN
