#!/usr/bin/env bash
# A stale `http.extraHeader` makes git throw away a good password. With an old token in such a header (a CI step that checks
# out sets one, and it stays in .git/config) and the new one in a credential helper, git asks twice: at the 401 it takes the
# good credential from the helper, but the header is sent in its place again, and for the second 401 the helper is told to
# erase the credential, which never went out. It ends in "Authentication failed"; the file of `credential-store` is empty from
# then on, and after the header is gone every clone of that host fails too, in other repositories as well.
# gitcredentials has `erase` for credentials that were rejected. A helper that only gets keeps what it has:
#     !f() { test "$1" = get && git credential-store --file=FILE get; }; f
# Seen with git 2.39.5 (the system's git is used). A server on loopback has a repository behind basic authentication.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME="$folder" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 LC_ALL=C NO_PROXY='*'
unset GIT_ASKPASS SSH_ASKPASS GIT_CONFIG_COUNT XDG_CONFIG_HOME
git init --quiet --bare served/repo.git
git --git-dir served/repo.git update-server-info
cat >serve.py <<'PYTHON'
import base64, functools, http.server, sys


def basic(password):
    return "Basic " + base64.b64encode(f"x-access-token:{password}".encode()).decode()


NAMES = {None: "nothing", basic("good"): "the good token", basic("old"): "the old token"}


class Guarded(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        given = self.headers["Authorization"]
        with open("asked", "a") as asked:
            asked.write(f"  sent: {NAMES[given]}\n")
        if given == basic("good"):
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Guarded, directory="served"))
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 serve.py >port &
server=$!
trap 'kill $server; rm -rf "$folder"' EXIT
until [ -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)/repo.git
old="Authorization: Basic $(printf x-access-token:old | base64)"
look() {
    local what=$1
    shift
    : >asked
    if git "$@" ls-remote "$url" 2>/dev/null; then echo "$what: works"; else echo "$what: fails"; fi
    head -n 2 asked
    echo "  kept credentials: $(grep -c . store)"
}
git --version
echo "http://x-access-token:good@${url:7}" | sed 's,/repo.git,,; s/127.0.0.1:/127.0.0.1%3a/' >store
getting='!f() { test "$1" = get && git credential-store --file=store get; }; f'
{
    look 'no header' -c credential.helper='store --file=store'
    look 'an old header, a helper that only gets' -c credential.helper="$getting" -c http.extraHeader="$old"
    look 'an old header' -c credential.helper='store --file=store' -c http.extraHeader="$old"
    look 'no header any more' -c credential.helper='store --file=store'
} | tee seen
diff - seen <<'SEEN' || { echo 'git treats the header and the credential in another way by now' >&2; exit 1; }
no header: works
  sent: nothing
  sent: the good token
  kept credentials: 1
an old header, a helper that only gets: fails
  sent: the old token
  sent: the old token
  kept credentials: 1
an old header: fails
  sent: the old token
  sent: the old token
  kept credentials: 0
no header any more: fails
  sent: nothing
  kept credentials: 0
SEEN
