"""github-token-manager's App, Token and ClusterToken as Apps and GitHubTokens.

Fields: https://github.com/isometry/github-token-manager (README, `api/v1`). Its Secrets have types of its own and hold
`token`, or `username` and `password`. A Token without `appRef` uses the App of the manager's own configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from githubtoken_operator.commands.migrate.manifests import (
    CHANGE_ME,
    Equivalent,
    installation,
    is_free,
    key_ref,
    label,
    manifest,
    number,
    place,
    secret,
    sequence,
    text,
    texts,
    verbatim,
)
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

STARTUP: Final = "github-app"
"""Ours in place of the App of the manager's own configuration (`gtm-config`)."""
_NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"


def translate(objects: Iterable[JSON]) -> list[Equivalent]:
    """GitHubApps, a ClusterGitHubApp for each that ClusterTokens of other namespaces use, and GitHubTokens."""
    bodies = list(objects)
    apps = {place(body): body for body in bodies if body.get("kind") == "App"}
    shared: dict[tuple[str, str], list[str]] = {}
    tokens = []
    for body in bodies:
        if _is_token(body):
            ref, across = _app_of(body)
            if across:
                shared.setdefault(ref, []).append(_namespace(body))
            tokens.append(_token(body, ref, apps.get(ref), across=across))
    made = [_app(body) for body in apps.values()]
    made += [_shared(ref, apps.get(ref), sorted(set(names))) for ref, names in shared.items()]
    startup = [
        ref for ref in dict.fromkeys(_app_of(each)[0] for each in bodies if _is_token(each)) if ref[1] == STARTUP
    ]
    return [*made, *(_startup(ref) for ref in startup if ref not in shared and ref not in apps), *tokens]


def _is_token(body: JSON) -> bool:
    return body.get("kind") in {"Token", "ClusterToken"}


def _namespace(body: JSON) -> str:
    """Where the Secret is."""
    own, _ = place(body)
    return own or text(mapping(mapping(body.get("spec")).get("secret")).get("namespace"))


def _app_of(body: JSON) -> tuple[tuple[str, str], bool]:
    """Namespace and name of the App that is used, and whether it is in another namespace than the Secret."""
    ref = mapping(mapping(body.get("spec")).get("appRef"))
    if not ref.get("name"):
        across = body.get("kind") == "ClusterToken"
        return ("" if across else _namespace(body), STARTUP), across
    namespace = text(ref.get("namespace")) if body.get("kind") == "ClusterToken" else _namespace(body)
    return (namespace, text(ref.get("name"))), namespace != _namespace(body)


# --- Apps ------------------------------------------------------------------------------------------------------------


def _app(body: JSON) -> Equivalent:
    namespace, name = place(body)
    spec, differs = _credential(body)
    return Equivalent(manifest("GitHubApp", namespace, name, spec), label(body), tuple(differs))


def _shared(ref: tuple[str, str], body: JSON | None, namespaces: Sequence[str]) -> Equivalent:
    """An App that GitHubTokens of other namespaces use."""
    spec, differs = _credential(body) if body is not None else _unknown()
    match = {"key": _NAMESPACE_NAME, "operator": "In", "values": list(namespaces)}
    spec["allowedNamespaces"] = {"from": "Selector", "selector": {"matchExpressions": [match]}}
    if secret := mapping(spec.get("privateKeySecretRef")).get("name"):
        differs.append(f"Secret {secret} has to be in the operator's namespace.")
    of = label(body) if body is not None else "the App of the manager's configuration"
    return Equivalent(manifest("ClusterGitHubApp", "", ref[1], spec), f"{of}, for other namespaces", tuple(differs))


def _startup(ref: tuple[str, str]) -> Equivalent:
    spec, differs = _unknown()
    body = manifest("GitHubApp", ref[0], ref[1], spec)
    return Equivalent(body, "the App of the manager's configuration (Secret gtm-config)", tuple(differs))


def _unknown() -> tuple[dict[str, Any], list[str]]:
    spec = {"clientID": CHANGE_ME, "privateKeySecretRef": key_ref(None)}
    return spec, ["Its id and key are not among the objects: set them."]


def _credential(body: JSON) -> tuple[dict[str, Any], list[str]]:
    spec = mapping(body.get("spec"))
    app_id = number(spec.get("appID"))
    made: dict[str, Any] = {"appID": app_id} if app_id is not None else {"clientID": CHANGE_ME}
    differs = [] if app_id is not None else ["The id of the App is missing: set `appID` or `clientID`."]
    provider = text(spec.get("provider")) or "secret"
    if provider == "secret":
        made["privateKeySecretRef"] = key_ref(spec.get("keyRef"))
    else:
        differs.append(
            f"Its key is kept by the provider {provider} ({text(spec.get('key'))}): that is `spec.signer` of a "
            "ClusterGitHubApp, where your version has it; a GitHubApp needs `privateKeySecretRef`."
        )
    return made, differs


# --- Tokens ----------------------------------------------------------------------------------------------------------


def _token(body: JSON, ref: tuple[str, str], app: JSON | None, *, across: bool) -> Equivalent:
    spec, (_, name) = mapping(body.get("spec")), place(body)
    number_of_it = number(spec.get("installationID")) or number(mapping((app or {}).get("spec")).get("installationID"))
    installed, differs = installation(
        number_of_it, spec.get("repositories"), spec.get("repositoryIDs"), spec.get("permissions")
    )
    wanted, about_secret = _secret(mapping(spec.get("secret")), name)
    differs += about_secret
    intervals = [f"{key}: {spec[key]}" for key in ("refreshInterval", "retryInterval") if spec.get(key)]
    if intervals:
        differs.append(f"`{', '.join(intervals)}` has no equivalent: the token is renewed before it expires.")
    if not _namespace(body):
        differs.append("The namespace of its Secret is missing: set `metadata.namespace`.")
    used = {"kind": "ClusterGitHubApp", "name": ref[1]} if across else {"name": ref[1]}
    made = {"appRef": used, "installation": installed, "secret": wanted}
    return Equivalent(manifest("GitHubToken", _namespace(body), name, made), label(body), tuple(differs))


def _secret(target: JSON, name: str) -> tuple[dict[str, Any], list[str]]:
    basic = bool(target.get("basicAuth"))
    was, now = ("basic-auth", "kubernetes.io/basic-auth") if basic else ("token", "Opaque")
    differs = [f"The Secret's type changes from github.as-code.io/{was} to {now}."]
    data, about_data = _extra(sequence(target.get("extraData")))
    made, about_meta = secret(text(target.get("name")), name, target, ["BasicAuth"] if basic else [], data)
    return made, [*differs, *about_meta, *about_data]


def _extra(sources: Sequence[Any]) -> tuple[dict[str, str], list[str]]:
    inline = {key: value for each in sources for key, value in texts(mapping(each).get("inline")).items()}
    taken = sorted(key for key in inline if not is_free(key))
    elsewhere = [
        f"{kind} {text(mapping(mapping(each).get(field)).get('name'))}"
        for each in sources
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret"))
        if mapping(each).get(field)
    ]
    differs = [f"These keys are the operator's own, and left out: {', '.join(taken)}."] if taken else []
    if elsewhere:
        differs.append(f"Keys out of {', '.join(elsewhere)} are not translated: write them with `secret.data`.")
    return {key: verbatim(value) for key, value in inline.items() if is_free(key)}, differs
