"""How a Secret that a rival wrote is taken over: the annotation, and what has to be done to the rival before.

A Secret stays where it is, with its living token, until the operator has written its own into it: so there is no gap.
external-secrets deletes a Secret that it owns with its ExternalSecret; with `creationPolicy: Orphan` it does not
(https://external-secrets.io/latest/guides/ownership-deletion-policy/). github-token-manager's Secrets have a type of
its own, which nobody can change: there the Secret is made anew under its name, within a second, and pods that mount it
keep the files that they have meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote
from typing import Final

from githubtoken_operator.commands.cluster import rivals
from githubtoken_operator.commands.migrate.manifests import label, place, sequence
from githubtoken_operator.commands.terminal.layout import named, printable
from githubtoken_operator.domain.objects.secrets import ADOPT, ROLE, ROLE_TOKEN
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

HEAD: Final = """\
# 1. Apply what `githubtoken migrate` prints. Its GitHubTokens say SecretConflict, and touch nothing.
# 2. Run what follows. Each Secret keeps its token, which lives to its own expiry, until there is another in it.
# 3. `kubectl wait --for=condition=Ready githubtoken --all` in each namespace: a Secret is taken over within 15 seconds.
"""


def commands(objects: Iterable[JSON]) -> str:
    """The commands, a block for each object that writes a Secret with GitHub's token."""
    return HEAD + "".join(_block(body) for body in objects if _writes_tokens(body))


def _writes_tokens(body: JSON) -> bool:
    if body.get("kind") != "ExternalSecret":
        return body.get("kind") in {"Token", "ClusterToken"}
    sources = sequence(mapping(body.get("spec")).get("dataFrom"))
    kinds = {mapping(mapping(mapping(each).get("sourceRef")).get("generatorRef")).get("kind") for each in sources}
    return bool(kinds & {"GithubAccessToken", "ClusterGenerator"})


def _block(body: JSON) -> str:
    kind = str(body.get("kind"))
    namespace, secret = rivals.target(kind, body) or ("", "")
    lines = _of_external_secret(body, secret) if kind == "ExternalSecret" else _of_token(body, namespace, secret)
    of = printable(f"# Secret {named(namespace, secret)}, of {label(body)}")
    return "\n".join(["", of, *lines, ""])


def _of_external_secret(body: JSON, secret: str) -> list[str]:
    namespace, name = place(body)
    resource = f"externalsecret.external-secrets.io {quote(name)}{_in(namespace)}"
    orphan = '{"spec":{"target":{"creationPolicy":"Orphan"}}}'
    return [
        f"kubectl patch {resource} --type=merge --patch='{orphan}'",
        f"kubectl delete {resource} --cascade=orphan",
        f"kubectl annotate secret {quote(secret)}{_in(namespace)} {ADOPT}=true",
    ]


def _of_token(body: JSON, namespace: str, secret: str) -> list[str]:
    own, name = place(body)
    return [
        f"kubectl delete {str(body.get('kind')).lower()}.github.as-code.io {quote(name)}{_in(own)} --cascade=orphan",
        "# Its type cannot be changed. The label lets the operator see at once that the Secret is gone.",
        f"kubectl label secret {quote(secret)}{_in(namespace)} {ROLE}={ROLE_TOKEN}",
        f"kubectl delete secret {quote(secret)}{_in(namespace)}",
    ]


def _in(namespace: str) -> str:
    return f" --namespace={quote(namespace)}" if namespace else ""
