#!/usr/bin/env bash
# A `pattern` that was tried in CI says something else in the cluster. JSON Schema and Kubernetes both have it as a regular
# expression by ECMA-262, and each reads it by its engine: jsonschema 4.26.0 by Python's, pydantic 2.14.4 by Rust's, the API
# server of Kubernetes 1.37 (its own function, here) and helm by Go's, an editor by JavaScript's.
# - `$` also stands before a line feed at the end, in Python alone: what `echo` wrote into a file passes in CI alone.
# - `\d` and `\w` are of all alphabets in Python and Rust, and ASCII in the other two.
# - `\s` is ASCII in Go, and not all of that: a no-break space, as word processors leave it, passes there as `\S`.
# - `.` does not match a carriage return or a line separator in JavaScript alone, and an emoji is one or two of it there.
# So name the characters, `[0-9]` or `[!-~]`, try a pattern in Go, and in Python write `\Z` for `$`.
# Seen with Python 3.11 (PYTHON names another than python3). Needs node 20 and go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jsonschema==4.26.0 pydantic==2.14.4
cat >cases <<'CASES'
["^[a-z]+$", "abc\n"]
["^[0-9]+$", "12"]
["^\\d+$", "\uff11\uff12"]
["^\\w+$", "caf\u00e9"]
["^\\S+$", "a\u00a0b"]
["^\\S+$", "a\u000bb"]
["^.+$", "a\u2028b"]
["^.+$", "a\rb"]
["^.$", "\ud83d\ude00"]
["^[!-~]+$", "a\u00a0b"]
CASES
cat >python.py <<'PYTHON'
import json
from typing import Annotated

import jsonschema
import pydantic


def by_pydantic(pattern, text):
    try:
        pydantic.TypeAdapter(Annotated[str, pydantic.StringConstraints(pattern=pattern)]).validate_python(text)
    except pydantic.ValidationError:
        return False
    return True


for line in open("cases"):
    pattern, text = json.loads(line)
    by_jsonschema = jsonschema.Draft202012Validator({"type": "string", "pattern": pattern}).is_valid(text)
    print("yes" if by_jsonschema else "no", "yes" if by_pydantic(pattern, text) else "no")
PYTHON
cat >javascript.mjs <<'JS'
import { readFileSync } from "node:fs";

for (const line of readFileSync("cases", "utf8").trim().split("\n")) {
  const [pattern, text] = JSON.parse(line);
  console.log(...["", "u"].map((flag) => (new RegExp(pattern, flag).test(text) ? "yes" : "no")));
}
JS
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/kube-openapi/pkg/validation/validate"
)

func main() {
	for cases := json.NewDecoder(os.Stdin); ; {
		var it [2]string
		if err := cases.Decode(&it); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		if validate.Pattern("", "", it[1], it[0]) == nil {
			fmt.Println("yes")
		} else {
			fmt.Println("no")
		}
	}
}
GO
cat >go.mod <<'MOD'
module fourreadings

go 1.26.0

require k8s.io/apiserver v0.37.2
MOD
cat >tools.go <<'GO'
//go:build tools

package main

import _ "k8s.io/apiserver/pkg/cel/common" // for the version of kube-openapi that goes with it
GO
go mod tidy >/dev/null 2>&1
go run . <cases >by-go
venv/bin/python python.py >by-python
node javascript.mjs >by-javascript
paste -d ' ' by-python by-go by-javascript cases | while read -r jsonschema pydantic go js unicode case; do
    echo "jsonschema $jsonschema, pydantic $pydantic, API server $go, JavaScript $js, with the flag u $unicode: $case"
done | tee seen
diff - seen <<'SEEN' || { echo 'one of the four reads a pattern in another way by now' >&2; exit 1; }
jsonschema yes, pydantic no, API server no, JavaScript no, with the flag u no: ["^[a-z]+$", "abc\n"]
jsonschema yes, pydantic yes, API server yes, JavaScript yes, with the flag u yes: ["^[0-9]+$", "12"]
jsonschema yes, pydantic yes, API server no, JavaScript no, with the flag u no: ["^\\d+$", "\uff11\uff12"]
jsonschema yes, pydantic yes, API server no, JavaScript no, with the flag u no: ["^\\w+$", "caf\u00e9"]
jsonschema no, pydantic no, API server yes, JavaScript no, with the flag u no: ["^\\S+$", "a\u00a0b"]
jsonschema no, pydantic no, API server yes, JavaScript no, with the flag u no: ["^\\S+$", "a\u000bb"]
jsonschema yes, pydantic yes, API server yes, JavaScript no, with the flag u no: ["^.+$", "a\u2028b"]
jsonschema yes, pydantic yes, API server yes, JavaScript no, with the flag u no: ["^.+$", "a\rb"]
jsonschema yes, pydantic yes, API server yes, JavaScript no, with the flag u yes: ["^.$", "\ud83d\ude00"]
jsonschema no, pydantic no, API server no, JavaScript no, with the flag u no: ["^[!-~]+$", "a\u00a0b"]
SEEN
