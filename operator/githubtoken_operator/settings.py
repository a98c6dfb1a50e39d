"""What `githubtoken run` can be told, and the rules for each single value.

The `parse_*` functions are pure and read one text each. They raise ValueError with a sentence that says what the text
must be; the command line puts the flag's name before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Final, Literal

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.user.pod import POD_NAME, POD_UID, Pod
from githubtoken_operator.domain.vocabulary.times import format_duration, parse_duration

LogFormat = Literal["json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]

_DNS_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_MAX_PORT: Final = 65535
_MIN_LEASE: Final = timedelta(seconds=2)
_MAX_LEASE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. An empty host means all addresses of the machine, port 0 one that the system chooses."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's settings; immutable for the life of the process."""

    namespaces: tuple[str, ...] = ()
    """Namespaces that are served. Default: none named, which means all; with names nothing cluster-scoped is read."""

    operator_namespace: str = "default"
    """Where the Lease and the pods are. Default: `default`; the chart sets it to the release's namespace."""

    pod_name: str | None = None
    """The pod that this process runs in. Default: none; the chart tells. A dead process's rotation is known by it."""

    pod_uid: str | None = None
    """Its uid, which tells it from a later pod of the same name. Default: none; it goes with the name."""

    metrics_address: Address = Address("", 8080)
    """Where `/metrics` is served. Default: `:8080`, which Prometheus can reach on the pod's address."""

    health_address: Address = Address("", 8081)
    """Where `/healthz` and `/readyz` are served. Default: `:8081`, apart, so that metrics can be shielded."""

    leader_elect: bool = True
    """Whether a Lease decides who writes. Default: yes, because two writers would spend a refresh token twice."""

    lease_duration: float = 15.0
    """Seconds after which a silent leader is replaced. Default: 15, as in client-go.

    With less there is less time to send a refresh, a third of it instead of 5 s.
    """

    allowed_hosts: tuple[str, ...] = ()
    """Hosts that Apps may name beside GitHub's own. Default: none, so that a key is not sent to a stranger's server."""

    concurrency: int = 32
    """GitHubTokens that are worked on at once. Default: 32; GitHub refuses more than 100 concurrent requests."""

    github_requests_per_minute: int = 175
    """New tokens a minute for each App and host. Default: 175, of 180 that GitHub's 900 points a minute allow."""

    verify_before_publish: bool = True
    """Whether a new installation token is tried before it is published. Default: yes; GitHub replicates with a lag."""

    ca_file: Path | None = None
    """PEM file with CAs that are trusted beside the usual ones. Default: none; the chart mounts a company's."""

    signer_tokens: Path = Path("/var/run/secrets/githubtoken.dev/signers")
    """Folder with projected tokens, one file for each audience, for services that sign. Default: the chart's mount."""

    pkcs11_module: Path | None = None
    """The library of the HSM that signs for Apps. Default: none; it is a vendor's, and mounted or built in."""

    pkcs11_pin_file: Path | None = None
    """File with the PIN of the HSM's user. Default: none; the chart mounts a Secret."""

    journal_dir: Path | None = None
    """Where rotated pairs wait until they are stored. Default: nowhere; the chart mounts a memory-backed volume."""

    grace_period: float | None = None
    """Seconds from SIGTERM to SIGKILL, which a process cannot ask for. Default: not known; the chart tells."""

    log_format: LogFormat = "json"
    """One JSON object a line, or plain text. Default: json, which log collectors read without rules."""

    log_level: LogLevel = "info"
    """Least severe records that are written. Default: info. Libraries never go below warning."""

    @property
    def pod(self) -> Pod | None:
        """The pod that this process runs in, where it was told."""
        if self.pod_name is None or self.pod_uid is None:
            return None
        return Pod(self.operator_namespace, self.pod_name, self.pod_uid)


def parse_list(text: str) -> tuple[str, ...]:
    """Split at commas; blanks around entries and empty entries are dropped, repetitions too."""
    return tuple(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))


