"""Whose the consumer's Secret is: when it may be written, and why not.

A Secret that somebody else made is never touched unless it was given to the operator. Of several GitHubTokens and
ClusterGitHubTokens that want one Secret, the one that the Secret is annotated with has it, else the oldest, then the
first by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.objects.secrets import (
    ADOPT,
    ADOPTED,
    ROLE,
    ROLE_APP,
    ROLE_CREDENTIAL,
    ROLE_TOKEN,
    annotations_of,
    controller_of,
    controller_uid,
    in_words,
    is_given,
    is_noted_for,
    labels_of,
    noted_owner,
)
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary.model import JSON


def conflict(secret: JSON | None, token: GitHubToken, *, abandoned: bool = False) -> str | None:
    """Why the Secret of that name may not be written; None where it is absent, ours, or given to us for adoption.

    `abandoned`: the object that `secrets.giver` names does not want it any more.
    """
    if secret is None:
        return None
    of_others = _CONFLICTS_OF_ABANDONED if abandoned else _CONFLICTS
    for rule in _CONFLICTS_OF_OURS if is_ours(secret, token) else of_others:
        if message := rule(secret, token):
            return f"Secret `{token.secret.name}` {message}"
    return None


def outranked(token: GitHubToken, secret: JSON | None, rivals: Iterable[GitHubToken]) -> str | None:
    """Which of the `rivals` goes before this object, where their Secret does not say whose it is."""
    if secret is not None and noted_owner(secret) is not None:
        return None
    ahead = [
        (_rank(other), other)
        for other in rivals
        if other.secret.name == token.secret.name and _rank(other) < _rank(token)
    ]
    if not ahead:
        return None
    _, first = min(ahead, key=lambda item: item[0])
    wanted = f"Secret `{token.secret.name}` is also wanted by {first.object_kind} `{first.name}`, which was there first"
    return f"{wanted}: {_anew(token)}"


def _anew(token: GitHubToken) -> str:
    """How it gets a Secret of another name, which cannot be changed."""
    return f"make this {token.object_kind} anew with another `spec.secret.name`"


def _rank(token: GitHubToken) -> tuple[str, str, str]:
    """Who comes first: the oldest, then by name; of two that share both, a ClusterGitHubToken."""
    return token.created, token.name, token.object_kind


def is_ours(secret: JSON, token: GitHubToken) -> bool:
    """Whether this object wrote the Secret, or a retained one of its name did before.

    A Secret that it controls stays its own, whatever became of its label and annotations. In one without controller,
    a removed label is an edit like any other while the annotations still speak of the token in it.
    """
    if secret.get("immutable"):
        return False
    if (controller := controller_uid(secret)) is not None:
        return controller == token.uid
    if not is_noted_for(secret, token):
        return False
    role = labels_of(secret).get(ROLE)
    return role == ROLE_TOKEN or (role is None and consumer.read(secret) is not None)


def adopts(secret: JSON | None) -> bool:
    """Whether the Secret is or was handed to the operator; it keeps its foreign keys and gets no ownerReference."""
    return secret is not None and (is_given(secret) or annotations_of(secret).get(ADOPTED) == "true")


_ConflictRule = Callable[[JSON, GitHubToken], str | None]


def _immutable(secret: JSON, token: GitHubToken) -> str | None:
    return f"is immutable: delete it, or {_anew(token)}" if secret.get("immutable") else None


def _kept_for_something_else(secret: JSON, token: GitHubToken) -> str | None:
    role = labels_of(secret).get(ROLE)
    if role in (ROLE_CREDENTIAL, ROLE_APP):
        return f"has the role `{role}` and is never given to consumers: {_anew(token)}"
    return None


def _predecessor(secret: JSON, token: GitHubToken) -> str | None:
    by_a_token = (controller_of(secret) or {}).get("kind") == token.object_kind
    if by_a_token and is_noted_for(secret, token) and labels_of(secret).get(ROLE) == ROLE_TOKEN:
        return f"still belongs to an earlier {token.object_kind} `{token.name}`: it is taken over once that one is gone"
    return None


def _another_githubtoken(secret: JSON, token: GitHubToken) -> str | None:
    owner = noted_owner(secret)
    if labels_of(secret).get(ROLE) == ROLE_TOKEN and owner is not None and not is_noted_for(secret, token):
        given = f'if that one is gone, annotate the Secret `{ADOPT}: "true"`'
        return f"belongs to {in_words(owner)}: {_anew(token)}, or, {given}"
    return None


def _controlled(secret: JSON, token: GitHubToken) -> str | None:
    if controller_uid(secret) not in (None, token.uid):
        return f"is controlled by another object: {_anew(token)}"
    return None


def _another_type(secret: JSON, token: GitHubToken) -> str | None:
    has = secret.get("type")
    if has == token.secret.type:
        return None
    ask = (
        "set `spec.secret.type: Opaque`, " if has == "Opaque" and "DockerConfigJSON" not in token.secret.formats else ""
    )
    return f"has the type `{has}`, which must be `{token.secret.type}`: delete it, {ask}or {_anew(token)}"


def _adopted_with_another_type(secret: JSON, token: GitHubToken) -> str | None:
    """The type of a Secret cannot be changed, and one that holds foreign keys is not deleted for it."""
    return _another_type(secret, token) if adopts(secret) else None


def _held_by_a_finalizer(secret: JSON, token: GitHubToken) -> str | None:
    if secret.get("type") != token.secret.type and "deletionTimestamp" in secret["metadata"]:
        return "is being deleted to change its type, and somebody's finalizer holds it: remove that finalizer"
    return None


def _not_given(secret: JSON, token: GitHubToken) -> str | None:
    if is_given(secret):
        return None
    return f'was made by somebody else: delete it, {_anew(token)}, or annotate it `{ADOPT}: "true"`'


_CONFLICTS: Final[Sequence[_ConflictRule]] = (
    _immutable,
    _kept_for_something_else,
    _predecessor,
    _another_githubtoken,
    _controlled,
    _another_type,
    _not_given,
)
_CONFLICTS_OF_ABANDONED: Final = tuple(rule for rule in _CONFLICTS if rule is not _another_githubtoken)
_CONFLICTS_OF_OURS: Final[Sequence[_ConflictRule]] = (_adopted_with_another_type, _held_by_a_finalizer)
