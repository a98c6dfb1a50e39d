#!/usr/bin/env bash
# With httpx the second page of a list is the first one again, for ever. httpx 0.28.1 documents that `params` are merged where
# both a client and a call have some. What stands in the URL is not merged but dropped, by a call's `params` and by a client's,
# and by an empty dict as well. requests 2.34.2 and aiohttp 3.14.5 add to it.
# Whoever follows GitHub's `Link: <…?page=2>; rel="next"`, a cursor of any other API, or has a client with an `api-version`, asks
# for the first page again and again, and no error tells of it. The loop ends at the rate limit, or when the memory is full.
# So give a link without `params`, from a client that has none; `httpx.URL.copy_merge_params()` adds.
# A server on loopback has three pages; the loops here end after five. The same on Python 3.11 and 3.13 (PYTHON names another).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check httpx==0.28.1 requests==2.34.2 aiohttp==3.14.5
cat >pages.py <<'PYTHON'
import asyncio, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx
import requests

SIZE = {"per_page": "100"}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        self.send_response(200)
        if page < 3:
            self.send_header("Link", f'<{first}?page={page + 1}>; rel="next"')
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(str(page).encode())

    def log_message(self, *_):
        pass


def walk(get):
    """The pages that one gets by following the links, five at most; `get` gives a page and the next link, or None."""
    url, found = first, []
    while url and len(found) < 5:
        page, url = get(url)
        found.append(page)
    return " ".join(found)


def by(session, **options):
    def get(url):
        answer = session.get(url, **options)
        return answer.text, answer.links.get("next", {}).get("url")

    return get


def by_aiohttp(url):
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(url, params=SIZE) as answer:
            return await answer.text(), answer.links.get("next", {}).get("url")

    return asyncio.run(ask())


def merging(url):
    return by(httpx)(httpx.URL(url).copy_merge_params(SIZE))


server = HTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
first = f"http://127.0.0.1:{server.server_port}/items"
for what, get in {
    "requests, params of the call": by(requests, params=SIZE),
    "aiohttp, params of the call": by_aiohttp,
    "httpx, params of the call": by(httpx, params=SIZE),
    "httpx, params of the client": by(httpx.Client(params=SIZE)),
    "httpx, params={}": by(httpx, params={}),
    "httpx, no params": by(httpx),
    "httpx, copy_merge_params": merging,
}.items():
    print(f"{what}: pages {walk(get)}")
server.shutdown()
PYTHON
NO_PROXY='*' venv/bin/python pages.py | tee seen
diff - seen <<'SEEN' || { echo 'one of the three takes params in another way by now' >&2; exit 1; }
requests, params of the call: pages 1 2 3
aiohttp, params of the call: pages 1 2 3
httpx, params of the call: pages 1 1 1 1 1
httpx, params of the client: pages 1 1 1 1 1
httpx, params={}: pages 1 1 1 1 1
httpx, no params: pages 1 2 3
httpx, copy_merge_params: pages 1 2 3
SEEN
