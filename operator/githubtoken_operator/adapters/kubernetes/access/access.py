"""Which API server is asked, as whom, and in which namespace: a user's command as kubectl would, the operator likewise.

A command's order is kubectl's: `--kubeconfig`, else the files in `KUBECONFIG`, else `~/.kube/config`; where none of
them is there, the ServiceAccount of the pod. The operator's is the ServiceAccount first. What a kubeconfig asks for and
cannot be had is refused: nobody ever acts with other rights than those that were asked for. The loader's own errors are
not shown: they quote the file, which holds secrets.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubernetes.aio import client, config
from kubernetes.aio.config.kube_config import KubeConfigLoader
from multidict import CIMultiDict

from githubtoken_operator.adapters.kubernetes.access import id_token
from githubtoken_operator.adapters.kubernetes.access.exec_plugin import ExecCredential, exec_plugin
from githubtoken_operator.adapters.kubernetes.access.kubeconfig import Chosen, Kubeconfig, impersonation
from githubtoken_operator.adapters.kubernetes.access.renewal import PluginToken, read_again
from githubtoken_operator.adapters.kubernetes.errors import ApiError

PROXIES: Final = ("http", "https", "socks5")
"""The schemes of `proxy-url` that kubectl knows."""
_AUTH_PROVIDERS: Final = ("gcp", "oidc")
_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TOKEN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Access:
    """An API server, and as whom it is asked; `namespace` is that of whoever names none.

    All connections that are made by it have one credential, which `renew` gets anew for all of them.
    """

    configuration: client.Configuration = field(repr=False)
    namespace: str
    renew: Callable[[], Awaitable[None]] | None = None


async def of_user(*, kubeconfig: str | None = None, context: str | None = None) -> Access:
    """That of a user's command. Raises `ApiError` with a line that says what to do.

    `kubeconfig` is one path or several, as in `KUBECONFIG`.
    """
    configuration = client.Configuration()
    asked = kubeconfig or _usual()
    paths = _files(asked)
    if not paths and not kubeconfig and not context and (namespace := _of_pod(configuration)):
        return Access(configuration, namespace)
    if not paths:
        raise ApiError(0, f"no access to a cluster: there is no kubeconfig at {asked}; set KUBECONFIG or --kubeconfig")
    return await _of_kubeconfig(configuration, Kubeconfig.read(paths).choose(context), ":".join(paths))


async def of_process() -> Access:
    """That of the operator. Raises `ApiError`, also for what its watches cannot do as the kubeconfig has it."""
    configuration = client.Configuration()
    if namespace := _of_pod(configuration):

        async def load_token() -> None:
            _of_pod(configuration)

        return Access(configuration, namespace, read_again(load_token))
    asked = _usual()
    if not (paths := _files(asked)):
        where = f"run it in a pod with a ServiceAccount, or set KUBECONFIG to a usable file: there is none at {asked}"
        raise ApiError(0, f"no access to a cluster: {where}")
    read = Kubeconfig.read(paths)
    context, chosen = read.current, read.choose(None, otherwise="set one by `kubectl config use-context`")
    if headers := impersonation(chosen.user):
        raise ApiError(0, f"the kubeconfig acts as `{headers[0][1]}`, which the operator cannot: take one without `as`")
    for name, refused in (
        ("tls-server-name", bool(chosen.cluster.get("tls-server-name"))),
        ("proxy-url", _scheme(chosen.cluster.get("proxy-url") or "") == "socks5"),
    ):
        if refused:
            raise ApiError(0, f"the kubeconfig's `{name}` is one that the operator's watches cannot use: leave it out")
    found = await _of_kubeconfig(configuration, chosen, ":".join(paths))

    async def load_file() -> None:
        """The credential alone, and of the same cluster: whoever's file it is may work with another one by now."""
        again = Kubeconfig.read(paths).choose(context)
        if again.cluster.get("server") == chosen.cluster.get("server"):
            fresh = await _of_kubeconfig(client.Configuration(), again, ":".join(paths))
            configuration.api_key.update(fresh.configuration.api_key)

    return replace(found, renew=read_again(found.renew or load_file))


def _usual() -> str:
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


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


async def _of_kubeconfig(configuration: client.Configuration, chosen: Chosen, paths: str) -> Access:
    """Makes the configuration the chosen context's. The credential of a plugin is renewed by it."""
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
    elif provider == "oidc":
        user["token"] = id_token.of(user.pop("auth-provider"))
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
        return Access(configuration, chosen.namespace)
    plugin_token = PluginToken(configuration, plugin, credential)
    configuration.refresh_api_key_hook = plugin_token.before_a_request  # type: ignore[assignment]
    return Access(configuration, chosen.namespace, plugin_token.again)


def _scheme(url: str) -> str:
    """Of what is no URL it is ""."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


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
