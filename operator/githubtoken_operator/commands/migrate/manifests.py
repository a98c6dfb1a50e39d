"""Manifests: read carefully, since they come from files that nobody validated, and made with comments above them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from githubtoken_operator.commands.terminal.layout import document, named, printable
from githubtoken_operator.domain.objects.specs import formats
from githubtoken_operator.domain.objects.specs.github_token import API_VERSION
from githubtoken_operator.domain.vocabulary.documents import mapping
from githubtoken_operator.domain.vocabulary.model import JSON

CHANGE_ME: Final = "change-me"
"""Stands where a value has to be put in by hand."""
_GO: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_THE_TOKEN: Final = re.compile(r"\{\{-?\s*\.token\s*-?\}\}")
_NOT_OURS: Final = re.compile(r"(?:^|[./])(?:githubtoken\.dev|[^/]*kubernetes\.io|[^/]*k8s\.io)/")


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One object of ours; `of` says what it stands for, `differs` what is not the same or has to be done by hand."""

    body: JSON
    of: str
    differs: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The manifest with its comments."""
        comments = [f"Instead of {self.of}.", *self.differs]
        told = "".join(f"# {printable(line)}\n" for line in comments)
        return f"{told}{document(self.body, 'yaml')}\n"


def manifest(kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """An object of ours; a namespace that is not known is left out, and so is what is empty in the spec."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    kept = {key: value for key, value in spec.items() if value not in ({}, [], "", None)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": kept}


def place(body: JSON) -> tuple[str, str]:
    """Namespace and name, "" for what is not there."""
    meta = mapping(body.get("metadata"))
    return text(meta.get("namespace")), text(meta.get("name"))


def label(body: JSON) -> str:
    """`ExternalSecret team/ci`."""
    return f"{body.get('kind')} {named(*place(body))}"


def sequence(value: object) -> Sequence[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """A text or a number as text; "" for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number(value: object) -> int | None:
    """A positive whole number, also where it is written as a text."""
    found = text(value)
    return int(found) if found.isascii() and found.isdigit() and len(found) < 19 and int(found) else None  # noqa: PLR2004


def texts(value: object) -> dict[str, str]:
    """A mapping of texts to texts."""
    return {text(key): text(item) for key, item in mapping(value).items()}


def key_ref(found: object) -> dict[str, str]:
    """`privateKeySecretRef` for a rival's reference to the key; what is missing in it is to be put in by hand."""
    ref = mapping(found)
    return {"name": text(ref.get("name")) or CHANGE_ME, "key": text(ref.get("key")) or "private-key.pem"}


def installation(
    number_of_it: int | None, repositories: object, ids: object, permissions: object
) -> tuple[dict[str, Any], list[str]]:
    """`spec.installation` for what a rival says of one, and the comments on what is not the same."""
    differs = [] if number_of_it else ["`installation` has to be set: `id`, `owner` or `repository`."]
    found = [text(each) for each in sequence(repositories)]
    names = list(dict.fromkeys(each.rpartition("/")[2] for each in found))
    numbers = [known for each in sequence(ids) if (known := number(each))]
    if names and numbers:
        differs.append("Of repositories either names or numbers may be given: `repositoryIDs` are left out.")
    granted = texts(permissions)
    if not granted:
        differs.append("The token gets all permissions of the App, as before: name those that it needs.")
    if owned := [each for each in found if "/" in each]:
        differs.append(f"Repositories are named without their owner: {', '.join(owned)} lost it.")
    made = {
        "id": number_of_it,
        "owner": None if number_of_it else CHANGE_ME,
        "repositories": names,
        "repositoryIDs": [] if names else numbers,
        "permissions": granted,
    }
    return {key: value for key, value in made.items() if value}, differs


def secret(
    wanted: str, of: str, meta: JSON, forms: Sequence[str], data: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """`spec.secret` with the name `wanted` of the GitHubToken `of`, and the comments on labels and annotations."""
    labels, about_labels = _own_keys(meta.get("labels"), "labels")
    annotations, about_annotations = _own_keys(meta.get("annotations"), "annotations")
    made = {
        "name": wanted if wanted != of else "",
        "labels": labels,
        "annotations": annotations,
        "formats": forms,
        "data": data,
    }
    return {key: value for key, value in made.items() if value}, [*about_labels, *about_annotations]


def _own_keys(of: object, what: str) -> tuple[dict[str, str], list[str]]:
    """Labels or annotations that a GitHubToken's Secret may have, and the comment on those that it may not."""
    found = texts(of)
    refused = sorted(key for key in found if _NOT_OURS.search(key))
    comment = (
        [f"These {what} are left out, since the operator keeps to its own: {', '.join(refused)}."] if refused else []
    )
    return {key: value for key, value in found.items() if key not in refused}, comment


def is_free(key: str) -> bool:
    """Whether `secret.data` may have this key: the operator writes some itself."""
    return key not in formats.RESERVED_KEYS


def verbatim(value: str) -> str:
    """A text of `secret.data` that means itself."""
    return value.replace("$", "$$")


def of_go_template(value: str) -> str | None:
    """A Go template as a text of `secret.data`; None where it does more than name the token."""
    made = _THE_TOKEN.sub("\0", value)
    return None if _GO.search(made) else verbatim(made).replace("\0", "${token}")


def joined(found: Iterable[Equivalent]) -> str:
    """All manifests as one stream: Apps before what names them."""
    order = {"ClusterGitHubApp": 0, "GitHubApp": 1, "GitHubToken": 2}
    ordered = sorted(found, key=lambda each: order[each.body["kind"]])
    return "".join(f"---\n{each.text}" for each in ordered)
