"""The command lines of the control plane's programs, their ports, and when they are ready."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from localcluster.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localcluster.process import Process

LOOPBACK = "127.0.0.1"
_READY_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.05
_NO_CONNECTION_S = range(10_240, 32_768)
"""Ports that systems give to nobody who asks for any: Linux has those from 32768 on for that, others from 49152 on."""
_REQUEST_TIMEOUT_SECONDS = 5.0


class PortTakenError(ControlPlaneError):
    """Another process took the port between its choice and its use."""


def free_ports(count: int) -> list[int]:
    """Different ports on loopback that nobody listens on at this moment, and that no connection takes meanwhile."""
    found: list[int] = []
    with ExitStack() as sockets:
        while len(found) < count:
            port = random.SystemRandom().choice(_NO_CONNECTION_S)
            with suppress(OSError):
                sockets.enter_context(socket.socket()).bind((LOOPBACK, port))
                found.append(port)
    return found


def etcd(binary: Path, folder: Path, client_url: str, peer_url: str) -> list[str | Path]:
    """A single etcd that does not wait for the disk: its data ends with it."""
    return [
        binary,
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
    ]


def api_server(
    binary: Path, folder: Path, etcd_url: str, *, address: str, port: int, flags: Sequence[str]
) -> list[str | Path]:
    """kube-apiserver with RBAC, that makes its own certificate in `pki`."""
    key = folder / "service-account.key"
    # Without nodes no pod ever asks for the service `kubernetes`, of which a loopback address may not be an endpoint.
    alone = ("--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none") if address == LOOPBACK else ()
    return [
        binary,
        f"--etcd-servers={etcd_url}",
        f"--bind-address={address}",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'pki'}",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        *alone,
        *flags,
    ]


def controller_manager(binary: Path, folder: Path, kubeconfig: Path, *, nodes: bool) -> list[str | Path]:
    """kube-controller-manager without a port of its own: the three controllers that tests see the work of.

    With nodes it is all controllers, each with its own account, without which none may tolerate a node's taints, and
    with the CA that pods trust.
    """
    few = ("--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller",)
    every = (
        "--use-service-account-credentials",
        f"--root-ca-file={folder / 'pki' / 'apiserver.crt'}",
        f"--flex-volume-plugin-dir={folder / 'volume-plugins'}",
    )
    return [
        binary,
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--cert-dir={folder / 'pki-controller-manager'}",
        *(every if nodes else few),
    ]


def wait_until_ready(process: Process, url: str, ca_file: Path | None, token: str | None = None) -> None:
    """Wait until the address answers 200; ControlPlaneError when the process ends first or takes too long."""
    deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
    while not _answers(url, ca_file, token):
        if not process.running and "address already in use" in process.tail(50):
            raise PortTakenError(f"{process.name} found its port taken:\n{process.tail()}")
        process.require_running()
        if time.monotonic() > deadline:
            raise ControlPlaneError(
                f"{process.name} was not ready after {_READY_TIMEOUT_SECONDS:.0f} s; "
                f"the end of its log:\n{process.tail()}"
            )
        time.sleep(_POLL_SECONDS)


def _answers(url: str, ca_file: Path | None, token: str | None) -> bool:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310 (only our own loopback addresses)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca_file is not None:
        if not ca_file.exists():
            return False
        try:
            trust = ssl.create_default_context(cafile=str(ca_file))
        except ssl.SSLError:
            # The API server is just writing it.
            return False
        handlers.append(urllib.request.HTTPSHandler(context=trust))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_REQUEST_TIMEOUT_SECONDS) as answer:
            return bool(answer.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        # Refused, not ready (an HTTP error is an OSError), or cut while the server starts.
        return False