def parse_namespace(text: str) -> str:
    """Read the name of a namespace (RFC 1123 label)."""
    if not _DNS_LABEL.fullmatch(text):
        raise ValueError(
            "must be the name of a namespace: at most 63 lower-case letters, digits and dashes, "
            f"with a letter or digit at both ends, not {text!r}"
        )
    return text


def parse_pod_name(text: str) -> str:
    """Read the name of a pod (RFC 1123 subdomain)."""
    if not POD_NAME.fullmatch(text):
        raise ValueError(f"must be the name of a pod, of lower-case letters, digits, `-` and `.`, not {text!r}")
    return text


def parse_pod_uid(text: str) -> str:
    """Read the uid of a pod, which Kubernetes made."""
    if not POD_UID.fullmatch(text):
        raise ValueError(f"must be the uid of a pod, as in its `metadata.uid`, not {text!r}")
    return text


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of namespaces; the empty text means all, and nothing else does."""
    namespaces = tuple(parse_namespace(entry) for entry in parse_list(text))
    if text and not namespaces:
        raise ValueError(f"must name namespaces, or be empty for all of them, not {text!r}")
    return namespaces


def parse_path(text: str) -> Path:
    """Read the path of a file or folder, which need not be there. Empty, it would be where the process was started."""
    if not text:
        raise ValueError("must be a path, not ''")
    return Path(text)


def parse_address(text: str) -> Address:
    """Read `:8080`, `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`."""
    host, separator, port = text.rpartition(":")
    if not separator or not _NUMBER.fullmatch(port) or int(port) > _MAX_PORT:
        raise ValueError(f"must be an address such as `:8080`, `127.0.0.1:8080` or `[::1]:8080`, not {text!r}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError(f"must have an IPv6 address between the brackets, such as `[::1]:8080`, not {text!r}")
    elif ":" in host:
        raise ValueError(f"must have an IPv6 address in brackets, such as `[::1]:8080`, not {text!r}")
    elif host and not hosts.NAME.fullmatch(host.lower()):
        raise ValueError(f"must have a host name or an IP address before the port, not {text!r}")
    return Address(host, int(port))


def parse_allowed_host(text: str) -> str:
    """Read `host`, `host:port` or `*.suffix`, in lower case; an IPv6 address keeps its brackets, as in a URL."""
    entry = hosts.entry(text)
    if entry is None:
        raise ValueError(
            "must be a host without scheme or path: `host`, `host:port` or `*.suffix`, "
            f"such as `github.example.com`, not {text!r}"
        )
    return entry


def parse_allowed_hosts(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of hosts."""
    return tuple(dict.fromkeys(parse_allowed_host(entry) for entry in parse_list(text)))


def parse_lease_duration(text: str) -> float:
    """Read a duration in whole seconds (a Lease counts in them); returns seconds."""
    duration = parse_duration(text)
    if duration % timedelta(seconds=1) or not _MIN_LEASE <= duration <= _MAX_LEASE:
        raise ValueError(
            f"must be whole seconds from {format_duration(_MIN_LEASE)} to {format_duration(_MAX_LEASE)}, not {text!r}"
        )
    return duration.total_seconds()


def parse_grace_period(text: str) -> float:
    """Read a duration; returns seconds."""
    return parse_duration(text).total_seconds()


def parse_count(text: str, *, maximum: int) -> int:
    """Read a whole number from 1 on."""
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= maximum:
        raise ValueError(f"must be a whole number from 1 to {maximum}, not {text!r}")
    return int(text)


def parse_log_format(text: str) -> LogFormat:
    """Read `json` or `text`."""
    match text.lower():
        case "json" | "text" as known:
            return known
    raise ValueError(f"must be `json` or `text`, not {text!r}")


def parse_log_level(text: str) -> LogLevel:
    """Read `debug`, `info`, `warning` or `error`."""
    match text.lower():
        case "debug" | "info" | "warning" | "error" as known:
            return known
    raise ValueError(f"must be `debug`, `info`, `warning` or `error`, not {text!r}")


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text
