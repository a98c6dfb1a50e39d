#!/usr/bin/env bash
# An idle TLS connection of asyncio holds a read buffer of 256 KiB (`SSLProtocol.max_size`), filled with zeros and so
# resident, though a TLS record has 16 KiB at most: 200 connections of aiohttp 3.14.5 that wait for an answer take more
# than 50 MB. The same program over plain TCP, or with `max_size` at 32 KiB, takes a fraction. So from Python 3.11, where
# the buffer came, to 3.13; a client that holds many watches open pays it for each.
# A server and its clients in two processes, both on loopback. Needs python3 and openssl.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out ca.pem -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiohttp==3.14.5
cat >serve.py <<'PYTHON'
import asyncio, ssl


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await reader.read()


async def main():
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain("ca.pem", "key.pem")
    servers = [await asyncio.start_server(answer, "127.0.0.1", 0, ssl=each, backlog=300) for each in (own, None)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.sleep(60)


asyncio.run(main())
PYTHON
cat >wait.py <<'PYTHON'
import asyncio, ssl, sys
from asyncio import sslproto

import aiohttp

scheme, port, size = sys.argv[1:]
if int(size):
    sslproto.SSLProtocol.max_size = int(size)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def main():
    trust = ssl.create_default_context(cafile="ca.pem")
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        before = resident()
        open_ones = [await session.get(f"{scheme}://localhost:{port}/") for _ in range(200)]
        grown = (resident() - before) / len(open_ones)
        for each in open_ones:
            each.close()
    print(f"{grown:.0f}")


asyncio.run(asyncio.wait_for(main(), 50))
PYTHON
venv/bin/python serve.py >ports &
server=$!
trap 'kill $server; rm -rf "$folder"' EXIT
until [ -s ports ]; do sleep 0.1; done
read -r tls plain <ports
usual=$(venv/bin/python wait.py https "$tls" 0)
small=$(venv/bin/python wait.py https "$tls" 32768)
without=$(venv/bin/python wait.py http "$plain" 0)
echo "kB for each connection that waits: TLS $usual, TLS with a buffer of 32 KiB $small, without TLS $without"
[ "$usual" -gt 256 ] && [ "$small" -lt $((usual - 190)) ] && [ "$without" -lt 60 ]
