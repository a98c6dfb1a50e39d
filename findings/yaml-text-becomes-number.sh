#!/usr/bin/env bash
# One short commit id in 80 is no text any more once Python has handed it to Kubernetes in YAML. PyYAML 6.0.3 ("a complete YAML
# 1.1 parser") takes for a number with an exponent only what has a point and a sign, so it writes `12345e6` without quotes, and
# `0123489`, `0o17`, `y` and `n`. sigs.k8s.io/yaml 1.6.0, by which kubectl, helm and the API server read, sees a number or a bool.
# - As a value, a label or an image's tag for instance, it is an error where a text is wanted; what takes any value, such as an
#   open field of a custom resource or helm's values, takes the number without a word.
# - As a key it is always without a word: of ConfigMap data `y` the cluster gets a key `true`, of `1e3` a key `1000`.
# ruamel.yaml 0.19.1, which writes YAML 1.2, quotes most of these, but not the letters and the leading zero.
# JSON is YAML and free of this, or let PyYAML quote more, as `Quoting` does below.
# The ids are 100,000 random ones. Seen with Python 3.11 (PYTHON names another than python3). Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyYAML==6.0.3 ruamel.yaml==0.19.1
cat >write.py <<'PYTHON'
import io, itertools, json, random, re

import ruamel.yaml
import yaml


class Quoting(yaml.SafeDumper):
    """Quotes each text in which Go's reader sees a number or a bool."""


Quoting.add_implicit_resolver(
    "!read-otherwise",
    re.compile(r"(?:[-+]?[0-9_.]+(?:[eE][-+]?[0-9_]+)?|[-+]?0_*[xXoObB][-+]?[0-9a-fA-F_]+|[yYnN])\Z"),
    list("-+._0123456789yYnN"),
)


def by_ruamel(content):
    into = io.StringIO()
    ruamel.yaml.YAML(typ="safe", pure=True).dump(content, into)
    return into.getvalue()


write = {
    "PyYAML": yaml.safe_dump,
    "ruamel.yaml": by_ruamel,
    "PyYAML, Quoting": lambda content: yaml.dump(content, Dumper=Quoting),
}
some = ["12345e6", "1e3", "0123489", "0o17", "y", "N", "1234567", "0123456", "on", "null"]
short = ["".join(each) for length in (1, 2, 3) for each in itertools.product("0189eExob._+-yN", repeat=length)]
ids = [f"{random.Random(each).getrandbits(28):07x}" for each in range(100_000)]
for text in some:
    print(json.dumps(["", [text], yaml.safe_dump([text]), yaml.safe_dump({text: ""})]))
for name, writer in write.items():
    print(json.dumps([f"{name}, {len(short)} texts of one to three characters", short, writer(short), ""]))
for name in ("PyYAML", "PyYAML, Quoting"):
    print(json.dumps([f"{name}, {len(ids)} short commit ids", ids, write[name](ids), ""]))
PYTHON
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

type written struct {
	what         string
	texts        []string
	values, keys string
}

func (w *written) UnmarshalJSON(line []byte) error {
	return json.Unmarshal(line, &[]any{&w.what, &w.texts, &w.values, &w.keys})
}

func main() {
	for lines := json.NewDecoder(os.Stdin); ; {
		var line written
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		var values []any
		if err := yaml.Unmarshal([]byte(line.values), &values); err != nil {
			panic(err)
		}
		if line.what == "" {
			var keys map[string]string
			_ = yaml.Unmarshal([]byte(line.keys), &keys)
			for key := range keys {
				fmt.Printf("%s as a value: %T %v, as a key: %s\n", line.texts[0], values[0], values[0], key)
			}
			continue
		}
		altered := 0
		for at, text := range line.texts {
			if values[at] != text {
				altered++
			}
		}
		fmt.Printf("%s: %d are another value\n", line.what, altered)
	}
}
GO
cat >go.mod <<'MOD'
module textbecomesnumber

go 1.26.0

require sigs.k8s.io/yaml v1.6.0
MOD
go mod tidy >/dev/null 2>&1
venv/bin/python write.py | go run . | tee seen
diff - seen <<'SEEN' || { echo 'one of the three writes or reads in another way by now' >&2; exit 1; }
12345e6 as a value: float64 1.2345e+10, as a key: 1.2345e+10
1e3 as a value: float64 1000, as a key: 1000
0123489 as a value: float64 123489, as a key: 123489
0o17 as a value: float64 15, as a key: 15
y as a value: bool true, as a key: true
N as a value: bool false, as a key: false
1234567 as a value: string 1234567, as a key: 1234567
0123456 as a value: string 0123456, as a key: 0123456
on as a value: string on, as a key: on
null as a value: string null, as a key: null
PyYAML, 3615 texts of one to three characters: 74 are another value
ruamel.yaml, 3615 texts of one to three characters: 3 are another value
PyYAML, Quoting, 3615 texts of one to three characters: 0 are another value
PyYAML, 100000 short commit ids: 1229 are another value
PyYAML, Quoting, 100000 short commit ids: 0 are another value
SEEN
