"""AWS KMS twice: local-kms, which answers as AWS documents, and moto, which has STS beside it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import botocore.session
import pytest
import yaml

from localcluster.errors import BinariesError
from localcluster.launch import free_ports
from localcluster.localkms import locate_local_kms
from tests.conftest import REPOSITORY
from tests.integration.adapters.signers.services import materials

REGION: Final = "eu-central-1"
ACCOUNT: Final = "111122223333"
ARN: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key"
ACME: Final = "0a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
NEXT: Final = "1a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
CURVE: Final = "2a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
MISSING: Final = "3a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f"
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-secret-key-0123456789abcdefghi",
}
MOTO: Final = REPOSITORY / ".venv" / "moto" / "bin" / "moto_server"


@contextmanager
def local_kms(folder: Path) -> Iterator[str]:
    """Its URL. Has `alias/acme`, which is the key ACME."""
    try:
        program = locate_local_kms()
    except BinariesError as missing:
        pytest.skip(str(missing))
    rsa = [
        _seeded(ACME, materials.pkcs8(materials.rsa_key())),
        _seeded(NEXT, materials.pkcs8(materials.rsa_key("next"))),
    ]
    curve = [_seeded(CURVE, materials.sec1(materials.ec_key()))]
    alias = {"AliasName": "alias/acme", "TargetKeyId": ACME}
    seed = folder / "seed.yaml"
    seed.write_text(yaml.safe_dump({"Rsa": rsa, "Ecc": curve, "Aliases": [alias]}))
    command = [str(program), REGION, ACCOUNT, str(folder / "data"), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://{process.stdout.readline().decode().strip()}"
        finally:
            process.stdin.close()
            process.wait(10)


@contextmanager
def moto() -> Iterator[str]:
    """Its URL; the keys are for the test to make."""
    if not MOTO.exists():
        pytest.skip("moto is not installed; run `make kms`")
    [port] = free_ports(1)
    command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": os.environ["PATH"], "MOTO_ACCOUNT_ID": ACCOUNT}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/moto-api/data.json", process)
            yield url
        finally:
            process.terminate()


def client(url: str) -> Any:  # noqa: ANN401 - botocore's client has no type
    """To arrange things with, beside what is tested."""
    session = botocore.session.Session()
    return session.create_client(
        "kms",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def error(code: str, message: str = "") -> str:
    """The body of a refusal."""
    return json.dumps({"__type": code, "message": message})


def _seeded(number: str, pem: str) -> dict[str, Any]:
    return {"Metadata": {"KeyId": number, "KeyUsage": "SIGN_VERIFY"}, "PrivateKeyPem": pem}


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
