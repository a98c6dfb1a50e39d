"""How far a sign-in has come: rules over the object as it is now and what was known when the command began.

No clocks are compared with the cluster's, but for whether a code that is shown has expired. Signed in means that the
code is gone and that there is another token than before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal import ages
from githubtoken_operator.commands.terminal.waiting import IDLE_FOR
from githubtoken_operator.domain.objects.specs.github_token import LOGIN_REQUESTED_AT
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.times import parse_time


@dataclass(frozen=True, slots=True)
class Code:
    """What a human must enter, and where."""

    user_code: str
    address: str
    expires: str


@dataclass(frozen=True, slots=True)
class Done:
    """It is done."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not be done by waiting."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """It goes on."""

    text: str


LoginProgress = Code | Done | Failed | Waiting


@dataclass(frozen=True, slots=True)
class Followed:
    """What is followed: the object as it was when the command began, and as it is now (None: deleted).

    `requested`: a code was asked for, else the one that was there is used. `waited`: seconds since then.
    """

    before: Snapshot
    after: Snapshot | None
    requested: bool
    waited: float
    now: datetime


def refusal(token: Snapshot) -> str | None:
    """Why nobody can sign in for this object; None where somebody can."""
    if "user" not in token.spec:
        return f"`{token.name}` is not a user's token: nobody signs in for it"
    if "deviceFlow" not in token.spec["user"]:
        of = f"-n {token.namespace} patch ght" if token.namespace else "patch cght"
        patch = """--type merge -p '{"spec":{"user":{"deviceFlow":{}}}}'"""
        return (
            f"`{token.name}` has no device flow: set `spec.user.deviceFlow` to `{{}}`, for example by "
            f"`kubectl {of} {token.name} {patch}`"
        )
    if token.suspended:
        return f"`{token.name}` is suspended: set `spec.suspend` to false first"
    return None


def code_of(token: Snapshot, now: datetime) -> Code | None:
    """The code that is shown and has not expired."""
    flow: dict[str, Any] = token.status.get("deviceFlow") or {}
    expires = parse_time(flow.get("expirationTime"))
    if not flow.get("userCode") or (expires is not None and expires <= now):
        return None
    return Code(str(flow["userCode"]), str(flow.get("verificationURI", "")), str(flow.get("expirationTime", "")))


def step(seen: Followed) -> LoginProgress:
    """How far it has come; the first rule that says something wins."""
    if seen.after is None or seen.after.uid != seen.before.uid:
        return Failed(f"the {seen.before.kind} was deleted meanwhile")
    for rule in _RULES:
        if found := rule(seen, seen.after):
            return found
    return Waiting(_standing(seen.after))


_Rule = Callable[[Followed, Snapshot], LoginProgress | None]


def _cannot(_seen: Followed, after: Snapshot) -> LoginProgress | None:
    return Failed(text) if (text := refusal(after)) else None


def _unheard(seen: Followed, after: Snapshot) -> LoginProgress | None:
    """Until the operator has acted on the request, what is shown is of before, unless it cannot get a code."""
    if not seen.requested or after.request(LOGIN_REQUESTED_AT) == after.status.get("lastHandledLoginAt"):
        return None
    attempt_failed = after.failures not in {None, seen.before.failures}
    no_attempt = seen.waited >= IDLE_FOR and after.needs_human not in reasons.SIGN_IN_HEALS
    if _human_needed(after) and (attempt_failed or no_attempt):
        return Failed(after.human_task)
    return Waiting(f"waiting for the operator to get a code; {_standing(after)}")


def _code_shown(seen: Followed, after: Snapshot) -> LoginProgress | None:
    return code_of(after, seen.now)


def _between_codes(_seen: Followed, after: Snapshot) -> LoginProgress | None:
    return Waiting("the code has expired; waiting for another one") if after.status.get("deviceFlow") else None


def _signed_in(seen: Followed, after: Snapshot) -> LoginProgress | None:
    sha256 = after.status.get("tokenSHA256")
    if after.ready != "True" or not sha256 or sha256 == seen.before.status.get("tokenSHA256"):
        return None
    account = after.status.get("account")
    expires = ages.shown(after.status.get("expirationTime"), seen.now)
    where = f"the namespace `{after.namespace}`" if after.namespace else f"{after.spread} namespaces"
    return Done(
        f"Signed in{f' as {account}' if account else ''}. The token is in the Secret `{after.secret}` of {where}"
        + (f"; it expires {expires}." if expires else ".")
    )


def _ended(_seen: Followed, after: Snapshot) -> LoginProgress | None:
    return Failed(after.human_task) if _human_needed(after) else None


_RULES: Final[Sequence[_Rule]] = (_cannot, _unheard, _code_shown, _between_codes, _signed_in, _ended)


def _human_needed(token: Snapshot) -> bool:
    """Whether something else than entering the code is needed of a human."""
    return token.needs_human not in {None, reasons.AWAITING_AUTHORIZATION}


def _standing(token: Snapshot) -> str:
    return f"Ready is {token.ready}, {token.told}"
