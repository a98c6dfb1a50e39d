"""A kubeconfig's exec plugin: a program that signs in to the cluster and prints a credential.

It is run as kubectl runs it: what it writes to standard error is shown at once, since it may be a prompt, standard
input is its own where a human is there, and a plugin that fails ends the command. Nothing is ever asked without the
credential instead. Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.access import shape
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
INTERACTIVE_MODES: Final = ("Never", "IfAvailable", "Always")


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What a plugin printed: a token, a client certificate with its key (PEM), or both; and when it ends."""

    token: str | None = field(repr=False)
    certificate: str | None
    key: str | None = field(repr=False)
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """How to run the plugin; `cluster` is told to those that ask for it."""

    api_version: str
    command: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    interactive_mode: str
    install_hint: str
    cluster: JSON | None

    async def run(self, *, terminal: bool) -> ExecCredential:
        """The credential; `terminal` says whether a human can be asked. Raises `ApiError` with a line for humans."""
        interactive = terminal and self.interactive_mode != "Never"
        if self.interactive_mode == "Always" and not interactive:
            raise self._error("must ask you something, and standard input is no terminal: run it in one")
        spec: dict[str, Any] = {"interactive": interactive}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"kind": "ExecCredential", "apiVersion": self.api_version, "spec": spec}
        try:
            process = await asyncio.create_subprocess_exec(
                self.command,
                *self.arguments,
                env={**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            # A ValueError is of a text that no program can be given.
            hint = f": {self.install_hint}" if self.install_hint else ""
            raise self._error(f"cannot be run ({getattr(error, 'strerror', error)}){hint}") from None
        printed, _ = await process.communicate()
        if process.returncode != 0:
            raise self._error(f"failed with exit code {process.returncode}: see what it said above")
        return self._read(printed)

    def _read(self, printed: bytes) -> ExecCredential:
        """Nothing of what was printed is quoted: it may hold the credential."""
        try:
            answer = json.loads(printed)
            said, status = answer["apiVersion"], answer.get("status") or {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._error("printed something that is no ExecCredential") from None
        if said != self.api_version:
            raise self._error(f"must print an ExecCredential of {self.api_version}, as the kubeconfig says")
        if wrong := shape.fault(status, shape.CREDENTIAL, "status"):
            raise self._error(f"printed an ExecCredential whose {wrong}")
        token, certificate, key = (
            status.get(name) or None for name in ("token", "clientCertificateData", "clientKeyData")
        )
        if (certificate is None) != (key is None):
            raise self._error("printed a client certificate or its key, but not both")
        if token is None and certificate is None:
            raise self._error("printed neither a token nor a client certificate")
        return ExecCredential(token, certificate, key, parse_time(status.get("expirationTimestamp")))

    def _error(self, what: str) -> ApiError:
        return ApiError(0, f"the kubeconfig's plugin `{self.command}` {what}")


def exec_plugin(user: JSON, cluster: JSON, folder: Path) -> ExecPlugin | None:
    """The plugin of a kubeconfig's user, or None; `folder` is that of the file. Raises `ApiError` for a wrong one."""
    found = user.get("exec")
    if found is None:
        return None
    version, command = found.get("apiVersion"), found.get("command")
    mode = found.get("interactiveMode") or ("IfAvailable" if version != VERSIONS[0] else None)
    if version not in VERSIONS or not command or mode not in INTERACTIVE_MODES:
        raise ApiError(
            0,
            f"`exec` of the kubeconfig's user must have a `command`, an `apiVersion` ({' or '.join(VERSIONS)}), and "
            f"with the first of them an `interactiveMode` ({', '.join(INTERACTIVE_MODES)})",
        )
    return ExecPlugin(
        api_version=version,
        # As for kubectl: a path is relative to the file, a bare name is looked for on PATH.
        command=str(folder / command) if "/" in command else command,
        arguments=tuple(found.get("args") or ()),
        environment={item["name"]: item.get("value") or "" for item in found.get("env") or () if item.get("name")},
        interactive_mode=mode,
        install_hint=(found.get("installHint") or "").strip(),
        cluster=_cluster_info(cluster) if found.get("provideClusterInfo") else None,
    )


def _cluster_info(cluster: JSON) -> JSON:
    """What `provideClusterInfo` asks for.

    Source: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster
    """
    names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    config = [
        item.get("extension")
        for item in cluster.get("extensions") or ()
        if item.get("name") == "client.authentication.k8s.io/exec"
    ]
    return {name: cluster[name] for name in names if cluster.get(name)} | ({"config": config[0]} if config else {})
