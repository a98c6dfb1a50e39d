#!/usr/bin/env bash
# Octokit's own refresh of an expired user token costs the user's sign-in. @octokit/auth-oauth-user 6.0.4 documents that it
# refreshes such a token by itself, keeps the new one in memory, and calls `onTokenCreated` for one that was refreshed. As the
# `authStrategy` of @octokit/core 7.0.8 it hands the refresh a copy of what it has: the request that refreshed succeeds, and then
# the new pair is gone, memory and callback never see it. GitHub takes a refresh token once, so each later request, which sends
# the old one again, fails, and so does the next process with what was stored. The same with a sign-in's `code`: it is exchanged
# again for the second request. Known as octokit/auth-oauth-user.js#375 and #373.
# So call `await octokit.auth()` before each request and store what it returns: that one refreshes the original.
# No network: GitHub's answers are made here, by its rule that a refresh token, or a code, is good for once. Needs npm, node 20.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --save-exact \
    @octokit/auth-oauth-user@6.0.4 @octokit/core@7.0.8 @octokit/oauth-methods@6.0.5 >/dev/null
cat >refresh.js <<'JS'
import { createOAuthUserAuth } from "@octokit/auth-oauth-user";
import { Octokit } from "@octokit/core";

const STORED = {
  token: "user-1", refreshToken: "refresh-1",
  expiresAt: "2026-01-01T00:00:00Z", refreshTokenExpiresAt: "2099-01-01T00:00:00Z",
};

function github() {
  let good = ["refresh-1", "code-1"], count = 1;
  return async (url, { body, headers }) => {
    let said = { login: headers.authorization };
    if (url.endsWith("/access_token")) {
      const { refresh_token, code } = JSON.parse(body);
      if (good.includes(refresh_token ?? code)) {
        count += 1;
        good = [`refresh-${count}`];
        said = {
          access_token: `user-${count}`, expires_in: 28800, token_type: "bearer", scope: "",
          refresh_token: good[0], refresh_token_expires_in: 15897600,
        };
      } else {
        said = { error: refresh_token ? "bad_refresh_token" : "bad_verification_code", error_description: "x", error_uri: "x" };
      }
    }
    return new Response(JSON.stringify(said), {
      headers: { "content-type": "application/json", date: new Date().toUTCString() },
    });
  };
}

async function look(what, credential, ask) {
  let told = 0;
  const octokit = new Octokit({
    authStrategy: createOAuthUserAuth,
    auth: { clientType: "github-app", clientId: "a", clientSecret: "b", onTokenCreated: () => (told += 1), ...credential },
    request: { fetch: github() },
  });
  const got = [];
  for (let i = 0; i < 2; i++) {
    try {
      await ask(octokit);
      got.push((await octokit.request("GET /user")).data.login);
    } catch (error) {
      got.push(error.message.match(/bad_\w+/)?.[0] ?? error.message);
    }
  }
  console.log(`${what}: ${got.join(", then ")}; onTokenCreated called: ${told}`);
}

await look("an expired token", STORED, async () => {});
await look("a code", { code: "code-1" }, async () => {});
await look("an expired token, auth() first", STORED, (octokit) => octokit.auth());
JS
node refresh.js | tee seen
diff - seen <<'SEEN' || { echo 'octokit refreshes, or tells of it, in another way by now' >&2; exit 1; }
an expired token: token user-2, then bad_refresh_token; onTokenCreated called: 0
a code: token user-2, then bad_verification_code; onTokenCreated called: 0
an expired token, auth() first: token user-2, then token user-2; onTokenCreated called: 0
SEEN
