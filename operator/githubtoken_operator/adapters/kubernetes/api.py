"""Requests to the API server: raw JSON in and out, and what it refuses as one of `errors`.

Of the client its configuration and its connections are used. Its response models are not: building them costs as much
as the request, and their validation errors quote the data of Secrets.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from copy import copy
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.rest import RESTClientObject, RESTResponse

from githubtoken_operator.adapters.kubernetes import stepwise
from githubtoken_operator.adapters.kubernetes.apply import APPLY, as_yaml
from githubtoken_operator.adapters.kubernetes.errors import ApiError, Unavailable, error_of
from githubtoken_operator.adapters.network import tls, unanswered

REQUEST_TIMEOUT: Final = 20.0
"""Seconds for a whole request. The API server's own limit for non-watch requests is 60."""
CONNECTIONS: Final = 32
"""At once, where nobody says another number."""
_CHUNK: Final = 500
"""Objects in one answer to a list."""
LARGE_PAGE: Final = 20
"""Objects in one answer where each may have a megabyte: more would stop the loop for a second, and fill the memory."""
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


Told = Callable[[str, str, int, float], None]
"""Told of each request: verb and resource as RBAC names them, the status (0: no answer), seconds."""


Heard = Callable[[int, str | None], None]
"""Told of the status of each answer (0: none came), and of its `Retry-After`."""


