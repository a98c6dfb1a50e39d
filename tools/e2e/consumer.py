"""The program of a consumer's pod; it gets there by a ConfigMap and needs nothing but the standard library.

Once a second it reads the token of its mounted file and calls GitHub with it, as a simple consumer does: it neither
reads again nor repeats. Beside that it looks at the file fifty times a second, to see when another token is in it. It
writes one line of JSON for each: `{"at": seconds, "sha256": of the token, "status": 200, "until": seconds}`, status 0
where there was no answer, and `{"at": seconds, "sha256": of the token}`. The token itself is never written.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

CALL_EVERY = 1.0
LOOK_EVERY = 0.02
_TIMEOUT_SECONDS = 10.0


def main() -> None:
    """Runs until the pod ends: `consumer.py URL CA-FILE TOKEN-FILE`."""
    url, ca_file, token_file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    threading.Thread(target=watch, args=(token_file,), daemon=True).start()
    trust = ssl.create_default_context(cafile=ca_file)
    due = time.monotonic()
    while True:
        at = time.time()
        token = token_file.read_text(encoding="ascii")
        status = call(url, token, trust)
        say(at=at, sha256=sha256(token), status=status, until=time.time())
        due = max(due + CALL_EVERY, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def call(url: str, token: str, trust: ssl.SSLContext) -> int:
    """GitHub's answer to a request with the token; 0 where there is none."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", "User-Agent": "consumer"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=trust) as answer:  # noqa: S310
            status: int = answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
    return status


def watch(token_file: Path) -> None:
    """Says when another token is in the file."""
    seen = ""
    while True:
        # kubelet swaps this link, in one step, for all keys of the Secret.
        link = str((token_file.parent / "..data").readlink())
        if link != seen:
            at = time.time()
            say(at=at, sha256=sha256(token_file.read_text(encoding="ascii")))
            seen = link
        time.sleep(LOOK_EVERY)


def sha256(token: str) -> str:
    """The name of a token that is no secret."""
    return hashlib.sha256(token.encode()).hexdigest()


def say(**line: object) -> None:
    """Writes a line at once, and whole: two threads write."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
