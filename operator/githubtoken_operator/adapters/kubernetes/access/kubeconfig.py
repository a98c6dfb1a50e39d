"""A kubeconfig, from one file or several, read as kubectl reads it.

Of an entry that several files have, and of the current context, the first file's counts. Paths in an entry are relative
to its file. The files hold secrets: no error quotes them.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import yaml

from githubtoken_operator.adapters.kubernetes.access import shape
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.domain.vocabulary.model import JSON

_SECTIONS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
_SHAPES: Final[Mapping[str, shape.Shape]] = {"clusters": shape.CLUSTER, "contexts": shape.CONTEXT, "users": shape.USER}
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_IMPERSONATE: Final = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One context: whom to ask, as whom, and the namespace of commands that name none."""

    cluster: JSON
    user: JSON = field(repr=False)
    namespace: str
    user_folder: Path


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The merged files; each section has its entries by name, each with the folder of its file."""

    paths: Sequence[str]
    current: str | None
    sections: Mapping[str, Mapping[str, tuple[JSON, Path]]] = field(repr=False)

    @classmethod
    def read(cls, paths: Sequence[str]) -> Kubeconfig:
        """Each file is read once, because it may be a pipe; an empty one says nothing. Raises `ApiError`."""
        current: str | None = None
        sections: dict[str, dict[str, tuple[JSON, Path]]] = {section: {} for section in _SECTIONS}
        for path in paths:
            try:
                content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
                if not isinstance(content, Mapping):
                    raise _broken(path, "is not usable: it must be an object with `clusters`, `users` and `contexts`")
                if wrong := shape.fault(content.get("current-context"), str, "current-context"):
                    raise _broken(path, f"is not usable: {wrong}")
                current = current or content.get("current-context")
                for section, kind in _SECTIONS.items():
                    if wrong := shape.fault(content.get(section), ({"name": str},), section):
                        raise _broken(path, f"is not usable: {wrong}")
                    for number, entry in enumerate(content.get(section) or ()):
                        if lacks := next((name for name in ("name", kind) if name not in entry), None):
                            raise _broken(path, f"is not usable: `{section}[{number}]` has no `{lacks}`")
                        if wrong := shape.fault(entry[kind], _SHAPES[section], kind):
                            raise _broken(path, f"is not usable: {wrong}")
                        found = _resolved(entry[kind] or {}, Path(path).parent)
                        sections[section].setdefault(entry["name"], (found, Path(path).parent))
            except (yaml.YAMLError, RecursionError):
                raise _broken(path, "is not YAML") from None
            except UnicodeDecodeError:
                raise _broken(path, "is not YAML: it is no text in UTF-8") from None
            except (TypeError, ValueError) as error:
                raise _broken(path, f"is not usable ({type(error).__name__})") from None
            except OSError as error:
                raise _broken(path, f"cannot be read ({error.strerror})") from None
        return cls(paths, current, sections)

    def choose(self, context: str | None, *, otherwise: str = "give --context") -> Chosen:
        """The context of that name, by default the current one. Raises `ApiError` with the names that there are.

        `otherwise` is what to do where none is current.
        """
        files, contexts = ":".join(self.paths), self.sections["contexts"]
        there = ", ".join(f"`{name}`" for name in sorted(contexts)) or "none"
        name = context or self.current
        if not name:
            raise ApiError(0, f"the kubeconfig {files} has no current context: {otherwise} (there are: {there})")
        if name not in contexts:
            raise ApiError(0, f"the kubeconfig {files} has no context `{name}` (there are: {there})")
        found, _ = contexts[name]
        cluster, _ = self._entry("clusters", found.get("cluster"), files)
        if not _is_url(cluster.get("server")):
            raise ApiError(0, f"the kubeconfig {files} names no `server` that begins with https:// and a host: set it")
        user, folder = self._entry("users", found["user"], files) if found.get("user") else ({}, Path())
        namespace = found.get("namespace") or "default"
        if not _NAMESPACE.fullmatch(namespace):
            raise ApiError(0, f"the kubeconfig {files} has a context whose `namespace` cannot be the name of one")
        return Chosen(cluster, user, namespace, folder)

    def _entry(self, section: str, name: str | None, files: str) -> tuple[JSON, Path]:
        found = self.sections[section].get(name or "")
        if found is None:
            what = _SECTIONS[section]
            raise ApiError(0, f"the kubeconfig {files} has no {what} `{name}`, which its context names")
        return found


def impersonation(user: JSON) -> list[tuple[str, str]]:
    """The headers by which requests are made as somebody else, who may be allowed less. Raises `ApiError`.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    """
    headers = [(header, str(user[name])) for name, header in _IMPERSONATE.items() if user.get(name)]
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for name, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{quote(name, safe='')}", str(value)) for value in values or ()]
    if any(not value.isprintable() for _, value in headers):
        raise ApiError(0, "the kubeconfig's user acts as somebody whose name is no line of visible characters")
    if headers and not user.get("as"):
        raise ApiError(0, "the kubeconfig's user has `as-uid`, `as-groups` or `as-user-extra` without `as`: set it")
    return headers


def _is_url(server: str | None) -> bool:
    try:
        parts = urlsplit(server or "")
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _resolved(entry: JSON, folder: Path) -> JSON:
    """The entry with paths that do not depend on where it is read."""
    files: dict[str, Any] = {name: str(folder / entry[name]) for name in _FILES if entry.get(name)}
    return {**entry, **files}


def _broken(path: str, what: str) -> ApiError:
    return ApiError(0, f"the kubeconfig {path} {what}: see `kubectl config view`")
