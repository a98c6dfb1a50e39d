"""The node's network: one interface of its own, from which nothing leads outside. Used inside a `Sandbox`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from localcluster.errors import NodeError

ADDRESS: Final = "10.99.0.1"
"""The node's, where the API server, the kubelet and the DNS server listen."""
POD_RANGE: Final = "10.244.0.0/24"
_INTERFACE: Final = "node0"


def make_network() -> None:
    """Makes the interface and lets pods reach each other. Raises `NodeError`."""
    _ip("link", "set", "lo", "up")
    # Not every kernel has a dummy device; one end of a pair does as well.
    _ip("link", "add", _INTERFACE, "type", "veth", "peer", "name", f"{_INTERFACE}p")
    _ip("address", "add", f"{ADDRESS}/24", "dev", _INTERFACE)
    for name in (_INTERFACE, f"{_INTERFACE}p"):
        _ip("link", "set", name, "up")
    # The kubelet and kube-proxy look for the address of the default route.
    _ip("route", "add", "default", "dev", _INTERFACE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")


def _ip(*arguments: str) -> None:
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise NodeError(f"`ip {' '.join(arguments)}` ended with exit code {result.returncode}: {result.stderr.strip()}")
