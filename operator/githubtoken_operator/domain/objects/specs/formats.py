"""The forms in which a token is written beside its plain keys (`spec.secret.formats`), each for what reads it.

    BasicAuth          username, password     Flux, Tekton and whatever takes a user name and a password
    GitCredentials     .git-credentials       git's credential store
    Netrc              .netrc                 curl, and git through it; Python's programs; go
    DockerConfigJSON   .dockerconfigjson      kubelet (`imagePullSecrets`), podman, buildah, skopeo
    GHHosts            hosts.yml, config.yml  gh
    ArgoCDRepository   type, url, username, password, and a label    Argo CD
    Env                GITHUB_TOKEN, GH_TOKEN (elsewhere than on github.com also GH_ENTERPRISE_TOKEN, GH_HOST)

All keys are functions of the token and of where it is for, so that a Secret can be restored without asking anybody.
GitHub takes any user name beside a token; `x-access-token` is the one that it documents.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from githubtoken_operator.domain.objects.specs import templates
from githubtoken_operator.domain.vocabulary.model import Server, Token

USER: Final = "x-access-token"
OPAQUE: Final = "Opaque"
BASIC_AUTH: Final = "kubernetes.io/basic-auth"
DOCKER_CONFIG: Final = "kubernetes.io/dockerconfigjson"
ARGOCD_LABEL: Final = "argocd.argoproj.io/secret-type"

GH_CONFIG: Final = "config.yml"
"""gh's own settings, which `spec.secret.data` had to bring before the format did."""

