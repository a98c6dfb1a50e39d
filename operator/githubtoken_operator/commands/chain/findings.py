"""Which link the operator's own finding is about, and what all links that are Secrets have in common.

A link that the finding concerns is told as broken even to somebody who may not read it, so that a namespace's viewer
sees where the chain ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.commands.chain.reading import Chain, SecretSeen
from githubtoken_operator.commands.terminal.checks import Check, first, unseen
from githubtoken_operator.domain.objects.specs.sources import KeyRef
from githubtoken_operator.domain.vocabulary import reasons

BREAKS: Final[Mapping[str, frozenset[str]]] = {
    "app": frozenset(
        {
            reasons.APP_NOT_FOUND,
            reasons.APP_NOT_READY,
            reasons.APP_NOT_ALLOWED,
            reasons.AUTHENTICATION_FAILED,
            reasons.HOST_NOT_ALLOWED,
        }
    ),
    "private key": frozenset({reasons.PRIVATE_KEY_MISSING, reasons.PRIVATE_KEY_INVALID}),
    "signer": reasons.OF_SIGNERS,
    "client secret": frozenset({reasons.CLIENT_SECRET_MISSING}),
    "installation": frozenset(
        {
            reasons.INSTALLATION_NOT_FOUND,
            reasons.INSTALLATION_SUSPENDED,
            reasons.PERMISSIONS_NOT_GRANTED,
            reasons.REPOSITORY_NOT_ACCESSIBLE,
            reasons.POLICY_DENIED,
        }
    ),
    "source": frozenset({reasons.CREDENTIAL_MISSING, reasons.AUTHENTICATION_FAILED}),
    "sign-in": frozenset(
        {
            reasons.AWAITING_AUTHORIZATION,
            reasons.REAUTHORIZATION_REQUIRED,
            reasons.WRONG_ACCOUNT,
            reasons.ANSWER_NOT_UNDERSTOOD,
            reasons.CREDENTIAL_MISSING,
        }
    ),
    "secret": frozenset({reasons.SECRET_CONFLICT}),
}
"""Which of the operator's reasons is about which link."""


def broken(chain: Chain, link: str, name: str) -> Check | None:
    """The operator's own finding, where it is about this link."""
    token, about = chain.token, BREAKS.get(link, frozenset())
    if token.ready == "False" and token.reason in about:
        return Check(name, "failed", token.told)
    return Check(name, "failed", token.human_task) if token.needs_human in about else None


def of_secret(
    chain: Chain,
    link: str,
    name: str,
    seen: SecretSeen | None,
    rules: Sequence[Callable[[SecretLook], Check | None]],
    *,
    missing: str = "create it",
    at_home: bool = False,
) -> Check:
    """What the rules say of a Secret that is there; `missing` is what to do where it is not.

    One that is `at_home` was looked for where the operator is said to be, which nobody but the caller knows.
    """
    found = seen.found if seen else None
    if isinstance(found, SecretLook):
        check = first(rules, found) or Check(name, "ok", "is there")
        return check if check.state == "failed" else broken(chain, link, name) or check
    if at_fault := broken(chain, link, name):
        return at_fault
    if found is not None:
        return unseen(name, found)
    if not at_home:
        return Check(name, "failed", "the Secret is not there", missing)
    elsewhere = f"{missing}, or say --operator-namespace where the operator is in another"
    return Check(name, "unknown", f"the Secret is not in the namespace {chain.home}", elsewhere)


def of_key(name: str, ref: KeyRef, secret: SecretLook) -> Check | None:
    """Where the Secret is there, and its key is not."""
    if ref.key in secret.keys:
        return None
    has = f"it has {', '.join(secret.keys)}" if secret.keys else "it is empty"
    return Check(name, "failed", f"the Secret has no key `{ref.key}` ({has})", "add it, or name another key")
