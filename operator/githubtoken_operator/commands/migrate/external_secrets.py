"""external-secrets' generator GithubAccessToken, with the ExternalSecrets that use it, as Apps and GitHubTokens.

Fields: https://external-secrets.io/latest/api/generator/github/ and https://external-secrets.io/latest/api/externalsecret/.
The generator gives one value, `token`, and each ExternalSecret gets a token of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from githubtoken_operator.commands.migrate.manifests import (
    CHANGE_ME,
    Equivalent,
    installation,
    is_free,
    key_ref,
    label,
    manifest,
    number,
    of_go_template,
    place,
    secret,
    sequence,
    text,
)
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

GENERATOR: Final = "GithubAccessToken"
CLUSTER_GENERATOR: Final = "ClusterGenerator"
_TYPES: Final = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson")
_FORMS: Final = {"kubernetes.io/basic-auth": "BasicAuth", "kubernetes.io/dockerconfigjson": "DockerConfigJSON"}
_KEYS: Final = {"BasicAuth": {"username", "password"}, "DockerConfigJSON": {".dockerconfigjson"}}


@dataclass(frozen=True, slots=True)
class _Generator:
    """What a generator says, and what ours is called."""

    body: JSON
    spec: JSON

    @property
    def cluster(self) -> bool:
        return self.body.get("kind") == CLUSTER_GENERATOR


def translate(objects: Iterable[JSON]) -> list[Equivalent]:
    """An App for each generator, and a GitHubToken for each ExternalSecret that uses one."""
    bodies = list(objects)
    generators = {_reference(found): found for body in bodies if (found := _generator(body)) is not None}
    made: list[Equivalent] = []
    used: set[tuple[str, str, str]] = set()
    for body in bodies:
        if body.get("kind") == "ExternalSecret":
            keys = list(_references(body))
            used.update(keys)
            # One Secret has one token: what else is in it is told as a comment.
            made += [_token(body, generators.get(key), key) for key in keys[:1]]
    return [*(_app(found, unused=key not in used) for key, found in generators.items()), *made]


# --- Which generator an ExternalSecret uses --------------------------------------------------------------------------


def _generator(body: JSON) -> _Generator | None:
    spec = mapping(body.get("spec"))
    if body.get("kind") == GENERATOR:
        return _Generator(body, spec)
    if body.get("kind") == CLUSTER_GENERATOR and spec.get("kind") == GENERATOR:
        return _Generator(body, mapping(mapping(spec.get("generator")).get("githubAccessTokenSpec")))
    return None


def _reference(generator: _Generator) -> tuple[str, str, str]:
    namespace, name = place(generator.body)
    return text(generator.body.get("kind")), namespace, name


def _references(body: JSON) -> Iterable[tuple[str, str, str]]:
    """Kind, namespace and name of the generators of ours that an ExternalSecret names."""
    namespace, _ = place(body)
    for each in sequence(mapping(body.get("spec")).get("dataFrom")):
        ref = mapping(mapping(mapping(each).get("sourceRef")).get("generatorRef"))
        if ref.get("kind") == GENERATOR:
            yield GENERATOR, namespace, text(ref.get("name"))
        elif ref.get("kind") == CLUSTER_GENERATOR:
            yield CLUSTER_GENERATOR, "", text(ref.get("name"))


# --- The App ---------------------------------------------------------------------------------------------------------


def _app(generator: _Generator, *, unused: bool) -> Equivalent:
    spec, (namespace, name) = generator.spec, place(generator.body)
    ref = mapping(mapping(mapping(spec.get("auth")).get("privateKey")).get("secretRef"))
    identity, differs = _identity(text(spec.get("appID")))
    urls, about_urls = _urls(text(spec.get("url")))
    differs += about_urls
    secret = key_ref(ref)
    allowed: dict[str, Any] = {}
    if generator.cluster:
        allowed = {"allowedNamespaces": {"from": "All"}}
        differs.append(f"Secret {secret['name']} has to be in the operator's namespace.")
        differs.append("Any namespace may use it, as before: limit `allowedNamespaces`.")
    elif text(ref.get("namespace")) not in {"", namespace}:
        differs.append(f"Secret {secret['name']} has to be in this namespace.")
    if unused:
        differs.append("No ExternalSecret that was given uses this generator.")
    kind = "ClusterGitHubApp" if generator.cluster else "GitHubApp"
    body = manifest(kind, namespace, name, {**identity, "privateKeySecretRef": secret, **urls, **allowed})
    return Equivalent(body, label(generator.body), tuple(differs))


def _identity(app_id: str) -> tuple[dict[str, Any], list[str]]:
    if (found := number(app_id)) is not None:
        return {"appID": found}, []
    if app_id:
        return {"clientID": app_id}, ["`appID` is no number, and stands as `clientID`."]
    return {"clientID": CHANGE_ME}, ["The id of the App is missing: set `appID` or `clientID`."]


def _urls(url: str) -> tuple[dict[str, str], list[str]]:
    """`apiURL` and `webURL` for the generator's `url`, which requests are made below."""
    api = url.rstrip("/")
    if api in {"", "https://api.github.com", "https://github.com"}:
        return {}, []
    try:
        host = urlsplit(api).hostname or ""
    except ValueError:
        host = ""
    if host.startswith("api.") and host.endswith(".ghe.com"):
        return {"apiURL": api, "webURL": f"https://{host.removeprefix('api.')}"}, []
    allowed = f"The operator has to be allowed to ask {host or api} (--allowed-hosts)."
    if api.endswith("/api/v3"):
        return {"apiURL": api, "webURL": api.removesuffix("/api/v3")}, [allowed]
    return {"apiURL": api, "webURL": api}, [allowed, "`webURL` is a guess: set it to the address of the web pages."]


