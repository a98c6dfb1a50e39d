"""Through which proxy a host is asked: what the environment means to the Go programs of the same cluster.

The rules are those of golang.org/x/net/http/httpproxy, which kubectl, Flux and Argo CD follow:

- `HTTPS_PROXY` and `HTTP_PROXY` by the URL's scheme; of the two spellings the upper-case one goes first. A value
  without a scheme means `http://`.
- `NO_PROXY` is a list by commas: `*` is every host; an IP address or a CIDR is that; `example.com` is that name and all
  below it, `.example.com` and `*.example.com` those below it only; with `:port` only that port.
- `localhost` and loopback addresses are never asked through a proxy.

Three things are more than Go has: `ALL_PROXY` where the scheme's own variable is empty, as curl has it; an IPv6 address
in brackets without a port; and names below `localhost`. No library in Python does the whole: urllib, requests and httpx
know no CIDR, no port or no star. Only HTTP proxies are served; a value may hold a password, so no message repeats it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from githubtoken_operator.domain.apps.hosts import DEFAULT_PORTS, Address, address_of, is_loopback

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnusableProxy(ValueError):
    """A variable names a proxy that cannot be used; the text says which, without the value."""


@dataclass(frozen=True, slots=True)
class _Spared:
    """One entry of `NO_PROXY`: a network, or the end of names, `itself` where the bare name is meant too."""

    network: _Network | None = None
    suffix: str = ""
    itself: bool = False
    port: int | None = None

    def fits(self, host: str, address: Address | None, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return address is None and (host.endswith(self.suffix) or (self.itself and host == self.suffix[1:]))


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment, which may hold passwords."""

    https: str | None = field(default=None, repr=False)
    http: str | None = field(default=None, repr=False)
    spared: tuple[_Spared, ...] = ()
    none: bool = False

    def of(self, scheme: str, host: str, port: int | None = None) -> str | None:
        """The proxy's URL for a host (an IPv6 address without brackets), or None where it is asked directly."""
        proxy = self.https if scheme == "https" else self.http
        name = host.strip().lower().removesuffix(".")
        if proxy is None or self.none or is_loopback(name):
            return None
        address, port = _address(name), port or DEFAULT_PORTS.get(scheme, 0)
        return None if any(entry.fits(name, address, port) for entry in self.spared) else proxy


def read(environment: Mapping[str, str]) -> Proxies:
    """The proxies of an environment. Raises `UnusableProxy`."""
    entries = [entry.strip().lower() for entry in _value(environment, "NO_PROXY")[1].split(",")]
    return Proxies(
        https=_proxy(environment, "HTTPS_PROXY"),
        http=_proxy(environment, "HTTP_PROXY"),
        spared=tuple(found for entry in entries if (found := _entry(entry)) is not None),
        none="*" in entries,
    )


def _value(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable that is set, and its value."""
    found = ((key, environment.get(key, "").strip()) for key in (name, name.lower()))
    return next((pair for pair in found if pair[1]), (name, ""))


def _proxy(environment: Mapping[str, str], name: str) -> str | None:
    variable, value = _value(environment, name)
    if not value:
        variable, value = _value(environment, "ALL_PROXY")
    if not value:
        return None
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise UnusableProxy(f"{variable} must be the URL of a proxy, such as http://proxy.example.com:3128")
    if parts.scheme.lower() != "http":
        raise UnusableProxy(
            f"{variable} must begin with http://: proxies that are spoken to by {parts.scheme} are not served"
        )
    return url


def _entry(text: str) -> _Spared | None:
    """One entry of `NO_PROXY`; what is malformed is passed over, as Go does."""
    if "/" in text:
        try:
            # A mask that is written as an address is none to Go.
            int(text.rpartition("/")[2])
            return _Spared(network=ipaddress.ip_network(text, strict=False))
        except ValueError:
            return None
    host, port = _split(text)
    address = _address(host.removeprefix("[").removesuffix("]"))
    if address is not None:
        return _Spared(network=ipaddress.ip_network(address), port=port)
    name = host[1:] if host.startswith("*.") else host
    if not name.strip("."):
        return None
    below = name.startswith(".")
    return _Spared(suffix=name if below else f".{name}", itself=not below, port=port)


def _split(text: str) -> tuple[str, int | None]:
    """Host and port; a bare IPv6 address has none, and an empty one is every port."""
    host, colon, port = text.rpartition(":")
    if colon and not port and (":" not in host or host.endswith("]")):
        return host, None
    if not colon or not port.isascii() or not port.isdigit() or (":" in host and not host.endswith("]")):
        return text, None
    return host, int(port)


def _address(text: str) -> Address | None:
    found = address_of(text)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
