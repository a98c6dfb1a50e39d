"""Which cluster a user's command asks, as whom, and in which namespace: what kubectl would do.

The order is kubectl's: `--kubeconfig`, else the files in `KUBECONFIG`, else `~/.kube/config`; where none of them is
there, the ServiceAccount of the pod. What a kubeconfig asks for and cannot be had is refused: a command never acts with
other rights than those that were asked for. The loader's own errors are not shown: they quote the file, which holds
secrets.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubernetes.aio import client, config
from kubernetes.aio.config.kube_config import KubeConfigLoader
from multidict import CIMultiDict

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.commands.exec_plugin import ExecCredential, ExecPlugin, exec_plugin
from githubtoken_operator.adapters.kubernetes.commands.kubeconfig import Chosen, Kubeconfig, impersonation
from githubtoken_operator.adapters.kubernetes.errors import ApiError

PROXIES: Final = ("http", "https", "socks5")
"""The schemes of `proxy-url` that kubectl knows."""
_AUTH_PROVIDERS: Final = ("gcp", "oidc")
_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TOKEN: Final = re.compile(r"[!-~]+")


async def connect(*, kubeconfig: str | None = None, context: str | None = None) -> tuple[Api, str]:
    """The API server, and the namespace of commands that name none. Raises `ApiError` with a line that says what to do.

    `kubeconfig` is one path or several, as in `KUBECONFIG`.
    """
    configuration = client.Configuration()
    asked = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = _files(asked)
    if not paths and not kubeconfig and not context and (namespace := _of_pod(configuration)):
        return Api(configuration), namespace
    if not paths:
        raise ApiError(0, f"no access to a cluster: there is no kubeconfig at {asked}; set KUBECONFIG or --kubeconfig")
    chosen = Kubeconfig.read(paths).choose(context)
    renewing = await _of_kubeconfig(configuration, chosen, ":".join(paths))
    return Api(configuration, renew=renewing.again if renewing else None), chosen.namespace


def acts_as() -> str | None:
    """Whom the kubeconfig that `githubtoken run` would take acts as; None for nobody else, or in a pod.

    Raises `ApiError` for a kubeconfig that cannot be read.
    """
    paths = _files(os.environ.get("KUBECONFIG") or "~/.kube/config")
    if not paths or _of_pod(client.Configuration()):
        return None
    headers = impersonation(Kubeconfig.read(paths).choose(None).user)
    return headers[0][1] if headers else None


def _files(paths: str) -> list[str]:
    """Those that are there; kubectl, too, passes over the others."""
    # Of one that may not be looked for, or cannot be named so, `Path.exists` raises.
    return [path for path in map(os.path.expanduser, paths.split(os.pathsep)) if path and os.path.exists(path)]  # noqa: PTH110


def _of_pod(configuration: client.Configuration) -> str | None:
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return None
    return _POD_NAMESPACE.read_text() if _POD_NAMESPACE.exists() else "default"


async def _of_kubeconfig(configuration: client.Configuration, chosen: Chosen, paths: str) -> _Renewing | None:
    """Makes the configuration the chosen context's; what renews its credential, where a plugin gives it."""
    cluster, user = dict(chosen.cluster), dict(chosen.user)
    headers = impersonation(user)
    if (scheme := _scheme(cluster.get("proxy-url") or "http:")) not in PROXIES:
        raise ApiError(0, f"the kubeconfig's `proxy-url` must begin with {', '.join(PROXIES)}, not `{scheme}`")
    if scheme == "socks5" and cluster.get("tls-server-name"):
        # aiohttp-socks checks the certificate for the server's own name, whatever is asked for.
        raise ApiError(0, "the kubeconfig's `tls-server-name` cannot be had with a socks5 `proxy-url`: leave one out")
    provider = (user.get("auth-provider") or {}).get("name")
    if provider not in {None, *_AUTH_PROVIDERS}:
        raise ApiError(0, f"the kubeconfig's `auth-provider` `{provider}` is not known: use an `exec` plugin")
    plugin = exec_plugin(user, cluster, chosen.user_folder)
    user.pop("exec", None)
    credential = await plugin.run(terminal=sys.stdin.isatty()) if plugin else None
    if credential is not None:
        user |= _as_user(credential)
    elif user.get("tokenFile"):
        user["token"] = _token_of(Path(user.pop("tokenFile")))
    if user.get("token") and not _TOKEN.fullmatch(user["token"]):
        raise ApiError(0, f"the token in the kubeconfig {paths} must be one line of visible characters")
    merged = {
        "clusters": [{"name": "chosen", "cluster": cluster}],
        "users": [{"name": "chosen", "user": user}],
        "contexts": [{"name": "chosen", "context": {"cluster": "chosen", "user": "chosen"}}],
    }
    try:
        await KubeConfigLoader(merged, "chosen").load_and_set(configuration)
    except Exception as error:  # noqa: BLE001 - the loader checks little: a wrong file comes out as an error of any kind.
        what = f"is not usable ({type(error).__name__})"
        raise ApiError(0, f"the kubeconfig {paths} {what}: see `kubectl config view`") from None
    configuration.client_session_kwargs = {"headers": CIMultiDict(headers)}
    if plugin is None or credential is None:
        return None
    renewing = _Renewing(configuration, plugin, credential)
    configuration.refresh_api_key_hook = renewing.before_a_request  # type: ignore[assignment]
    return renewing


def _scheme(url: str) -> str:
    """Of what is no URL it is ""."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


class _Renewing:
    """A plugin's token, which is got anew when it ends, or when the API server does not take it any more."""

    def __init__(self, configuration: client.Configuration, plugin: ExecPlugin, credential: ExecCredential) -> None:
        self._configuration = configuration
        self._plugin = plugin
        self._credential = credential

    async def before_a_request(self, _: client.Configuration) -> None:
        """Called for each request."""
        expires = self._credential.expires
        if expires is not None and expires <= datetime.now(UTC):
            await self.again()

    async def again(self) -> None:
        """Runs the plugin once more. A certificate of its own stays the first one until the command ends."""
        self._credential = await self._plugin.run(terminal=sys.stdin.isatty())
        if self._credential.token is not None:
            self._configuration.api_key["BearerToken"] = f"Bearer {self._credential.token}"


def _as_user(credential: ExecCredential) -> dict[str, Any]:
    """What a kubeconfig's user would have for it."""
    data = {"client-certificate-data": credential.certificate, "client-key-data": credential.key}
    found: dict[str, Any] = {name: b64encode(pem.encode()).decode() for name, pem in data.items() if pem}
    return found | ({"token": credential.token} if credential.token else {})


def _token_of(path: Path) -> str:
    """The file's text without the newline that editors and `echo` leave."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ApiError(0, f"the kubeconfig's `tokenFile` {path} cannot be read: {type(error).__name__}") from None
