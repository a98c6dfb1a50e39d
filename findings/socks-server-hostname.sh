#!/usr/bin/env bash
# aiohttp documents `server_hostname`: the name that a server's certificate must have, instead of the URL's host. Over a
# connector of aiohttp-socks 0.12.0 it is not passed on: the certificate is checked for the URL's host, and a right one is
# refused. Directly it is honoured, with the same aiohttp 3.14.5.
# A TLS server with a certificate for `right.example` and a SOCKS proxy, both on loopback. Needs python3 and openssl.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out ca.pem -subj /CN=right.example \
    -addext subjectAltName=DNS:right.example 2>/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiohttp==3.14.5 aiohttp-socks==0.12.0 python-socks==3.2.1
cat >try.py <<'PYTHON'
import asyncio, ssl

import aiohttp
from aiohttp_socks import ProxyConnector


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def socks(reader, writer):
    await reader.readexactly((await reader.readexactly(2))[1])
    writer.write(b"\x05\x00")
    kind = (await reader.readexactly(4))[3]
    await reader.readexactly((await reader.readexactly(1))[0] if kind == 3 else 4)
    port = int.from_bytes(await reader.readexactly(2), "big")
    there, back = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    writer.close()


async def main():
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain("ca.pem", "key.pem")
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    proxy = await asyncio.start_server(socks, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    trust = ssl.create_default_context(cafile="ca.pem")
    by_socks = ProxyConnector.from_url(f"socks5://127.0.0.1:{proxy.sockets[0].getsockname()[1]}", ssl=trust)
    for name, connector in (("directly", aiohttp.TCPConnector(ssl=trust)), ("by SOCKS", by_socks)):
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                async with session.get(url, server_hostname="right.example") as got:
                    print(f"{name}: {got.status}")
            except (aiohttp.ClientError, OSError) as error:
                cause = error
                while cause and not isinstance(cause, ssl.SSLCertVerificationError):
                    cause = cause.__cause__ or cause.__context__
                print(f"{name}: {cause.verify_message if cause else repr(error)}")


asyncio.run(asyncio.wait_for(main(), 30))
PYTHON
venv/bin/python try.py 2>/dev/null | tee seen
diff - seen <<'SEEN'
directly: 204
by SOCKS: IP address mismatch, certificate is not valid for '127.0.0.1'.
SEEN
