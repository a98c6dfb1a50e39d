#!/usr/bin/env bash
# A docker config with the logins of two organisations gives one image now this, now that login. containers-auth.json(5) is the
# same format with keys that have a path (`ghcr.io/acme`), as `podman login` and `skopeo login` write them; of these the most
# specific one counts. Docker's own CLI (29.9.3), crane (go-containerregistry 0.22.1), which reads podman's file too, and oras
# (oras-go 2.7.0), by which helm logs in, cut a key down to its host, and take the first that fits in the order of a Go map. That
# is another one at each run: an image of acme is asked for as acme, and once in a while as the other one, which is "denied", and
# fine at the next try.
# A key that is the host alone goes before, in all three. So have one of these, or a file for each organisation.
# The libraries under the three read a file 400 times. Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// Each says who is logged in for ghcr.io/acme/app by the file config.json here.
var readers = map[string]func() (string, error){
	"docker": func() (string, error) {
		file, err := config.Load(".")
		if err != nil {
			return "", err
		}
		found, err := file.GetAuthConfig("ghcr.io")
		return found.Username, err
	},
	"crane": func() (string, error) {
		image, err := name.NewRepository("ghcr.io/acme/app")
		if err != nil {
			return "", err
		}
		login, err := authn.DefaultKeychain.Resolve(image)
		if err != nil {
			return "", err
		}
		found, err := login.Authorization()
		return found.Username, err
	},
	"oras": func() (string, error) {
		store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
		if err != nil {
			return "", err
		}
		found, err := store.Get(context.Background(), "ghcr.io")
		return found.Username, err
	},
}

// The passwords are "a".
var logins = map[string]string{
	"acme":  `"ghcr.io/acme": {"auth": "YWNtZTph"}`,
	"other": `"ghcr.io/other": {"auth": "b3RoZXI6YQ=="}`,
	"host":  `"ghcr.io": {"auth": "aG9zdDph"}`,
}

func main() {
	os.Setenv("DOCKER_CONFIG", ".")
	for _, keys := range [][]string{{"acme", "other"}, {"acme", "other", "host"}} {
		var written []string
		for _, key := range keys {
			written = append(written, logins[key])
		}
		text := `{"auths": {` + strings.Join(written, ", ") + `}}`
		if err := os.WriteFile("config.json", []byte(text), 0o600); err != nil {
			panic(err)
		}
		for _, reader := range []string{"docker", "crane", "oras"} {
			found := map[string]int{}
			for range 400 {
				user, err := readers[reader]()
				if err != nil {
					panic(err)
				}
				found[user]++
			}
			fmt.Fprintln(os.Stderr, keys, reader, found)
			var users []string
			for _, user := range []string{"acme", "other", "host"} {
				if found[user] > 0 {
					users = append(users, user)
				}
			}
			fmt.Printf("logged in: %v; %s takes for ghcr.io/acme/app: %s\n", keys, reader, strings.Join(users, " or "))
		}
	}
}
GO
cat >go.mod <<'MOD'
module cointoss

go 1.26.0

require (
	github.com/docker/cli v29.9.3+incompatible
	github.com/google/go-containerregistry v0.22.1
	oras.land/oras-go/v2 v2.7.0
)
MOD
go mod tidy >/dev/null 2>&1
go run . | tee seen
diff - seen <<'SEEN' || { echo 'one of the three takes the login in another way by now' >&2; exit 1; }
logged in: [acme other]; docker takes for ghcr.io/acme/app: acme or other
logged in: [acme other]; crane takes for ghcr.io/acme/app: acme or other
logged in: [acme other]; oras takes for ghcr.io/acme/app: acme or other
logged in: [acme other host]; docker takes for ghcr.io/acme/app: host
logged in: [acme other host]; crane takes for ghcr.io/acme/app: host
logged in: [acme other host]; oras takes for ghcr.io/acme/app: host
SEEN
