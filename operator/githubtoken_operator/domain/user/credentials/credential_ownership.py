"""Whose a credential Secret is: ours, given to us, or somebody else's, who keeps it."""

from __future__ import annotations

from githubtoken_operator.domain.objects.secrets import (
    ADOPT,
    ROLE,
    ROLE_APP,
    ROLE_CREDENTIAL,
    ROLE_TOKEN,
    annotations_of,
    controller_uid,
    giver,
    in_words,
    is_given,
    is_noted_for,
    labels_of,
    noted_owner,
)
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.user.credentials.credential import CLIENT_ID
from githubtoken_operator.domain.vocabulary.model import JSON


def conflict(secret: JSON | None, token: GitHubToken, *, abandoned: bool = False) -> str | None:
    """Why the Secret may not serve as this GitHubToken's credential; None where it is absent, ours or given to us.

    `abandoned`: the object that `secrets.giver` names does not keep its pair there any more.
    """
    if secret is None or token.user is None:
        return None
    name = token.user.credential
    anew = f"make this {token.object_kind} anew with another `spec.user.credentialSecretName`"
    if _is_ours(secret, token):
        return f"Secret `{name}` is immutable: delete it and sign in again" if secret.get("immutable") else None
    if _unadoptable(secret):
        return (
            f"Secret `{name}` cannot be adopted: it is immutable, not Opaque, controlled by another object, "
            f"or made for something else; {anew}"
        )
    if is_given(secret) and (abandoned or giver(secret, token, ROLE_CREDENTIAL) is None):
        return None
    if labels_of(secret).get(ROLE) == ROLE_CREDENTIAL:
        owner = noted_owner(secret)
        return (
            f"Secret `{name}` is the credential of {in_words(owner) if owner else 'another object'}: {anew}, "
            f'or, if that one is gone, annotate the Secret `{ADOPT}: "true"`'
        )
    return f'Secret `{name}` was made by somebody else: delete it, {anew}, or annotate it `{ADOPT}: "true"`'


def lacks_label(secret: JSON) -> bool:
    """Whether it is one of ours by its annotations, and somebody took its label away, by which it is watched."""
    return ROLE not in labels_of(secret) and CLIENT_ID in annotations_of(secret)


def _is_ours(secret: JSON, token: GitHubToken) -> bool:
    right = labels_of(secret).get(ROLE) == ROLE_CREDENTIAL or lacks_label(secret)
    return right and is_noted_for(secret, token)


def _unadoptable(secret: JSON) -> bool:
    return bool(
        secret.get("immutable")
        or secret.get("type") != "Opaque"
        or controller_uid(secret)
        or labels_of(secret).get(ROLE) in (ROLE_APP, ROLE_TOKEN)
    )
