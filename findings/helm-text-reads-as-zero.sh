#!/usr/bin/env bash
# In a helm chart the hour `08` is midnight. What came as text, by `--set-string`, in quotes or from an annotation, is made a
# number by `int`, of which sprig 3.3.0, helm 4.3's functions, says that it converts to an int. A text that it cannot read is
# 0 and no error, and a leading zero makes it octal: `07` is 7, `08` and `09` are 0, `010` is 8. So are a blank at the end, `80.5`
# and `1e3`; and so do int64, add, mul and max read what they are given. Then `{{ if gt (int …) 1 }}` goes the other way, a
# timeout of 0 is none, and zero replicas are deployed, all without a word.
# Others answer a mistake with a value too: `b64dec` with the text of its error, which then stands in a Secret (base64 without
# padding, as a JWT has it, is enough), `toDate` with the year 1, and a time zone that is not known is UTC.
# `atoi` and `float64` read decimals, but a mistake is 0 there as well. So check before, by values.schema.json or by `fail`.
# Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >templates <<'TEMPLATES'
{{ int "07" }}
{{ int "08" }}
{{ int "010" }}
{{ int "5 " }}
{{ int "80.5" }}
{{ int "1e3" }}
{{ add "08" 1 }}
{{ max "09" 3 }}
{{ atoi "08" }}
{{ float64 "08" }}
{{ atoi "5 " }}
{{ b64dec "c2VjcmV0cw==" }}
{{ b64dec "c2VjcmV0cw" }}
{{ toDate "2006-01-02" "30.11.2026" | date "2006-01-02" }}
{{ dateInZone "15:04" (toDate "2006-01-02" "2026-11-30") "Asia/Tokio" }}
TEMPLATES
cat >main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var said strings.Builder
		parsed := template.Must(template.New("").Funcs(sprig.TxtFuncMap()).Parse(lines.Text()))
		if err := parsed.Execute(&said, nil); err != nil {
			fmt.Printf("%s: an error\n", lines.Text())
			continue
		}
		fmt.Printf("%s: %s\n", lines.Text(), said.String())
	}
}
GO
cat >go.mod <<'MOD'
module readsaszero

go 1.26.0

require (
	github.com/Masterminds/sprig/v3 v3.3.0
	github.com/spf13/cast v1.7.0
)
MOD
go mod tidy >/dev/null 2>&1
TZ=UTC go run . <templates | tee seen
diff - seen <<'SEEN' || { echo 'sprig reads texts, or tells of mistakes, in another way by now' >&2; exit 1; }
{{ int "07" }}: 7
{{ int "08" }}: 0
{{ int "010" }}: 8
{{ int "5 " }}: 0
{{ int "80.5" }}: 0
{{ int "1e3" }}: 0
{{ add "08" 1 }}: 1
{{ max "09" 3 }}: 3
{{ atoi "08" }}: 8
{{ float64 "08" }}: 8
{{ atoi "5 " }}: 0
{{ b64dec "c2VjcmV0cw==" }}: secrets
{{ b64dec "c2VjcmV0cw" }}: illegal base64 data at input byte 8
{{ toDate "2006-01-02" "30.11.2026" | date "2006-01-02" }}: 0001-01-01
{{ dateInZone "15:04" (toDate "2006-01-02" "2026-11-30") "Asia/Tokio" }}: 00:00
SEEN
