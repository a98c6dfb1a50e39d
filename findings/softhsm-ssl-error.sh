#!/usr/bin/env bash
# After a PKCS#11 module was initialized in a thread, the next TLS context that is made in that thread cannot load a good
# certificate: `ssl.SSLError: [ENGINE: NO_SUCH_ENGINE] no such engine`. The one after it can.
# SoftHSM 2.6.1 looks for an engine that there is not, and leaves that in OpenSSL's queue of errors, of which each thread has
# one. CPython 3.11's `SSLContext.load_verify_locations(cadata=…)` does not empty the queue before it reads certificates, and takes
# what it finds there at the end for its own. It needs a Python whose libcrypto is the one that SoftHSM uses (the system's).
# So a module gets a thread of its own, in which no TLS context is made.
# Needs softhsm2 (Debian) and Python >= 3.11 with venv.
set -euo pipefail
command -v softhsm2-util >/dev/null || { echo 'softhsm2 is missing: apt-get install softhsm2' >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-pkcs11==0.10.1 asn1crypto==1.5.1
mkdir tokens
echo "directories.tokendir = $folder/tokens" >softhsm2.conf
export SOFTHSM2_CONF="$folder/softhsm2.conf"
softhsm2-util --init-token --free --label a --pin 1234 --so-pin 1234 >/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -subj /CN=a -days 2 2>/dev/null
cat >run.py <<'PY'
import ssl
import threading
from pathlib import Path

import pkcs11

der = ssl.PEM_cert_to_DER_cert(Path("certificate.pem").read_text())
places = [*Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"), Path("/usr/lib/softhsm/libsofthsm2.so")]
module = next(str(place) for place in places if place.exists())


def load(when):
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except ssl.SSLError as error:
        print(when, error.library, error.reason, sep=": ")
    else:
        print(when, "loaded", sep=": ")


load("before")
library = pkcs11.lib(module)
load("after the module was initialized")
load("once more")
other = threading.Thread(target=library.reinitialize)
other.start()
other.join()
load("after it was initialized in another thread")
PY
venv/bin/python run.py | tee seen
diff - seen <<'SEEN'
before: loaded
after the module was initialized: ENGINE: NO_SUCH_ENGINE
once more: loaded
after it was initialized in another thread: loaded
SEEN
