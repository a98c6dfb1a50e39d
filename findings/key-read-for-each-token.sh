#!/usr/bin/env bash
# A GitHub App's token costs its client a hundred times what the signature costs, and stops the event loop meanwhile, beside a
# thread too. gidgethub 6.0.0, a library for asyncio, makes a JWT for each token; PyJWT 2.15.1 reads the PEM anew for each JWT;
# and to read an RSA key of 2,048 bits, GitHub's own size, cryptography 50.0.2 takes 30 ms, as it tests both primes. It signs in
# 0.3 ms. So 10,000 tokens are five minutes of a core. `asyncio.to_thread` does not help: other threads run while something is
# signed, but not while a key is read, so the loop stands still for as long as that takes.
# gidgethub and PyJWT take a key that was read once as well as its text, whatever gidgethub's annotation says.
# No network: GitHub's answer is made here. The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gidgethub==6.0.0 PyJWT==2.15.1 cryptography==50.0.2
cat >try.py <<'PYTHON'
import asyncio, statistics, time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gidgethub.abc import GitHubAPI
from gidgethub.apps import get_installation_access_token, get_jwt

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()


class Instant(GitHubAPI):
    async def _request(self, method, url, headers, body=b""):
        return 201, {"content-type": "application/json; charset=utf-8"}, b'{"token": "ghs_a"}'

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


async def each_token(key):
    github = Instant("an-app")
    began = time.process_time()
    for number in range(30):
        await get_installation_access_token(github, installation_id=str(number), app_id="1", private_key=key)
    return (time.process_time() - began) / 30 * 1000


def signed(key, times):
    for _ in range(times):
        get_jwt(app_id="1", private_key=key)


async def longest_stop(key, times):
    """The median, over 15 rounds in a thread, of the longest time (ms) in which the loop did nothing."""
    found = []
    for _ in range(15):
        stops, last = [], time.perf_counter()
        beside = asyncio.create_task(asyncio.to_thread(signed, key, times))
        while not beside.done():
            await asyncio.sleep(0.001)
            stops.append(time.perf_counter() - last)
            last = time.perf_counter()
        found.append(max(stops) * 1000)
    return statistics.median(found)


async def main():
    text, read = await each_token(PEM), await each_token(KEY)
    print(f"CPU for each token: {text:.1f} ms with the key's text, {read:.1f} ms with a key that was read")
    one, many = await longest_stop(PEM, 1), await longest_stop(KEY, 100)
    print(f"beside a thread the loop stands still for {one:.0f} ms (the text, 1 JWT), {many:.0f} ms (the key, 100 JWTs)")
    if text < 15 * read or one < 0.6 * text or many > one / 2:
        raise SystemExit("a key's text costs less by now, or lets the loop go on")


asyncio.run(main())
PYTHON
venv/bin/python try.py
