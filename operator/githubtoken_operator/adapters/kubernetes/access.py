"""Which cluster a user's command asks, as whom, and in which namespace: what kubectl would do.

The order is kubectl's: `--kubeconfig`, else the files in `KUBECONFIG`, else `~/.kube/config`; where none of them is
there, the ServiceAccount of the pod. The loader's own errors are not shown: they quote the file, which holds secrets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio import client, config
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from githubtoken_operator.adapters.kubernetes.api import Api, ApiError

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


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
    namespace = await _of_kubeconfig(configuration, os.pathsep.join(paths), context)
    return Api(configuration), namespace


def _files(paths: str) -> list[str]:
    """Those that are there; kubectl, too, passes over the others."""
    return [path for path in map(os.path.expanduser, paths.split(os.pathsep)) if path and Path(path).exists()]


def _of_pod(configuration: client.Configuration) -> str | None:
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return None
    return _POD_NAMESPACE.read_text() if _POD_NAMESPACE.exists() else "default"


async def _of_kubeconfig(configuration: client.Configuration, paths: str, context: str | None) -> str:
    try:
        # Read once, because a file may be a pipe. Without a base, relative paths begin at each file's own folder.
        merged = KubeConfigMerger(paths).config
        contexts = {entry["name"]: entry["context"].value for entry in merged.value["contexts"]}
        chosen = context or merged.value.get("current-context")
        if chosen in contexts:
            await KubeConfigLoader(merged, chosen, config_base_path=None).load_and_set(configuration)
    except Exception as error:  # noqa: BLE001 - the loader checks little: a wrong file comes out as an error of any kind.
        broken = "not YAML" if isinstance(error, yaml.YAMLError) else f"not usable ({type(error).__name__})"
        raise ApiError(0, f"the kubeconfig {paths} is {broken}: see `kubectl config view`") from None
    if chosen not in contexts:
        raise ApiError(0, _no_context(paths, chosen, contexts))
    return contexts[chosen].get("namespace") or "default"


def _no_context(paths: str, chosen: str | None, contexts: dict[str, Any]) -> str:
    there = ", ".join(f"`{name}`" for name in sorted(contexts)) or "none"
    if not chosen:
        return f"the kubeconfig {paths} has no current context: give --context (there are: {there})"
    return f"the kubeconfig {paths} has no context `{chosen}` (there are: {there})"
