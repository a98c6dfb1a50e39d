#!/usr/bin/env bash
# Server-side apply stores another text than the one that was applied, without a word. client-go 0.37.2 writes an apply as JSON,
# and the API server reads it as YAML 1.1 (k8s.io/apimachinery, its own function here), where more than a line feed breaks a
# line. So of U+0085, and of the blanks beside it, one blank stays: in an annotation, a ConfigMap, a field of a custom resource.
# And U+007F to U+009F but that one, all of them legal in JSON, end the whole apply in a 400. `kubectl apply --server-side` at
# an API server of 1.37.2 does both. Such characters are what a text in Windows-1252 has after somebody has read it as ISO
# 8859-1: an ellipsis becomes U+0085, a curly quote or a dash U+0091 to U+0097.
# A create and a merge patch of the same object keep all of them, so a controller that goes over to server-side apply alters
# what it wrote before, and whoever compares with what was meant sees a difference for ever.
# Escaped (`\u0085`) they are kept; but encoding/json does not escape them, and `Apply` of client-go takes no text for a body.
# So do the escaping in a `Patch` with `types.ApplyYAMLPatchType`, as below. Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var read map[string]any
var refused error

// serve reads a body as the API server does, and answers with an object that nobody looks at.
func serve(answer http.ResponseWriter, asked *http.Request) {
	body, _ := io.ReadAll(asked.Body)
	decode := utiljson.Unmarshal
	if asked.Header.Get("Content-Type") == string(types.ApplyYAMLPatchType) {
		decode = utilyaml.Unmarshal
	}
	read = nil
	refused = decode(body, &read)
	answer.Header().Set("Content-Type", "application/json")
	fmt.Fprint(answer, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}`)
}

func say(how, text string) {
	if refused != nil {
		fmt.Printf("  %s: %v\n", how, refused)
	} else if got := read["data"].(map[string]any)["text"]; got != text {
		fmt.Printf("  %s: read as %+q\n", how, got)
	} else {
		fmt.Printf("  %s: kept\n", how)
	}
}

var special = regexp.MustCompile(`[\x{7f}-\x{9f}]`)

func escaped(character []byte) []byte {
	return fmt.Appendf(nil, `\u%04x`, []rune(string(character))[0])
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()
	client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		panic(err)
	}
	maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("default")
	for _, text := range []string{"café", "wait\u0085", "one \u0085 two", "it\u0092s", "\u007f"} {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "a"}, "data": map[string]any{"text": text},
		}}
		body, _ := json.Marshal(object)
		fmt.Printf("%+q\n", text)
		maps.Create(context.TODO(), object, meta.CreateOptions{})
		say("create", text)
		maps.Patch(context.TODO(), "a", types.MergePatchType, body, meta.PatchOptions{})
		say("merge patch", text)
		maps.Apply(context.TODO(), "a", object, meta.ApplyOptions{FieldManager: "me"})
		say("apply", text)
		body = special.ReplaceAllFunc(body, escaped)
		maps.Patch(context.TODO(), "a", types.ApplyYAMLPatchType, body, meta.PatchOptions{FieldManager: "me"})
		say("apply, escaped", text)
	}
}
GO
printf '%s\n' 'module applytext' 'go 1.26.0' 'require k8s.io/client-go v0.37.2' 'require k8s.io/apimachinery v0.37.2' >go.mod
go mod tidy >/dev/null 2>&1
go run . | tee seen
diff - seen <<'SEEN' || { echo 'an apply is written, or read, in another way by now' >&2; exit 1; }
"caf\u00e9"
  create: kept
  merge patch: kept
  apply: kept
  apply, escaped: kept
"wait\u0085"
  create: kept
  merge patch: kept
  apply: read as "wait "
  apply, escaped: kept
"one \u0085 two"
  create: kept
  merge patch: kept
  apply: read as "one two"
  apply, escaped: kept
"it\u0092s"
  create: kept
  merge patch: kept
  apply: error converting YAML to JSON: yaml: control characters are not allowed
  apply, escaped: kept
"\x7f"
  create: kept
  merge patch: kept
  apply: error converting YAML to JSON: yaml: control characters are not allowed
  apply, escaped: kept
SEEN
