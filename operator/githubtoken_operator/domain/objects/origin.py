"""The GitHub that a secret came from: it is shown to no other, whatever the URLs of its App say by now.

It stands beside what it is of, in an annotation. The names of hosts are compared, as `--allowed-hosts` has them:
another port or path on the same host is the same GitHub. Where nothing is said, as by an earlier version, a secret is
of the GitHub that the App names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.objects.specs.github_token import PREFIX
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import JSON, App, Server

ORIGIN: Final = PREFIX + "origin"
"""Annotation `{apiURL, webURL}`; beside a refresh token with its SHA-256 as `token`, and void beside another one."""
_LONGEST: Final = 8192
"""Characters; the schema lets a URL have 2,048."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A GitHub by its URLs, as the App named it when the secret was had."""

    api_url: str
    web_url: str

    @property
    def server(self) -> Server:
        """The same to talk about; what is trusted there is not known."""
        return Server(self.api_url, self.web_url)

    @property
    def document(self) -> dict[str, Any]:
        """How it is kept."""
        return {"apiURL": self.api_url, "webURL": self.web_url}

    def is_at(self, server: Server, *, web: bool) -> bool:
        """Whether the API there is the same; with `web` also what the refresh tokens of users go to."""
        return same_host(self.api_url, server.api_url) and (same_host(self.web_url, server.web_url) or not web)


def same_host(one: str, another: str) -> bool:
    """Whether both URLs are on a host of the same name, on whatever port."""
    return _host(one) == _host(another)


@lru_cache(maxsize=256)
def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def of(server: Server) -> Origin:
    """Where what that GitHub gives comes from."""
    return Origin(server.api_url, server.web_url)


def note(origin: Origin | None, token: str | None = None) -> dict[str, str]:
    """The annotation, `token` with it where one is given; none where nothing is known."""
    if origin is None:
        return {}
    of_token = {} if token is None else {"token": token}
    return {ORIGIN: json.dumps({**origin.document, **of_token})}


def noted(notes: JSON, token: str | None = None) -> Origin | None:
    """What the annotation says of the secret, or of the refresh token with the SHA-256 `token`."""
    text = notes.get(ORIGIN)
    document = parsed(text) if text is not None and len(text) <= _LONGEST else None
    if not isinstance(document, Mapping) or document.get("token") != token:
        return None
    return read(document)


def read(document: object) -> Origin | None:
    """The `document` of one; None where it is none, or its URLs are none that an App may have."""
    if not isinstance(document, Mapping):
        return None
    urls = document.get("apiURL"), document.get("webURL")
    if not all(isinstance(url, str) and hosts.check_form(url) is None for url in urls):
        return None
    return Origin(*(str(url) for url in urls))


def former(app: App, origin: Origin) -> App:
    """The App as its former GitHub may be asked: with nothing that belongs to the present one.

    Of a server of one's own the CAs are taken for the same, which a public host does not need.
    """
    bundle = app.server.ca_bundle if hosts.is_enterprise_server(origin.api_url) else None
    return App(app.app_id, app.client_id, replace(origin.server, ca_bundle=bundle))
