"""The App, its private key and its client secret."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.findings import broken, of_key, of_secret
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal.checks import Check, unseen
from githubtoken_operator.domain.apps import signers
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import ready_in_words, ready_of

_STORE_KEY: Final = "store the .pem file that GitHub handed out, as it is"


def app(chain: Chain) -> Check | None:
    """The App: whether it is there, and what its own `Ready` says."""
    if chain.app is None:
        return None
    name = f"{chain.wanted.app_kind} {chain.wanted.app}"
    found = chain.app.found
    if isinstance(found, ApiError) or found is None:
        anew = f"create it, or make the {chain.token.kind} anew with another `spec.appRef`"
        missing = Check(name, "failed", "is not there", anew)
        return broken(chain, "app", name) or (unseen(name, found) if isinstance(found, ApiError) else missing)
    status = found.get("status") or {}
    state, told = ready_of(status)[0], ready_in_words(status)
    if state != "True":
        return Check(name, "failed" if state == "False" else "warning", told)
    if at_fault := broken(chain, "app", name):
        return at_fault
    of = f" (App `{status['slug']}` of {status.get('owner', '?')})" if status.get("slug") else ""
    return Check(name, "ok", f"{told}{of}")


def private_key(chain: Chain) -> Check | None:
    """The App's private key, with its fingerprint."""
    source = chain.of_app
    ref = source.private_key if source else None
    if source is None or chain.wanted.personal is not None:
        return None
    if ref is None:
        if chain.wanted.installation is None or source.signer is not None:
            return None
        return Check("Private key", "failed", "the App names none", "set its `spec.privateKeySecretRef`")
    name = f"Private key {ref.key} in Secret {ref.name}"
    rules = (
        lambda secret: of_key(name, ref, secret),
        lambda secret: (
            Check(name, "failed", f"must be an RSA private key, but {secret.key_problem}", _STORE_KEY)
            if secret.key_problem
            else None
        ),
        lambda secret: Check(name, "ok", f"parses; fingerprint {secret.fingerprint}"),
    )
    return of_secret(chain, "private key", name, chain.private_key, rules, at_home=not source.namespace)


def signer(chain: Chain) -> Check | None:
    """The service that has the App's private key instead, as the operator finds it."""
    source = chain.of_app
    if source is None or source.signer is None or chain.wanted.installation is None:
        return None
    name = f"Signer {signers.words(source.signer)}"
    if at_fault := broken(chain, "signer", name):
        return at_fault
    state, reason = ready_of(source.status)
    if reason in reasons.OF_SIGNERS:
        # Tokens go on for as long as there is something that was signed ahead.
        return Check(name, "failed", ready_in_words(source.status))
    found = source.status.get("keyFingerprint")
    return Check(name, "ok" if state == "True" else "warning", f"signs with {found}" if found else "was not asked yet")


def client_secret(chain: Chain) -> Check | None:
    """The App's client secret, where the token is a user's."""
    source = chain.of_app
    ref = source.client_secret if source else None
    if chain.wanted.user is None or source is None:
        return None
    if ref is None:
        return broken(chain, "client secret", "Client secret")
    name = f"Client secret {ref.key} in Secret {ref.name}"
    rules = (lambda secret: of_key(name, ref, secret), lambda _: Check(name, "ok", "is there"))
    return of_secret(chain, "client secret", name, chain.client_secret, rules, at_home=not source.namespace)
