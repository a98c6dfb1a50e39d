#!/usr/bin/env bash
# httpx documents `ConnectTimeout` as a timeout while connecting: one of the two errors after which a POST can be sent again.
# With httpx-aiohttp 0.2.0 (httpx 0.28.1, aiohttp 3.14.5) it also comes, within milliseconds, when a server has read the whole
# POST and hung up. Who sends again then sends a refresh token, a payment or an order twice. aiohttp's errors are translated by
# their base classes, in the order of a table: hung up, reset, refused, distrusted, a dead proxy, all become `ConnectTimeout`.
# `ConnectError`, which the table has for refused connections, never comes. httpx's own transport tells them apart.
# So before anything is sent again, look at aiohttp's own error: it is the `__cause__`.
# Servers on loopback; needs openssl. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out own.pem -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check httpx==0.28.1 httpx-aiohttp==0.2.0 aiohttp==3.14.5
cat >try.py <<'PYTHON'
import asyncio, socket, ssl, struct

import httpx
from httpx_aiohttp import HttpxAiohttpClient

GRANT = b"refresh_token=used-once"
taken = []


def answering(reset):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        taken.append(await reader.readexactly(len(GRANT)))
        if reset:
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    return answer


async def served(reset=False, trust=None):
    server = await asyncio.start_server(answering(reset), "127.0.0.1", 0, ssl=trust)
    return server, server.sockets[0].getsockname()[1]


async def main():
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain("own.pem", "key.pem")
    (hanging, hung), (resetting, broken), (_tls, distrusted), (gone, closed) = [
        await served(), await served(reset=True), await served(trust=own), await served()]
    gone.close()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    for what, url, proxy in (
        ("read, then closed", f"http://127.0.0.1:{hung}/", None),
        ("read, then reset", f"http://127.0.0.1:{broken}/", None),
        ("refused", f"http://127.0.0.1:{closed}/", None),
        ("distrusted", f"https://localhost:{distrusted}/", None),
        ("proxy refused", "http://api.example/", f"http://127.0.0.1:{closed}"),
    ):
        seen = []
        for kind in (httpx.AsyncClient, HttpxAiohttpClient):
            taken.clear()
            async with kind(trust_env=False, proxy=proxy) as client:
                for _ in range(2):
                    try:
                        await client.post(url, content=GRANT)
                    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                        last = error  # nothing was sent, so it is sent again
                    except httpx.HTTPError as error:
                        last = error
                        break
            seen.append(f"{type(last).__name__}, POSTs taken {len(taken)}")
        print(f"{what}: {seen[0]}; over aiohttp {seen[1]}")


asyncio.run(asyncio.wait_for(main(), 60))
PYTHON
venv/bin/python try.py | tee seen
diff - seen <<'SEEN' || { echo 'httpx-aiohttp tells errors apart in another way by now' >&2; exit 1; }
read, then closed: RemoteProtocolError, POSTs taken 1; over aiohttp ConnectTimeout, POSTs taken 2
read, then reset: ReadError, POSTs taken 1; over aiohttp ConnectTimeout, POSTs taken 2
refused: ConnectError, POSTs taken 0; over aiohttp ConnectTimeout, POSTs taken 0
distrusted: ConnectError, POSTs taken 0; over aiohttp ConnectTimeout, POSTs taken 0
proxy refused: ConnectError, POSTs taken 0; over aiohttp ConnectTimeout, POSTs taken 0
SEEN
