"""The GitHubToken itself, and the Secret that its consumers read."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.findings import broken, of_secret
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.checks import Check, State, unseen
from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.objects.secrets import CLUSTER_NAME, NAME, REVISION
from githubtoken_operator.domain.vocabulary.conditions import DISTRIBUTED, find_condition
from githubtoken_operator.domain.vocabulary.times import parse_time

_NAMED: Final = 5
"""Namespaces in one line."""


def token_itself(chain: Chain) -> Check:
    """What status says, and whether that is still true."""
    token = chain.token
    name, told = f"{token.kind} {token.name}", token.told
    expires, renews = (parse_time(token.status.get(key)) for key in ("expirationTime", "renewalTime"))
    running = "is the operator running? `githubtoken doctor` looks"
    if token.status.get("observedGeneration") != token.body["metadata"].get("generation"):
        return Check(name, "warning", "the operator has not looked at the present spec yet", running)
    if token.ready == "True" and expires is not None and expires < chain.now:
        return Check(name, "failed", f"expired {ages.from_now(expires, chain.now)}, and status was not told", running)
    if token.ready != "True":
        return Check(name, "failed" if token.ready == "False" else "warning", told)
    if token.needs_human:
        return Check(name, "warning", token.human_task)
    if token.failures is not None:
        return Check(name, "warning", told)
    if renews is not None and renews < chain.now and not token.suspended:
        return Check(name, "warning", f"should have been renewed {ages.from_now(renews, chain.now)}", running)
    return Check(name, "ok", told)


def distribution(chain: Chain) -> Check | None:
    """How many of a ClusterGitHubToken's namespaces have the token, and which have not."""
    token = chain.token
    if token.namespace:
        return None
    found = find_condition(token.status, DISTRIBUTED)
    if found is None or not token.spread:
        return Check("Namespaces", "unknown", "the operator has not distributed it yet")
    failures = token.status.get("failures") or ()
    told = "; ".join(f"{each['namespace']}: {each['reason']}" for each in failures[:_NAMED])
    more = f" and {len(failures) - _NAMED} more in `status.failures`" if len(failures) > _NAMED else ""
    says = f"{token.spread} have it" + (f" ({told}{more})" if told else "")
    state: State = "ok" if found["status"] == "True" else "failed" if failures else "warning"
    look = "`githubtoken status --cluster NAME -n NAMESPACE` shows one of them" if failures else ""
    return Check("Namespaces", state, says, look)


def secret(chain: Chain) -> Check | None:
    """The consumer's Secret: whose it is, and whether it has the present token."""
    if chain.secret is None:
        return None
    name, token = f"Secret {chain.token.secret}", chain.token
    note = NAME if token.namespace else CLUSTER_NAME
    name = name if token.namespace else f"{name} in {chain.view}"
    if at_fault := broken(chain, "secret", name):
        return at_fault
    revision, expires = token.status.get("revision"), parse_time(token.status.get("expirationTime"))

    def foreign(secret: SecretLook) -> Check | None:
        if secret.annotations.get(note) == token.name:
            return None
        anew = f"make the {token.kind} anew with another `spec.secret.name`"
        return Check(name, "failed", f"was not written for this {token.kind}", anew)

    def older(secret: SecretLook) -> Check | None:
        has = secret.annotations.get(REVISION)
        if revision is None or has == str(revision):
            return None
        return Check(name, "warning", f"has revision {has}, where status says {revision}", "look again in a moment")

    def dead(secret: SecretLook) -> Check | None:
        ends = parse_time(secret.annotations.get(consumer.EXPIRES_AT)) or expires
        ended = ends is not None and ends < chain.now
        return Check(name, "failed", f"its token expired {ages.from_now(ends, chain.now)}") if ends and ended else None

    def fine(secret: SecretLook) -> Check:
        has = secret.annotations.get(REVISION, "?")
        return Check(name, "ok", f"{secret.type}, revision {has}, keys {', '.join(secret.keys)}")

    if isinstance(chain.secret.found, ApiError) and token.ready == "True":
        check = unseen(name, chain.secret.found)
        return Check(name, "unknown", f"{check.says}; status says that it has revision {revision}")
    back = "the operator puts it back within seconds, where one runs: `githubtoken doctor` looks"
    first = "the operator makes it with the first token: what is wrong above comes before it"
    missing = back if token.ready == "True" else first
    return of_secret(chain, "", name, chain.secret, (foreign, older, dead, fine), missing=missing)
