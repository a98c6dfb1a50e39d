#!/usr/bin/env bash
# A rule of a CRD that was tried in Python may say something else in the API server. Kubernetes 1.37 evaluates rules by cel-go
# 0.29.2; in Python there are cel-python 0.5.0 and common-expression-language 0.10.0 (Rust's `cel`). All three follow the same
# specification, and of the six rules below they read none alike:
# - cel-python knows a day (`1d`, where the specification ends with hours), dates without a time, and numbers as Python writes
#   them; `string(true)` is 'True' to it, and of a timestamp's nanoseconds it keeps whole microseconds.
# - Rust's counts the bytes of a string where the specification has code points, so a bound on the length of a name with an
#   accent is another one; and it makes no string of a bool.
# So try a rule in an API server, or at least by cel-go.
# The same on Python 3.11 and 3.13 (PYTHON names another than python3). Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0 common-expression-language==0.10.0
cat >expressions <<'CEL'
duration('1d') >= duration('2m')
size('café') <= 4
string(true) == 'true'
int('1_000') == 1000
timestamp('2026-11-30') < timestamp('2026-12-01T00:00:00Z')
timestamp('2026-11-30T07:00:00.000000002Z') > timestamp('2026-11-30T07:00:00.000000001Z')
CEL
cat >main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
)

func said(env *cel.Env, text string) string {
	if ast, issues := env.Compile(text); issues.Err() == nil {
		if program, err := env.Program(ast); err == nil {
			if value, _, err := program.Eval(map[string]any{}); err == nil {
				return fmt.Sprint(value.Value())
			}
		}
	}
	return "error"
}

func main() {
	env, err := cel.NewEnv()
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(said(env, lines.Text()))
	}
}
GO
cat >go.mod <<'MOD'
module threereadings

go 1.26.0

require github.com/google/cel-go v0.29.2
MOD
cat >both.py <<'PYTHON'
import sys

import cel
import celpy

python = celpy.Environment()


def by_python(text):
    return bool(python.program(python.compile(text)).evaluate({}))


def said(evaluate, text):
    try:
        return str(evaluate(text)).lower()
    except Exception:
        return "error"


for line in sys.stdin:
    print(said(by_python, line.strip()), said(lambda text: cel.evaluate(text, {}), line.strip()))
PYTHON
go mod tidy >/dev/null 2>&1
go run . <expressions >by-go
venv/bin/python both.py <expressions >by-both
paste -d ' ' by-go by-both expressions | while read -r go python rust expression; do
    echo "cel-go $go, cel-python $python, Rust's $rust: $expression"
done | tee seen
diff - seen <<'SEEN' || { echo 'one of the three reads CEL in another way by now' >&2; exit 1; }
cel-go error, cel-python true, Rust's error: duration('1d') >= duration('2m')
cel-go true, cel-python true, Rust's false: size('café') <= 4
cel-go true, cel-python false, Rust's error: string(true) == 'true'
cel-go error, cel-python true, Rust's error: int('1_000') == 1000
cel-go error, cel-python true, Rust's error: timestamp('2026-11-30') < timestamp('2026-12-01T00:00:00Z')
cel-go true, cel-python false, Rust's true: timestamp('2026-11-30T07:00:00.000000002Z') > timestamp('2026-11-30T07:00:00.000000001Z')
SEEN