# --- The GitHubToken -------------------------------------------------------------------------------------------------


def _token(body: JSON, generator: _Generator | None, key: tuple[str, str, str]) -> Equivalent:
    namespace, name = place(body)
    spec = mapping(body.get("spec"))
    target = mapping(spec.get("target"))
    kind, _, app = key
    source = generator.spec if generator else {}
    differs = [] if generator else [f"{kind} {app} was not given: its installation is not known."]
    installed, about_installation = installation(
        number(source.get("installID")), source.get("repositories"), None, source.get("permissions")
    )
    wanted, about_secret = _secret(target, name)
    differs += [*about_installation, *about_secret, *_others(spec), *_policies(spec, target)]
    retain = {"deletionPolicy": "Retain"} if target.get("creationPolicy") in {"Orphan", "CreateOrMerge"} else {}
    ref = {"kind": "ClusterGitHubApp", "name": app} if kind == CLUSTER_GENERATOR else {"name": app}
    made = {"appRef": ref, "installation": installed, "secret": wanted, **retain}
    return Equivalent(manifest("GitHubToken", namespace, name, made), label(body), tuple(differs))


def _secret(target: JSON, name: str) -> tuple[dict[str, Any], list[str]]:
    template = mapping(target.get("template"))
    asked = text(template.get("type"))
    form = _FORMS.get(asked)
    data, about_data = _data(mapping(template.get("data")), _KEYS.get(form or "", set()))
    meta, forms = mapping(template.get("metadata")), [form] if form else []
    made, differs = secret(text(target.get("name")), name, meta, forms, data)
    if asked and asked not in _TYPES:
        differs.append(f"The type {asked} is not served: the Secret will be Opaque.")
    if form:
        differs.append(f"The format {form} writes {', '.join(sorted(_KEYS[form]))} by itself.")
    if template.get("templateFrom"):
        differs.append("`templateFrom` is not translated: write its texts as `secret.data`.")
    return made, [*differs, *about_data]


def _data(data: Mapping[str, Any], written: set[str]) -> tuple[dict[str, str], list[str]]:
    made, lost = {}, []
    for key, value in data.items():
        if key in written or (key == "token" and of_go_template(text(value)) == "${token}"):
            continue
        found = of_go_template(text(value))
        if found is None or not is_free(key):
            lost.append(key)
        else:
            made[key] = found
    comment = (
        [f"These keys are not translated, write them with `secret.data` or `formats`: {', '.join(lost)}."]
        if lost
        else []
    )
    return made, comment


def _others(spec: JSON) -> list[str]:
    sources: Sequence[Any] = [*sequence(spec.get("data")), *sequence(spec.get("dataFrom"))]
    rewritten = any(mapping(each).get("rewrite") for each in sequence(spec.get("dataFrom")))
    differs = ["`rewrite` is not translated: the key is `token`."] if rewritten else []
    if len(sources) > 1:
        differs.append("Keys of other sources are not translated: keep them in an ExternalSecret with another Secret.")
    return differs


def _policies(spec: JSON, target: JSON) -> list[str]:
    differs = []
    if interval := text(spec.get("refreshInterval")):
        differs.append(f"`refreshInterval: {interval}` has no equivalent: the token is renewed before it expires.")
    if target.get("immutable"):
        differs.append("The Secret cannot be immutable: its token is renewed.")
    if target.get("creationPolicy") in {"Merge", "CreateOrMerge"}:
        differs.append('The Secret is somebody else\'s: annotate it `githubtoken.dev/adopt: "true"`; its keys stay.')
    return differs
