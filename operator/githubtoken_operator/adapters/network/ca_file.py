"""A company's CAs that are trusted beside the usual ones (`--ca-file`): for every App without a `caBundle`.

The file is looked at before each request, and read again where it is another one: kubelet brings a renewed ConfigMap
into the pod, and connections that are made from then on trust what it says. What it said before stays trusted until
the process ends, since a TLS context cannot forget. A file that cannot be used any more is told in the log, and what
was read before it holds.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from githubtoken_operator.adapters.network import tls
from githubtoken_operator.domain.vocabulary.certificates import CABundle, of_pem

logger = logging.getLogger(__name__)


class CannotTrust(Exception):
    """The file is not there, or has no certificates; the message says so."""


class CAFile:
    """A PEM file whose certificates are added to a TLS context. Raises `CannotTrust` where it has none at the start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: object = None
        try:
            tls.add(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), _read(path))
        except ValueError as error:
            raise CannotTrust(f"--ca-file {path} {error}") from error

    def renew(self, context: ssl.SSLContext) -> None:
        """Adds what the file has to what `context` trusts, where the file is not the one that was read last."""
        seen = _stamp(self.path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            tls.add(context, _read(self.path))
        except ValueError as error:
            logger.warning("the CAs of before are kept: %s %s", self.path, error)
        else:
            logger.info("read the CAs of %s", self.path)


def _read(path: Path) -> CABundle:
    """The certificates of a PEM file. Raises `ValueError` with the end of "`PATH` …"."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    bundle = of_pem(text)
    if not bundle.certificates:
        raise ValueError("must be a file with one or more certificates in PEM")
    return bundle


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
