"""Apps with their keys, GitHubTokens, installations and permissions, labels, and what was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.findings import BREAKS
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.doctor.findings import Inventory
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.checks import (
    WORST_FIRST,
    Check,
    Look,
    cut,
    items,
    nothing_found,
    unseen,
    worst,
)
from githubtoken_operator.commands.terminal.layout import named, some
from githubtoken_operator.domain.apps import hosts, signers
from githubtoken_operator.domain.installation.policy import LEVELS
from githubtoken_operator.domain.objects.secrets import ROLE, WATCHED_BY_NAME
from githubtoken_operator.domain.objects.specs.github_app import parse_app
from githubtoken_operator.domain.objects.specs.sources import KeyRef
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import (
    DISTRIBUTED,
    READY,
    find_condition,
    ready_in_words,
    ready_of,
)
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.domain.vocabulary.times import parse_time

_LATE: Final = timedelta(minutes=5)
"""A renewal may wait so long for its turn, or for a GitHub that is away, without a word."""


def checks(objects: Inventory) -> list[Check]:
    """Lines for Apps and for GitHubTokens that are not ready; one for each of the others."""
    return [
        *_apps(objects),
        *_tokens(objects),
        *_cluster_tokens(objects),
        _installations(objects),
        _permissions(objects),
        _labels(objects),
        _orphans(objects),
        _leftovers(objects),
    ]


# --- Apps ------------------------------------------------------------------------------------------------------------


def _apps(objects: Inventory) -> list[Check]:
    judged: list[Check] = []
    for kind, seen in (("GitHubApps", objects.apps), ("ClusterGitHubApps", objects.cluster_apps)):
        if isinstance(seen.found, ApiError):
            judged.append(unseen(kind, seen.found))
        else:
            judged += [_app(objects, body) for body in seen.found or ()]
    judged.sort(key=lambda check: WORST_FIRST.index(check.state))
    return cut(judged, "Apps") or [Check("Apps", "ok", "there is none")]


def _app(objects: Inventory, body: JSON) -> Check:
    app, status = parse_app(body), body.get("status") or {}
    name = f"{app.kind} {named(app.namespace, app.name)}"
    state, reason = ready_of(status)
    if state == "False":
        return Check(name, "failed", ready_in_words(status))
    if state == "Unknown":
        unseen_yet = find_condition(status, READY) is None
        told = "the operator has not looked at it yet" if unseen_yet else ready_in_words(status)
        return Check(name, "warning", told, "is it running?" if unseen_yet else "")
    if hosts.is_of_two(app.server):
        says = f"{reason}; `apiURL` is on {app.server.api_host}, and `webURL` on {app.server.web_host}"
        return Check(name, "warning", says, "set both: sign-ins and formats of the token go by `webURL`")
    if app.signer is not None:
        key = status.get("keyFingerprint", "a key that is not known yet")
        return Check(name, "ok", f"{reason}; {signers.words(app.signer)} signs with {key}")
    if app.private_key is None:
        return Check(name, "ok", f"{reason}: it names no private key")
    where = app.namespace or objects.operator_namespace
    key = objects.keys.get((where, app.private_key.name, app.private_key.key))
    if key is not None and key.found is None and not app.namespace:
        # The operator has read it, so it is in another namespace than was asked for.
        says = f"{reason}; there is no Secret {app.private_key.name} in the namespace {where}"
        return Check(name, "unknown", says, "say --operator-namespace where the operator is in another")
    return _key(name, reason, app.private_key, key)


def _key(name: str, reason: str, ref: KeyRef, seen: Look[SecretLook] | None) -> Check:
    if seen is None:
        return Check(name, "ok", reason)
    found = seen.found
    if isinstance(found, SecretLook) and found.key_problem:
        says = f"its private key must be an RSA key in PEM, but {found.key_problem}"
        return Check(name, "failed", says, "store the .pem file that GitHub handed out, as it is")
    if isinstance(found, SecretLook) and found.fingerprint:
        return Check(name, "ok", f"{reason}; its key is {found.fingerprint}")
    if isinstance(found, ApiError):
        return Check(name, "ok", f"{reason}; its key is not readable for you")
    return Check(name, "failed", f"there is no key `{ref.key}` in Secret {ref.name}", "put the App's private key there")


# --- GitHubTokens ----------------------------------------------------------------------------------------------------


def _tokens(objects: Inventory) -> list[Check]:
    found = objects.tokens.found
    if isinstance(found, ApiError):
        return [unseen("GitHubTokens", found)]
    tokens = found or ()
    ready = sum(token.ready == "True" for token in tokens)
    where = f" in the namespace {objects.scope}" if objects.scope else ""
    says = f"{ready} of {len(tokens)} are ready{where}" if tokens else f"there is none{where}"
    unready = [check for token in tokens if (check := _unready(token) or _unattended(objects, token))]
    return [Check("GitHubTokens", worst(unready), says), *cut(unready, "GitHubTokens")]


def _unready(token: Snapshot) -> Check | None:
    if token.ready == "True" and not token.needs_human:
        return None
    told = token.human_task or token.told
    return Check(f"{token.kind} {token.label}", "failed" if token.ready == "False" else "warning", told, _chain(token))


def _chain(token: Snapshot) -> str:
    of = f"{token.name} -n {token.namespace}" if token.namespace else f"--cluster {token.name}"
    return f"`githubtoken status {of}` shows where the chain breaks"


def _unattended(objects: Inventory, token: Snapshot) -> Check | None:
    """One that was ready when somebody last looked at it, and that nobody looks at any more."""
    name, look = f"{token.kind} {token.label}", "does an operator run that serves it, and what does its log say?"
    expires, renews = (parse_time(token.status.get(key)) for key in ("expirationTime", "renewalTime"))
    if objects.served and token.namespace not in objects.served:
        says = f"the operator in {objects.operator_namespace} does not serve it, but {some(objects.served)}"
        where = f"the namespace {token.namespace}" if token.namespace else "all namespaces"
        return Check(name, "warning", says, f"let an operator serve {where} (`scope.namespaces` of the chart)")
    if expires is not None and expires < objects.now:
        return Check(name, "failed", f"expired {ages.from_now(expires, objects.now)}, and status was not told", look)
    if renews is not None and renews + _LATE < objects.now and not token.suspended:
        return Check(name, "warning", f"should have been renewed {ages.from_now(renews, objects.now)}", look)
    return None


def _cluster_tokens(objects: Inventory) -> list[Check]:
    """Nothing where nobody uses them, or where the caller may not see them, as most may not."""
    judged = [
        _unready(token) or _unattended(objects, token) or _distributed(token) for token in items(objects.cluster_tokens)
    ]
    judged.sort(key=lambda check: WORST_FIRST.index(check.state))
    return cut(judged, "ClusterGitHubTokens")


def _distributed(token: Snapshot) -> Check:
    name, says = f"{token.kind} {token.label}", f"{token.spread} namespaces have it"
    if (find_condition(token.status, DISTRIBUTED) or {}).get("status") == "False":
        return Check(name, "warning", says, _chain(token))
    return Check(name, "ok", says)


def _of_installations(objects: Inventory) -> Sequence[Snapshot]:
    return [token for token in items(objects.tokens) if "installation" in token.spec]


def _installations(objects: Inventory) -> Check:
    tokens = _of_installations(objects)
    if isinstance(objects.tokens.found, ApiError):
        return unseen("Installations", objects.tokens.found)
    refused = Counter(token.reason for token in tokens if token.reason in BREAKS["installation"])
    if refused:
        told = ", ".join(f"{reason} ({count})" for reason, count in sorted(refused.items()))
        says = f"{refused.total()} of {len(tokens)} GitHubTokens cannot use theirs: {told}"
        return Check("Installations", "failed", says, "their own lines say what to do")
    accounts = sorted({str(token.status["account"]) for token in tokens if token.status.get("account")})
    return Check(
        "Installations",
        "ok",
        f"{len(tokens)} GitHubTokens use those of {some(accounts)}" if tokens else "none is used",
    )


def _permissions(objects: Inventory) -> Check:
    tokens = _of_installations(objects)
    if isinstance(objects.tokens.found, ApiError):
        return unseen("Permissions", objects.tokens.found)
    lacking = [f"{token.label} ({told})" for token in tokens if (told := _not_granted(token))]
    if lacking:
        how = "grant them to the App, have an owner of the account accept them, or ask for less"
        return Check("Permissions", "failed", f"not all that is asked for is granted: {some(lacking)}", how)
    return Check("Permissions", "ok", "what was granted is what is asked for")


def _not_granted(token: Snapshot) -> str:
    """What is asked for beyond what status says of the present token; nothing is known before there is one."""
    granted: JSON = token.status.get("permissions") or {}
    asked = token.spec["installation"].get("permissions") or {}
    if not granted and token.reason != reasons.PERMISSIONS_NOT_GRANTED:
        return ""
    return ", ".join(
        f"{key}: {level}" for key, level in sorted(asked.items()) if _rank(granted.get(key)) < _rank(level)
    )


def _rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


# --- Secrets ---------------------------------------------------------------------------------------------------------


def _labels(objects: Inventory) -> Check:
    name, found = "Labels", items(objects.unlabelled)
    if check := nothing_found(name, objects.unlabelled, "every Secret that Apps and GitHubTokens name has ours"):
        return check
    if len(found) <= WATCHED_BY_NAME:
        of = "of the Secrets that Apps and GitHubTokens name"
        return Check(name, "ok", f"{len(found)} {of} {'has' if len(found) == 1 else 'have'} a watch by name")
    says = (
        f"{len(found)} Secrets are without `{ROLE}`, and {WATCHED_BY_NAME} have a watch: a change of the others is "
        f"noticed within a minute: {some([named(*each) for each in found])}"
    )
    return Check(name, "warning", says, f"`kubectl label secret NAME {ROLE}=app` (of GitHubTokens: `=seed`)")


def _orphans(objects: Inventory) -> Check:
    name, found = "Orphans", items(objects.orphans)
    if check := nothing_found(name, objects.orphans, "every credential Secret has its GitHubToken"):
        return check
    says = f"credential Secrets without a GitHubToken: {some([named(it.namespace, it.name) for it in found])}"
    return Check(name, "warning", says, "`githubtoken list --orphans -A` says what to do")


def _leftovers(objects: Inventory) -> Check:
    name, found = "Leftovers", items(objects.leftovers)
    if check := nothing_found(name, objects.leftovers, "no consumer's Secret has outlived its GitHubToken"):
        return check
    theirs = [f"{named(*place)} of {owner.kind} {owner.name}" for place, owner in found]
    says = f"the object is gone and its Secret is not, whose token may be alive: {some(theirs)}"
    how = "Kubernetes deletes them within moments unless something refuses it: `kubectl delete secret` says what"
    return Check(name, "warning", says, how)
