"""Which hosts the operator may send an App's secrets to (`--allowed-hosts`), and which URLs are acceptable at all.

An entry is `host`, `host:port` or `*.suffix`; without a port any port fits. `api.github.com`, `github.com` and
`*.ghe.com` are always allowed. An IP address is allowed only where the list has it, and `http` only for loopback hosts
that are allowed.

The check is on what a URL parser, a resolver and a proxy could each take for the host. Whatever these could read
differently (user names, backslashes, escapes, numbers like `127.1`, other alphabets) is refused instead of
interpreted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import Server

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

BUILT_IN: Final = ("api.github.com", "github.com", "*.ghe.com")

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# A name whose last label is a number is read as an IPv4 address by some resolvers (`127.1`, `0x7f.1`).
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_PLAIN: Final = re.compile(r"[!-~]+")
_LONGEST_NAME: Final = 253
_HIGHEST_PORT: Final = 65535
DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    """Lower case, without a trailing dot; an IP address in its canonical form."""
    port: int | None
    is_ip: bool

    @property
    def in_url(self) -> str:
        """The host as URLs have it, without the port."""
        return f"[{self.host}]" if ":" in self.host else self.host


def refusal(server: Server, allowed: Iterable[str], *, where: str = "spec") -> Terminal | None:
    """Why nothing may be sent to that GitHub; `where` in the object its URLs stand."""
    for field, url in (("apiURL", server.api_url), ("webURL", server.web_url)):
        if problem := check_url(url, allowed):
            return Terminal(reasons.HOST_NOT_ALLOWED, f"`{where}.{field}` {problem}")
    return None


def normalised(url: str) -> str:
    """The one spelling by which a URL of acceptable form is known; any other URL as it is.

    The host is in lower case and has no final dot, and a port that the scheme implies is left out.
    """
    if check_form(url) is not None:
        return url
    parts = urlsplit(url)
    place = _place(parts.netloc)
    if place is None:
        return url
    port = "" if place.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{place.port}"
    return f"{parts.scheme}://{place.in_url}{port}{parts.path}"


def entry(text: str) -> str | None:
    """One entry of `--allowed-hosts` in its one spelling, as URLs have it; None where it is none beyond doubt."""
    name = text.lower().removeprefix("*.")
    place = _entry_place(name)
    if place is None or name.partition(":")[0].endswith("."):
        return None
    if name == text.lower():
        return place.in_url + (f":{place.port}" if place.port else "")
    return None if place.is_ip or place.port else f"*.{place.host}"


def admitted_by(host: str, allowed: Iterable[str] = ()) -> str:
    """The entry that admits a `host` or `host:port`, by which metrics name it; `other` where none does.

    There are as many entries as the operator's flags have, while a tenant may name any number of hosts below a suffix.
    """
    place = _place(host)
    if place is None:
        return "other"
    # A URL without a port is https in all but a test's own cases.
    port = place.port or DEFAULT_PORTS["https"]
    entries = sorted((*BUILT_IN, *allowed), key=lambda entry: entry.startswith("*."))
    return next((entry for entry in entries if _fits(entry, place, port)), "other")


def is_enterprise_server(api_url: str) -> bool:
    """Whether it is neither github.com nor ghe.com, so that its tokens may be older than GitHub's prefixes."""
    return check_url(api_url) is not None


def is_of_two(server: Server) -> bool:
    """Whether one of its URLs is github.com's and the other is not: neither follows the other, and one was left out."""
    api, web = urlsplit(server.api_url).hostname, urlsplit(server.web_url).hostname
    return (api == BUILT_IN[0]) != (web == BUILT_IN[1])


def check_url(url: str, allowed: Iterable[str] = (), *, built_in: Iterable[str] = BUILT_IN) -> str | None:
    """Why an `apiURL` or `webURL` is not acceptable, as the end of "`spec.apiURL` …"; None where it is.

    `built_in` are the hosts that are allowed in any case. `check_form` alone tells a URL of the wrong form
    (`InvalidSpec`) from one on a foreign host (`HostNotAllowed`).
    """
    problem = check_form(url)
    if problem is not None:
        return problem
    parts = urlsplit(url)
    place = _place(parts.netloc)
    if place is None:
        return "must name a host"
    port = place.port or DEFAULT_PORTS[parts.scheme]
    if not any(_fits(entry, place, port) for entry in (*built_in, *allowed)):
        return f"must be on a host that `--allowed-hosts` has; `{place.host}` is not on the list"
    return None


def check_form(url: str) -> str | None:
    """Why the URL's form is not acceptable whatever hosts are allowed, as the end of "`spec.apiURL` …"."""
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return "must be a URL without spaces, backslashes, control or non-ASCII characters"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "must be a URL"
    place = _place(parts.netloc)
    rules = (
        (parts.scheme not in DEFAULT_PORTS, "must begin with `https://`"),
        ("@" in parts.netloc, "must not have a user name"),
        ("?" in url or "#" in url, "must not have a query or a fragment"),
        (place is None, "must name a host: a DNS name or an IP address, and a port from 1 to 65535 if any"),
        (url.endswith("/"), "must not end with a slash"),
        (".." in parts.path or "//" in parts.path or "%" in parts.path, "must have a plain path"),
        (
            parts.scheme == "http" and place is not None and not is_loopback(place.host),
            "must begin with `https://`; `http://` is for loopback hosts only",
        ),
    )
    return next((problem for applies, problem in rules if applies), None)


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address (without brackets) is this machine by its very name."""
    name = host.lower().removesuffix(".")
    address = address_of(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def address_of(text: str) -> Address | None:
    """The IP address (without brackets) that the text is; None where it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _fits(entry: str, place: _Place, port: int) -> bool:
    name = entry.removeprefix("*.")
    wanted = _entry_place(name)
    if wanted is None or (wanted.port is not None and wanted.port != port):
        return False
    if entry == name:
        return wanted.host == place.host
    return not place.is_ip and not wanted.is_ip and place.host.endswith("." + wanted.host)


def _entry_place(name: str) -> _Place | None:
    """In an entry, unlike in a URL, an IPv6 address may stand without brackets."""
    return _place(f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name)


def _place(netloc: str) -> _Place | None:
    """Host and port as a URL has them; None where they are not beyond doubt."""
    text = netloc.lower()
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        name, colon, port = inner, rest[:1], rest[1:]
    else:
        name, colon, port = text.partition(":")
    number = int(port) if _PORT.fullmatch(port) else None
    if colon and (number is None or not 1 <= number <= _HIGHEST_PORT):
        return None
    return _named(name, number, bracketed=text.startswith("["))


def _named(name: str, port: int | None, *, bracketed: bool) -> _Place | None:
    if (address := address_of(name)) is not None:
        # An IPv6 address stands in brackets, and never with a zone, which means another interface on every machine.
        in_place = bracketed == isinstance(address, ipaddress.IPv6Address) and "%" not in name
        return _Place(str(address), port, is_ip=True) if in_place else None
    name = name.removesuffix(".")
    if bracketed or len(name) > _LONGEST_NAME or not NAME.fullmatch(name) or _NUMERIC.fullmatch(name):
        return None
    return _Place(name, port, is_ip=False)
