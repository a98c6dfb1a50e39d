"""What a token is obtained from: an installation, or a seed and the pair that came of it, or a personal token."""

from __future__ import annotations

from githubtoken_operator.commands.chain.findings import broken, of_key, of_secret
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.checks import Check
from githubtoken_operator.domain.objects.secrets import CLUSTER_NAME, NAME, ROLE, ROLE_CREDENTIAL


def installation(chain: Chain) -> Check | None:
    """The installation, and what it grants."""
    wanted = chain.wanted.installation
    if wanted is None:
        return None
    name, status = f"Installation {wanted.selector}", chain.token.status
    if at_fault := broken(chain, "installation", name):
        return at_fault
    if not status.get("account"):
        return Check(name, "unknown", "the operator has not found it yet")
    granted = ", ".join(f"{key}: {level}" for key, level in sorted((status.get("permissions") or {}).items()))
    selected = f"; repositories {status['repositorySelection']}" if status.get("repositorySelection") else ""
    return Check(name, "ok", f"of {status['account']}; grants {granted or 'nothing'}{selected}")


def source(chain: Chain) -> Check | None:
    """The Secret of a human's that the token comes from."""
    wanted = chain.wanted
    ref = wanted.source.given
    if chain.source is None or ref is None:
        return None
    what = "Seed" if wanted.user else "Personal token"
    name = f"{what} {ref.key} in Secret {ref.name}"
    # A seed was needed once; a pair that is kept goes on without it.
    needed = wanted.personal is not None or chain.token.ready != "True"
    rules = (
        lambda secret: of_key(name, ref, secret) if needed else None,
        lambda _: Check(name, "ok", "is there"),
    )
    if not needed and chain.source.found is None:
        return Check(name, "ok", "is not there any more, and not needed while the sign-in lasts")
    link = "" if wanted.user else "source"
    return of_secret(chain, link, name, chain.source, rules, at_home=not chain.token.namespace)


def credential(chain: Chain) -> Check | None:
    """The operator's Secret with a user's pair, or the sign-in that is to fill it."""
    seen, user = chain.credential, chain.wanted.user
    if seen is None or user is None:
        return None
    note = NAME if chain.token.namespace else CLUSTER_NAME
    name, status = f"Credential Secret {user.credential}", chain.token.status
    if code := status.get("deviceFlow"):
        enter = f"enter the code {code.get('userCode')} at {code.get('verificationURI')}"
        return Check(name, "warning", "waits for somebody to sign in", enter)
    if at_fault := broken(chain, "sign-in", name):
        return at_fault
    ends = ages.shown(status.get("refreshTokenExpirationTime"), chain.now)
    anew = f"make the {chain.token.kind} anew with another `spec.user.credentialSecretName`"
    rules = (
        lambda secret: (
            None
            if secret.labels.get(ROLE) == ROLE_CREDENTIAL and secret.annotations.get(note) == chain.token.name
            else Check(name, "failed", f"was not made for this {chain.token.kind}", anew)
        ),
        lambda _: Check(name, "ok", f"is there; the sign-in ends {ends}" if ends else "is there"),
    )
    missing = "the operator makes it from the seed, or when somebody signs in"
    at_home = not chain.token.namespace
    return of_secret(chain, "sign-in", name, seen, rules, missing=missing, at_home=at_home)
