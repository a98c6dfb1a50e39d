#!/usr/bin/env bash
# One call that makes an issue makes eleven, within a second. GitHub ends a request that takes it more than ten seconds, and its
# gateway answers 502 or 504 then, after which the issue, comment or release may well be there. A POST is not idempotent, and
# these clients send it again by default, and report the last 502 as if nothing had come of it:
# - PyGithub 2.10.0 ten times and without a pause. urllib3's own default leaves POST out, for this reason.
# - githubkit 0.16.1 and octokit 5.0.5 three times, after 1, 4 and 9 seconds.
# gidgethub 6.0.0 sends it once.
# So take POST out: `retry=GithubRetry(allowed_methods=Retry.DEFAULT_ALLOWED_METHODS)`, `auto_retry=RETRY_RATE_LIMIT`, and with
# octokit `request: { retries: 0 }` for the call, as below; and look for what may be there before you send it again.
# A server on loopback makes the issue and answers 502. Needs npm, node 20.
# Seen with Python 3.11 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyGithub==2.10.0 githubkit==0.16.1 hishel==1.4.0 gidgethub==6.0.0 httpx==0.28.1
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --save-exact octokit@5.0.5 >/dev/null
cat >serve.py <<'PYTHON'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class GitHub(BaseHTTPRequestHandler):
    """Each path has issues of its own."""

    protocol_version = "HTTP/1.1"
    made = {}

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.made[self.path] = self.made.get(self.path, 0) + 1
        self.answer(502, b"{}")

    def do_GET(self):
        self.answer(200, str(self.made[self.path]).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
cat >send.py <<'PYTHON'
import asyncio, logging, sys

import github
import githubkit
import httpx
from gidgethub.httpx import GitHubAPI
from github.GithubRetry import GithubRetry
from githubkit.retry import RETRY_RATE_LIMIT
from urllib3.util import Retry

logging.disable()
url, what, mended = sys.argv[1:]


def pygithub():
    how = {"retry": GithubRetry(allowed_methods=Retry.DEFAULT_ALLOWED_METHODS)} if mended else {}
    auth = github.Auth.Token("a")
    github.Github(base_url=url, auth=auth, lazy=True, **how).get_repo("acme/pygithub").create_issue("hello")


def by_githubkit():
    how = {"auto_retry": RETRY_RATE_LIMIT} if mended else {}
    client = githubkit.GitHub("a", base_url=url, **how)
    client.rest.issues.create("acme", "githubkit", title="hello")


async def send_by_gidgethub():
    async with httpx.AsyncClient() as client:
        await GitHubAPI(client, "a", oauth_token="a", base_url=url).post("/repos/acme/gidgethub/issues", data={"title": "hello"})


def gidgethub():
    asyncio.run(send_by_gidgethub())


try:
    {"pygithub": pygithub, "githubkit": by_githubkit, "gidgethub": gidgethub}[what]()
    print("made")
except Exception as error:
    print(type(error).__name__)
PYTHON
cat >send.js <<'JS'
import { Octokit } from "octokit";

const [url, , mended] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const octokit = new Octokit({ auth: "a", baseUrl: url, log: quiet });
const how = mended ? { request: { retries: 0 } } : {};
try {
  await octokit.rest.issues.create({ owner: "acme", repo: "octokit", title: "hello", ...how });
  console.log("made");
} catch (error) {
  console.log(error.constructor.name);
}
JS
export NO_PROXY='*'
venv/bin/python serve.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done
base=http://127.0.0.1:$(cat port)
look() {
    local name=$1 mended=$2 run="venv/bin/python send.py"
    [ "$name" != octokit ] || run='node send.js'
    echo "$name${mended:+, $mended}: reported as $($run "$base/$mended" "$name" "$mended")," \
        "made: $(venv/bin/python -c 'import httpx, sys; print(httpx.get(sys.argv[1]).text)' "$base/$mended/repos/acme/$name/issues")"
}
for name in pygithub githubkit octokit gidgethub; do
    look $name '' >"seen-$name" &
    looks+=($!)
done
wait "${looks[@]}"
{
    cat seen-pygithub seen-githubkit seen-octokit seen-gidgethub
    for name in pygithub githubkit octokit; do look $name mended; done
} | tee seen
diff - seen <<'SEEN' || { echo 'one of the clients sends a POST again in another way by now' >&2; exit 1; }
pygithub: reported as RetryError, made: 11
githubkit: reported as RequestFailed, made: 4
octokit: reported as RequestError, made: 4
gidgethub: reported as GitHubBroken, made: 1
pygithub, mended: reported as GithubException, made: 1
githubkit, mended: reported as RequestFailed, made: 1
octokit, mended: reported as RequestError, made: 1
SEEN
