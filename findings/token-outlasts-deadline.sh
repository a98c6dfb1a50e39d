#!/usr/bin/env bash
# In Go a request's deadline does not hold while a token is had for it. net/http documents that a request's context bounds "the
# entire lifetime of a request", but a RoundTripper of the two libraries that most take for GitHub gets a token first:
# - ghinstallation 2.19.0 under a mutex, by the context of the request that came first. The others wait for that mutex whatever
#   their own contexts say: one request without a deadline holds up all that have one. Its field `Client` ("to use to refresh
#   tokens") is not used for that, so a timeout in it is none; one in the http.RoundTripper that it was made with is.
# - golang.org/x/oauth2 0.38.0 by the context that `Config.Client` was made with, most often context.Background(). A client with
#   a timeout in that context helps.
# Nothing else bounds it in Go's default client: where the peer is gone without a word, all workers of a controller stand still
# together until TCP gives up, though each call has a deadline of some seconds.
# A server on loopback takes two seconds for a token and no time for the rest. Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
	"golang.org/x/oauth2"
)

type unsigned struct{}

func (unsigned) Sign(jwt.Claims) (string, error) { return "a-jwt", nil }

// asked is told of each request for a token.
var asked = make(chan struct{}, 10)

func answer(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		return
	}
	asked <- struct{}{}
	time.Sleep(2 * time.Second)
	w.WriteHeader(http.StatusCreated)
	end := time.Now().Add(time.Hour).Format(time.RFC3339)
	fmt.Fprintf(w, `{"token":"t","access_token":"t","token_type":"bearer","expires_at":%q}`, end)
}

func get(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	if response, err := client.Do(request); err == nil {
		response.Body.Close()
	}
}

// look says how long a request with a deadline of 200 ms takes.
func look(what string, client *http.Client, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	get(ctx, client, url)
	took := "as long as the token"
	switch spent := time.Since(start); {
	case spent < 700*time.Millisecond:
		took = "its 200 ms"
	case spent < 1500*time.Millisecond:
		took = "a second"
	}
	fmt.Printf("%s: a request with a deadline of 200 ms takes %s\n", what, took)
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(answer))
	defer server.Close()
	installation := func(base http.RoundTripper) *ghinstallation.Transport {
		app, err := ghinstallation.NewAppsTransportWithOptions(base, 1, ghinstallation.WithSigner(unsigned{}))
		if err != nil {
			panic(err)
		}
		app.BaseURL = server.URL
		return ghinstallation.NewFromAppsTransport(app, 2)
	}
	look("ghinstallation, alone", &http.Client{Transport: installation(http.DefaultTransport)}, server.URL)
	<-asked
	behind := func(what string, transport *ghinstallation.Transport) {
		client := &http.Client{Transport: transport}
		first := make(chan struct{})
		go func() { get(context.Background(), client, server.URL); close(first) }()
		<-asked
		look(what, client, server.URL)
		<-first
	}
	behind("ghinstallation, behind one without a deadline", installation(http.DefaultTransport))
	bounded := installation(http.DefaultTransport)
	bounded.Client = &http.Client{Timeout: time.Second}
	behind("ghinstallation, the same, with a timeout in Client", bounded)
	behind("ghinstallation, the same, with a timeout below", installation(&http.Transport{ResponseHeaderTimeout: time.Second}))

	config := &oauth2.Config{ClientID: "a"}
	config.Endpoint = oauth2.Endpoint{TokenURL: server.URL, AuthStyle: oauth2.AuthStyleInParams}
	spent := &oauth2.Token{RefreshToken: "a"}
	look("oauth2, alone", config.Client(context.Background(), spent), server.URL)
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: time.Second})
	look("oauth2, with a client in the context", config.Client(ctx, spent), server.URL)
}
GO
cat >go.mod <<'MOD'
module deadline

go 1.26.0

require (
	github.com/bradleyfalzon/ghinstallation/v2 v2.19.0
	github.com/golang-jwt/jwt/v4 v4.5.2
	golang.org/x/oauth2 v0.38.0
)
MOD
go mod tidy >/dev/null 2>&1
NO_PROXY='*' go run . | tee seen
diff - seen <<'SEEN' || { echo 'one of the libraries keeps to deadlines in another way by now' >&2; exit 1; }
ghinstallation, alone: a request with a deadline of 200 ms takes its 200 ms
ghinstallation, behind one without a deadline: a request with a deadline of 200 ms takes as long as the token
ghinstallation, the same, with a timeout in Client: a request with a deadline of 200 ms takes as long as the token
ghinstallation, the same, with a timeout below: a request with a deadline of 200 ms takes a second
oauth2, alone: a request with a deadline of 200 ms takes as long as the token
oauth2, with a client in the context: a request with a deadline of 200 ms takes a second
SEEN