class Api:
    """A connection pool to one API server."""

    def __init__(
        self,
        configuration: client.Configuration,
        *,
        connections: int = CONNECTIONS,
        tell: Told = lambda *_: None,
        renew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`connections` at once, at most; further requests wait for one. `renew` gets a refused credential anew.

        Raises `ApiError` where the files that TLS needs are none.
        """
        # Others may be made of it: all have its token, and each the rest for itself.
        configuration = copy(configuration)
        configuration.connection_pool_maxsize = connections
        # A proxy is the kubeconfig's to name, as for kopf. Else aiohttp reads ~/.netrc in a thread at each request.
        session = configuration.client_session_kwargs = {
            **(configuration.client_session_kwargs or {}),
            "trust_env": False,
        }
        socks = configuration.proxy if (configuration.proxy or "").startswith("socks") else None
        configuration.proxy = None if socks else configuration.proxy
        self._configuration = configuration
        try:
            self._rest = RESTClientObject(configuration)
        except (OSError, ValueError) as error:
            # ssl's own errors are OSErrors, of which strerror quotes nothing of the files.
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            files = "the CA, the client certificate or its key, as the kubeconfig or the ServiceAccount has them"
            raise ApiError(0, f"no access to a cluster: {files}, cannot be used ({why})") from error
        self._tell = tell
        self.heard: Heard = lambda *_: None
        """Told of each answer to a request that is no watch's."""
        tls.trusting(self._rest.ssl_context)
        self._renew = renew
        self._failures: tuple[type[Exception], ...] = (aiohttp.ClientError, TimeoutError, OSError)
        if socks:
            # Few have one, and the import is not for nothing.
            from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError  # noqa: PLC0415

            # The proxy resolves the names, as kubectl has it. One that hangs up in between is an EOFError.
            context = self._rest.ssl_context
            session["connector"] = ProxyConnector.from_url(socks, rdns=True, ssl=context, limit=connections)
            self._failures += (ProxyConnectionError, ProxyError, ProxyTimeoutError, EOFError)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rest.close()
        if (connector := (self._configuration.client_session_kwargs or {}).get("connector")) is not None:
            await connector.close()

    @property
    def server(self) -> str:
        """The API server's address."""
        address: str = self._configuration.host
        return address

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        keep: Callable[[Any], Any] = stepwise.whole,
    ) -> dict[str, Any]:
        """The answer's JSON object, of whose items `keep` is asked what to hold. Raises a subclass of `ApiError`."""
        headers = {"Content-Type": content_type, "Accept": accept}
        url = self.server + path + (_query(tuple(query.items())) if query else "")
        status, raw = await self._send(method, path, url, headers, body)
        if status == 401 and self._renew is not None:  # noqa: PLR2004
            await self._renew()
            status, raw = await self._send(method, path, url, headers, body)
        return await _parsed(status, raw, keep)

    async def text(self, path: str, query: Mapping[str, str]) -> str:
        """An answer that is no JSON, such as a log. Raises a subclass of `ApiError`."""
        status, raw = await self._send("GET", path, f"{self.server}{path}?{urlencode(query)}", {"Accept": "*/*"}, None)
        if status != 200:  # noqa: PLR2004
            await _parsed(status, raw, stepwise.whole)
        return raw.decode(errors="replace")

    async def lines(self, path: str, query: Mapping[str, str], *, silence: float) -> AsyncGenerator[bytes]:
        """The lines of an answer that goes on, as that to a watch does, until the API server ends it.

        Raises a subclass of `ApiError`: `Unavailable` also where nothing came for `silence` seconds.
        """
        url = f"{self.server}{path}?{urlencode(query)}"
        patience = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT, sock_read=silence)
        began, status = time.monotonic(), 0
        try:
            try:
                response = (await self._open("GET", url, {"Accept": "application/json"}, timeout=patience)).response
                status = response.status
            finally:
                self._tell("watch", request_of("GET", path)[1], status, time.monotonic() - began)
            try:
                if status == HTTPStatus.UNAUTHORIZED and self._renew is not None:
                    await self._renew()
                if status != HTTPStatus.OK:
                    await _parsed(status, await response.read(), stepwise.whole)
                while line := await response.content.readline():
                    yield line
            finally:
                # Nobody waits for the rest of it, nor for the farewell of TLS.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()
                response.close()
        except ValueError as error:
            raise Unavailable(0, "the API server sent a line that is longer than any object") from error
        except self._failures as error:
            raise self._unreachable(error) from error

    async def _send(
        self, method: str, path: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> tuple[int, bytes]:
        """Status and body of one answer. Raises `Unavailable`."""
        began, status, later = time.monotonic(), 0, None
        try:
            response = await self._open(method, url, headers, body, timeout=REQUEST_TIMEOUT)
            raw: bytes = await response.read()
            status, later = response.status, response.headers.get("Retry-After")
        except self._failures as error:
            raise self._unreachable(error) from error
        finally:
            self._tell(*request_of(method, path), status, time.monotonic() - began)
            self.heard(status, later)
        return status, raw

    async def _open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        timeout: float | aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> RESTResponse:
        """An answer whose body is still to be read. Raises `Unavailable`, and what aiohttp raises."""
        signed = dict(headers)
        await self._authenticate(signed)
        sent = as_yaml(body) if body is not None and signed.get("Content-Type") == APPLY else body
        answer: RESTResponse = await self._rest.request(method, url, signed, body=sent, _request_timeout=timeout)
        return answer

    def _unreachable(self, error: Exception) -> Unavailable:
        why = tls.refusal(error) or unanswered.why_exactly(error)
        return Unavailable(0, f"the API server cannot be reached at {self.server}: {why}")

    async def _authenticate(self, headers: dict[str, str]) -> None:
        """Adds the token, which the kubelet replaces from time to time: it is read anew once a minute."""
        try:
            found = (await self._configuration.auth_settings()).get("BearerToken")
            if found is not None and found["value"] is not None:
                headers[found["key"]] = found["value"]
        except (config.ConfigException, OSError, ValueError) as error:
            # ValueError: it is not text. The kubelet may be replacing the file at this very moment.
            raise Unavailable(0, f"the token for the API server cannot be read: {type(error).__name__}") from error

    async def list_items(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The items of a collection, read chunk by chunk. Raises a subclass of `ApiError`."""
        return [item async for page in self.pages(path, query) for item in page]

    async def pages(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        size: int = _CHUNK,
        keep: Callable[[Any], Any] = stepwise.whole,
    ) -> AsyncIterator[list[Any]]:
        """The same, `size` at a time at most, for whoever keeps little of each: `keep` says what, item by item."""
        asked = {**(query or {}), "limit": str(size)}
        while True:
            page = await self.request("GET", path, query=asked, accept=accept, keep=keep)
            # An empty list of metadata alone has null there.
            yield page["items"] or []
            if not (more := page["metadata"].get("continue")):
                return
            asked["continue"] = more


def request_of(method: str, path: str) -> tuple[str, str]:
    """Verb and resource of a request, as RBAC names them: `("get", "secrets")`, `("patch", "githubtokens/status")`.

    What is no object of an API, such as what a group has, is `discovery`.
    """
    # Of /api/v1 and of /apis/GROUP/VERSION, then in a namespace or not.
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if len(parts) > 2 and parts[0] == "namespaces":  # noqa: PLR2004 - namespaces/NAME is a Namespace itself
        parts = parts[2:]
    resource = "/".join([*parts[:1], *parts[2:3]]) or "discovery"
    verb = _VERBS[method] if method != "GET" else "get" if len(parts) > 1 or not parts else "list"
    return verb, resource


@lru_cache(maxsize=16)
def _query(items: tuple[tuple[str, str], ...]) -> str:
    """Writing one takes a fiftieth of a first token, and all writes have the same two."""
    return "?" + urlencode(items)


async def _parsed(status: int, raw: bytes, keep: Callable[[Any], Any]) -> dict[str, Any]:
    try:
        answer = await stepwise.parsed(raw, keep)
    except (ValueError, RecursionError) as error:
        raise Unavailable(status, "the answer is not JSON") from error
    if 200 <= status < 300:  # noqa: PLR2004 - the HTTP classes need no names.
        parsed: dict[str, Any] = answer
        return parsed
    message = str(answer.get("message", "")) if isinstance(answer, dict) else ""
    raise error_of(status, message)
