"""HTTP for the clouds' own libraries, which fetch credentials: the operator's CAs, and a limit for each wait.

Left to themselves, these libraries trust certifi's CAs alone and wait for a minute or two. `HTTPS_PROXY` and `NO_PROXY`
are followed; a netrc file is not, and no redirect is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from githubtoken_operator.adapters.github.transport import trust
from githubtoken_operator.adapters.network.ca_file import CAFile

WAIT: Final = (2.0, 3.0)
"""Seconds for a connection, and for each part of an answer; a token and a signature fit into the port's limit."""


def make_session(ca_file: Path | None) -> requests.Session:
    """A session that trusts the usual CAs and those of the file."""
    session = requests.Session()
    session.auth = _keep
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(CAFile(ca_file) if ca_file else None))
    return session


def _keep(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Adds no credentials: where there is an `auth`, no netrc file is looked at."""
    return request


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: CAFile | None) -> None:
        self._ca_file = ca_file
        self._trust = trust(None)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._trust)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._trust)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        if self._ca_file is not None:
            self._ca_file.renew(self._trust)
        return super().send(*args, **{**kwargs, "timeout": WAIT})
