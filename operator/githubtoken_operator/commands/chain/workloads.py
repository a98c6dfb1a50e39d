"""The workloads of `restartTargets`: whether they were restarted for the present token, and how far that is."""

from __future__ import annotations

import binascii
from base64 import b64decode

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal.checks import Check, unseen
from githubtoken_operator.domain.consumer.rollout import RESTARTED_FOR
from githubtoken_operator.domain.objects.secrets import annotations_of
from githubtoken_operator.domain.vocabulary.documents import parsed
from githubtoken_operator.domain.vocabulary.model import JSON


def checks(chain: Chain) -> list[Check]:
    """A line each."""
    return [_check(chain, name, seen.found) for name, seen in chain.workloads]


def _check(chain: Chain, name: str, found: JSON | ApiError | None) -> Check:
    if isinstance(found, ApiError):
        return unseen(name, found)
    if found is None:
        return Check(name, "failed", "is not there", "create it, or take it out of `spec.restartTargets`")
    revision = chain.token.status.get("revision")
    if revision is None:
        return Check(name, "ok", "is there; there is no token yet")
    told = restarted_for(found, chain.token.name)
    if told is None or told != _present(chain.token.status):
        before = f" (revision {told.partition('/')[0]} was the last)" if told else ""
        allowed = "wait a minute; the events below say where a right is missing"
        return Check(name, "warning", f"was not restarted for revision {revision} yet{before}", allowed)
    if rolling := rolling_out(found):
        return Check(name, "warning", f"rolls out for revision {revision}: {rolling}")
    return Check(name, "ok", f"has revision {revision}")


def restarted_for(workload: JSON, token: str) -> str | None:
    """The mark of the token that it was last restarted for (`rollout.mark`), None where there is none."""
    marks = parsed(annotations_of(workload).get(RESTARTED_FOR))
    return str(marks[token]) if isinstance(marks, dict) and token in marks else None


def rolling_out(workload: JSON) -> str:
    """How far a rollout is; empty where all pods are of the present template."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    if "desiredNumberScheduled" in status:
        wanted, new = status["desiredNumberScheduled"], status.get("updatedNumberScheduled", 0)
    else:
        wanted, new = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0) or new < wanted:
        return f"{new} of {wanted} pods are new"
    return ""


def _present(status: JSON) -> str:
    """The mark of the present token, made of what status says of it."""
    try:
        digest = b64decode(str(status.get("tokenSHA256", "")), validate=True).hex()
    except (binascii.Error, ValueError):
        digest = ""
    return f"{status.get('revision')}/{digest[:12]}"
