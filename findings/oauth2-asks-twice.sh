#!/usr/bin/env bash
# golang.org/x/oauth2 0.38.0 sends twice what works but once. Its `AuthStyleAutoDetect` is documented as finding out "which
# authentication style the provider wants by trying both ways". All endpoints of its package `endpoints` have it, GitHub's among
# them, and it takes each failure for a wrong style: a gateway's 502, a broken connection, a "not yet". So until one request has
# worked, in each process anew,
# - a refresh token or a code whose answer was lost is sent again at once, and what the caller is told is the answer to the
#   second: "bad_refresh_token", as if a human had to sign in. An issuer that takes reuse for theft ends the session.
# - the device flow, where "authorization_pending" is an error too, asks twice each time. RFC 8628 has `slow_down` for that, which
#   adds five seconds, each time: the human has signed in and waits.
# So set `AuthStyle` in a copy of the endpoint; GitHub takes `oauth2.AuthStyleInParams`.
# A server on loopback follows the rules of both. Needs go 1.26 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"
)

type provider func(r *http.Request) (answer string, lost bool)

// at serves the provider to a client of GitHub's endpoint, with the style of that endpoint or another.
func at(style oauth2.AuthStyle, p provider, ask func(c *oauth2.Config) error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		answer, lost := p(r)
		fmt.Println("  answered:", answer)
		if lost {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	endpoint := endpoints.GitHub
	endpoint.AuthStyle, endpoint.TokenURL = style, server.URL
	err := ask(&oauth2.Config{ClientID: "a", ClientSecret: "b", Endpoint: endpoint})
	var told *oauth2.RetrieveError
	switch {
	case err == nil:
		fmt.Println("  the caller gets a token")
	case errors.As(err, &told) && told.ErrorCode != "":
		fmt.Println("  the caller is told:", told.ErrorCode)
	default:
		fmt.Println("  the caller is told:", told.Response.StatusCode)
	}
}

// refreshing takes a refresh token once, and its first answer is lost on the way.
func refreshing() provider {
	good := "refresh-1"
	return func(r *http.Request) (string, bool) {
		if r.Form.Get("refresh_token") != good {
			return `{"error":"bad_refresh_token"}`, false
		}
		good = "refresh-2"
		return `{"access_token":"a","refresh_token":"refresh-2","expires_in":28800}`, true
	}
}

// device has a human who signs in after two and a half seconds, and wants to be asked once an interval.
func device() provider {
	start := time.Now()
	last, interval := start, time.Second
	return func(r *http.Request) (string, bool) {
		now := time.Now()
		early := now.Sub(last) < interval*9/10
		last = now
		switch {
		case early:
			interval += 5 * time.Second
			return `{"error":"slow_down"}`, false
		case now.Sub(start) < 2500*time.Millisecond:
			return `{"error":"authorization_pending"}`, false
		}
		return `{"access_token":"a","token_type":"bearer"}`, false
	}
}

func main() {
	for what, style := range []oauth2.AuthStyle{endpoints.GitHub.AuthStyle, oauth2.AuthStyleInParams} {
		name := []string{"as the package has it", "AuthStyleInParams"}[what]
		fmt.Println("refresh,", name)
		at(style, refreshing(), func(c *oauth2.Config) error {
			_, err := c.TokenSource(context.Background(), &oauth2.Token{RefreshToken: "refresh-1"}).Token()
			return err
		})
		fmt.Println("device flow,", name)
		start := time.Now()
		at(style, device(), func(c *oauth2.Config) error {
			_, err := c.DeviceAccessToken(context.Background(), &oauth2.DeviceAuthResponse{DeviceCode: "d", Interval: 1})
			return err
		})
		fmt.Println("  after more than five seconds:", time.Since(start) > 5*time.Second)
	}
}
GO
cat >go.mod <<'MOD'
module askstwice

go 1.26.0

require golang.org/x/oauth2 v0.38.0
MOD
go mod tidy >/dev/null 2>&1
NO_PROXY='*' go run . | tee seen
diff - seen <<'SEEN' || { echo 'x/oauth2 finds out the style in another way by now' >&2; exit 1; }
refresh, as the package has it
  answered: {"access_token":"a","refresh_token":"refresh-2","expires_in":28800}
  answered: {"error":"bad_refresh_token"}
  the caller is told: bad_refresh_token
device flow, as the package has it
  answered: {"error":"authorization_pending"}
  answered: {"error":"slow_down"}
  answered: {"access_token":"a","token_type":"bearer"}
  the caller gets a token
  after more than five seconds: true
refresh, AuthStyleInParams
  answered: {"access_token":"a","refresh_token":"refresh-2","expires_in":28800}
  the caller is told: 502
device flow, AuthStyleInParams
  answered: {"error":"authorization_pending"}
  answered: {"error":"authorization_pending"}
  answered: {"access_token":"a","token_type":"bearer"}
  the caller gets a token
  after more than five seconds: false
SEEN