_GITHUB_COM: Final = "github.com"
_IMPLIED_PORTS: Final = {"https": ":443", "http": ":80"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a form is made of: a token, the GitHub that takes it, and what it is for if that has a name.

    `path` is an owner, or a repository as owner/name.
    """

    token: Token
    server: Server
    path: str | None = None

    @property
    def host(self) -> str:
        """`host` or `host:port` as programs look it up: of the web pages, in lower case, without an implied port."""
        return _host_and_port(urlsplit(self.server.web_url))


def keys(names: Collection[str], subject: Subject) -> dict[str, str]:
    """The keys of all these formats; `type` among them is Argo CD's and replaces the token's own."""
    return {key: text for name in names for key, text in _FORMATS[name](subject).items()}


def labels(names: Collection[str], path: str | None) -> dict[str, str]:
    """The labels that these formats need. Argo CD takes `repo-creds` for every repository below the URL."""
    if path is None or "ArgoCDRepository" not in names:
        return {}
    return {ARGOCD_LABEL: "repository" if "/" in path else "repo-creds"}


def secret_type(names: Collection[str]) -> str:
    """The type of the Secret that these formats need."""
    if "BasicAuth" in names:
        return BASIC_AUTH
    return DOCKER_CONFIG if "DockerConfigJSON" in names else OPAQUE


def _host_and_port(url: SplitResult) -> str:
    return url.netloc.lower().removesuffix(_IMPLIED_PORTS[url.scheme])


def _basic_auth(subject: Subject) -> dict[str, str]:
    return {"username": USER, "password": subject.token.reveal()}


def _git_credentials(subject: Subject) -> dict[str, str]:
    scheme = urlsplit(subject.server.web_url).scheme
    password = quote(subject.token.reveal(), safe="")
    return {".git-credentials": f"{scheme}://{USER}:{password}@{subject.host}\n"}


def _netrc(subject: Subject) -> dict[str, str]:
    """A line per machine. curl, git and Python look a host up without its port, and go with it: there are both."""
    urls = (urlsplit(subject.server.web_url), urlsplit(subject.server.api_url))
    machines = dict.fromkeys(machine for url in urls for machine in (url.hostname, _host_and_port(url)))
    lines = (f"machine {machine} login {USER} password {subject.token.reveal()}\n" for machine in machines)
    return {".netrc": "".join(lines)}


def _docker_config(subject: Subject) -> dict[str, str]:
    registry = "ghcr.io" if subject.host == _GITHUB_COM else f"containers.{subject.host}"
    password = subject.token.reveal()
    auth = b64encode(f"{USER}:{password}".encode()).decode()
    login = {"username": USER, "password": password, "auth": auth}
    return {".dockerconfigjson": json.dumps({"auths": {registry: login}})}


def _gh_hosts(subject: Subject) -> dict[str, str]:
    """The files of gh since 2.40, which earlier ones read too. A JSON string is a string of YAML.

    Without a `config.yml` that says which version the files have, gh 2.40 to 2.100 begins every command by migrating
    them, and asks GitHub for the user of the token to do so, which an App's token has not: it ends there.
    """
    token = json.dumps(subject.token.reveal())
    lines = (
        f"{json.dumps(subject.host)}:",
        "    git_protocol: https",
        "    users:",
        f"        {USER}:",
        f"            oauth_token: {token}",
        f"    user: {USER}",
        f"    oauth_token: {token}",
    )
    return {"hosts.yml": "\n".join(lines) + "\n", GH_CONFIG: 'version: "1"\n'}


def _argo_cd(subject: Subject) -> dict[str, str]:
    return {"type": "git", "url": f"{subject.server.web_url}/{subject.path}", **_basic_auth(subject)}


def _env(subject: Subject) -> dict[str, str]:
    token = subject.token.reveal()
    env = {"GITHUB_TOKEN": token, "GH_TOKEN": token}
    return env if subject.host == _GITHUB_COM else env | {"GH_ENTERPRISE_TOKEN": token, "GH_HOST": subject.host}


_FORMATS: Final[Mapping[str, Callable[[Subject], dict[str, str]]]] = {
    "BasicAuth": _basic_auth,
    "GitCredentials": _git_credentials,
    "Netrc": _netrc,
    "DockerConfigJSON": _docker_config,
    "GHHosts": _gh_hosts,
    "ArgoCDRepository": _argo_cd,
    "Env": _env,
}


# --- What cannot be ---------------------------------------------------------------------------------------------------

RESERVED_KEYS: Final = frozenset(
    {
        *templates.PROPERTIES, "refresh_token", "username", "password", ".git-credentials", ".netrc",
        ".dockerconfigjson", "hosts.yml", GH_CONFIG, "url",
        "GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GH_HOST",
    }
)  # fmt: skip
"""The keys that the operator writes, or may write after another format was asked for."""

_KEY: Final = re.compile(r"(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, slots=True)
class SecretWish:
    """What `spec.secret` asks for; `path` as in `Subject`."""

    formats: Sequence[str]
    type: str
    data: Mapping[str, str]
    path: str | None


def problem(wish: SecretWish) -> str | None:
    """Why this cannot be written, for a message; None where it can. The CRD's rules say the same beforehand."""
    return next((said for rule in _PROBLEMS if (said := rule(wish))), None)


def _unknown(wish: SecretWish) -> str | None:
    if all(name in _FORMATS for name in wish.formats):
        return None
    return f"`spec.secret.formats` may have only {', '.join(_FORMATS)}"


def _two_types(wish: SecretWish) -> str | None:
    if {"BasicAuth", "DockerConfigJSON"} <= set(wish.formats):
        return "`spec.secret.formats` must not have both BasicAuth and DockerConfigJSON: make two GitHubTokens"
    return None


def _wrong_type(wish: SecretWish) -> str | None:
    if (wish.type == DOCKER_CONFIG) != ("DockerConfigJSON" in wish.formats):
        return f"`spec.secret.type` must be {DOCKER_CONFIG} exactly where `formats` has DockerConfigJSON"
    if wish.type == BASIC_AUTH and not {"BasicAuth", "ArgoCDRepository"} & set(wish.formats):
        return f"`spec.secret.type` {BASIC_AUTH} needs a user name and a password: add BasicAuth to `formats`"
    return None


def _no_account(wish: SecretWish) -> str | None:
    if "ArgoCDRepository" in wish.formats and wish.path is None:
        return "the format ArgoCDRepository needs `spec.installation.owner` or `spec.installation.repository`"
    return None


def _wrong_keys(wish: SecretWish) -> str | None:
    """A `config.yml` that an object has from before the format wrote one is served; the CRD takes no new one."""
    for key in sorted(wish.data):
        if key in RESERVED_KEYS and key != GH_CONFIG:
            return f"`spec.secret.data` must not have the key `{key}`, which the operator writes: choose another"
        if not _KEY.fullmatch(key):
            return (
                "the keys of `spec.secret.data` must be of at most 253 letters, digits, `-`, `_` and `.`, and not "
                "begin with `..`"
            )
    return None


def _wrong_text(wish: SecretWish) -> str | None:
    """The text is not quoted: what a human took for a template may hold a secret."""
    for key, text in sorted(wish.data.items()):
        if not templates.is_valid(text):
            return (
                f"the text under `{key}` of `spec.secret.data` has a dollar that begins nothing known: use "
                f"{templates.ALLOWED}, or write `$$` for the dollar itself"
            )
    return None


_PROBLEMS: Final[Sequence[Callable[[SecretWish], str | None]]] = (
    _unknown,
    _two_types,
    _wrong_type,
    _no_account,
    _wrong_keys,
    _wrong_text,
)
