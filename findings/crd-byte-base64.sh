#!/usr/bin/env bash
# A field of a CRD with `format: byte` holds base64 (RFC 4648, section 4), and the API server checks that. As soon as the field
# has a CEL rule, that of Kubernetes 1.37.2 refuses what has a `+` or a `/` in it, whatever the rule says: it decodes the value
# for the rule by the alphabet for URLs (section 5). So a rule such as `string(self).contains('BEGIN CERTIFICATE')` works until
# somebody's text begins with a byte order mark. Known as kubernetes/kube-openapi#633.
# This runs the API server's own code (k8s.io/apiserver) over two values. Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"encoding/base64"
	"fmt"

	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

func main() {
	schema := &spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"string"}, Format: "byte"}}
	for _, text := range []string{"a text", "\ufeffa text"} {
		value := base64.StdEncoding.EncodeToString([]byte(text))
		seen := common.UnstructuredToVal(value, &openapi.Schema{Schema: schema})
		fmt.Printf("%s has the format: %v; a rule sees %s: %v\n",
			value, strfmt.Default.Validates("byte", value), seen.Type(), seen.Value())
	}
}
GO
cat >go.mod <<'MOD'
module crdbyte

go 1.26.0

require k8s.io/apiserver v0.37.2
MOD
go mod tidy >/dev/null 2>&1
go run . | tee seen
diff - seen <<'SEEN'
YSB0ZXh0 has the format: true; a rule sees bytes: [97 32 116 101 120 116]
77u/YSB0ZXh0 has the format: true; a rule sees error: Invalid byte formatted string 77u/YSB0ZXh0: illegal base64 data at input byte 3
SEEN
