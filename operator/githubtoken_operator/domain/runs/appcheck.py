"""When a GitHubApp is checked with GitHub, and what its status says.

An App is checked (`GET /app`) when its spec or key changes and before the first mint after an hour, never because of a
restart: status remembers which generation and key were checked, and when. A refusal stands until the spec or key
changes, or until the next look, which comes later each time.
A check is of one object: an App that was made anew under the same name is checked anew. Its generation stands for its
ids and its host, with any of which it changes.

An App that GitHub accepted with this very key is doubted less than GitHub: it is looked at again within a minute, for
as long as a token of its last hour may be alive, and the first refusals do not yet say that it is not ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from githubtoken_operator.domain.objects.specs.github_app import GitHubApp
from githubtoken_operator.domain.runs import doubt
from githubtoken_operator.domain.runs.due import schedule
from githubtoken_operator.domain.runs.status import shown
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.conditions import READY, conditions, find_condition, needs_human, ready_of
from githubtoken_operator.domain.vocabulary.errors import KeptOut, Terminal, TokenError
from githubtoken_operator.domain.vocabulary.model import AppInfo
from githubtoken_operator.domain.vocabulary.times import format_time, is_ahead, parse_time

CHECK_EVERY: Final = timedelta(hours=1)
LOOKED_AT_AGAIN: Final = timedelta(minutes=1)
"""An App that worked is asked about this often while GitHub refuses it, so that its tokens can be renewed in time."""
OF_APPS: Final = reasons.OF_SIGNERS | {reasons.AUTHENTICATION_FAILED}
"""For what a human is called where an App is refused, whose acceptance may mend it."""
WORKED_LATELY: Final = 2 * CHECK_EVERY
"""So long after it was last accepted; by then the tokens that it got have died."""


@dataclass(frozen=True, slots=True)
class AppCheck:
    """The last check: of which object, generation and key, when, with what result; `failures` in a row.

    `worked` is when this key of this generation was last accepted, None where it never was, as far as is known.
    """

    uid: str
    generation: int
    fingerprint: str
    at: datetime
    slug: str | None = None
    owner: str | None = None
    permissions: Mapping[str, str] | None = None
    error: Terminal | None = None
    failures: int = 0
    worked: datetime | None = None

    def concerns(self, source: GitHubApp, fingerprint: str) -> bool:
        """Whether it says anything of the App as it is now, with the key of this fingerprint."""
        return (self.uid, self.generation, self.fingerprint) == (source.uid, source.generation, fingerprint)

    def is_due(self, source: GitHubApp, fingerprint: str, now: datetime) -> bool:
        """Whether GitHub is to be asked again."""
        if not self.concerns(source, fingerprint) or is_ahead(self.at, now):
            return True
        return now >= (self.next_look if self.error else self.at + CHECK_EVERY)

    @property
    def next_look(self) -> datetime:
        """When a refused App is looked at again."""
        lately = self.worked is not None and self.at - self.worked < WORKED_LATELY
        due = schedule.next_attempt(
            now=self.at, attempts=max(self.failures, 1), terminal=not lately, retry_after=None, expires=None
        )
        return min(due, self.at + LOOKED_AT_AGAIN) if lately else due

    @property
    def doubtful(self) -> bool:
        """Whether the refusal is too young to be believed."""
        explained = self.error is None or isinstance(self.error, KeptOut)
        return not explained and self.worked is not None and self.failures < doubt.BELIEVED


def remembered(source: GitHubApp) -> AppCheck | None:
    """The check that status speaks of.

    Of a refused App it still says what is known of it from when it worked, and since when its refusal is believed.
    """
    status = source.status
    at, ready = parse_time(status.get("lastCheckTime")), find_condition(status, READY)
    if at is None or ready is None:
        return None
    refused = ready["status"] == "False" and ready["reason"] not in reasons.OF_SIGNERS
    worked: datetime | None = at
    if refused:
        worked = parse_time(ready["lastTransitionTime"]) if "slug" in status else None
    return AppCheck(
        uid=source.uid,
        generation=int(status.get("observedGeneration", -1)),
        fingerprint=str(status.get("keyFingerprint", "")),
        at=at,
        slug=status.get("slug"),
        owner=status.get("owner"),
        permissions=status.get("permissions"),
        error=Terminal(ready["reason"], ready["message"]) if refused else None,
        failures=(doubt.BELIEVED if worked else 1) if refused else 0,
        worked=worked,
    )


def accepted(source: GitHubApp, fingerprint: str, now: datetime, info: AppInfo) -> AppCheck:
    """A check that GitHub answered with the App."""
    return AppCheck(
        source.uid, source.generation, fingerprint, now, info.slug, info.owner, info.permissions, worked=now
    )


def refused(source: GitHubApp, fingerprint: str, now: datetime, error: Terminal, before: AppCheck | None) -> AppCheck:
    """A check that GitHub refused."""
    if before is None or not before.concerns(source, fingerprint):
        return AppCheck(source.uid, source.generation, fingerprint, now, error=error, failures=1)
    return replace(before, at=now, error=error, failures=before.failures + 1)


def build_status(
    source: GitHubApp,
    *,
    check: AppCheck | None,
    error: TokenError | None,
    tokens: int,
    now: datetime,
    unanswered: str | None = None,
) -> dict[str, Any]:
    """The whole status of a GitHubApp. `error` is what its spec and Secrets lack; `tokens` is how many use it.

    `unanswered` says why GitHub did not answer when it was asked last.
    """
    if error is not None:
        ready = ("False", error.reason, error.message)
    elif check is None and source.private_key is None and source.signer is None:
        ready = ("True", reasons.NOT_CHECKED, "no private key: only user tokens can be served")
    elif check is None:
        why = f": {unanswered}" if unanswered else ""
        ready = ("Unknown", reasons.PENDING, f"GitHub has not answered yet{why}")
    elif check.error is not None and check.doubtful:
        ready = ("True", reasons.ACCEPTED, doubt.message(check.error))
    elif check.error is not None:
        ready = ("False", check.error.reason, check.error.message)
    else:
        ready = ("True", reasons.ACCEPTED, f"GitHub accepts the key {check.fingerprint}")
    state, reason, message = ready
    needs_human = (reason, message) if state == "False" and reason in reasons.HUMAN_NEEDED else None
    status: dict[str, Any] = {
        "observedGeneration": source.generation,
        "tokens": tokens,
        "conditions": conditions(source.status, ready, needs_human, generation=source.generation, now=now),
    }
    if check is not None:
        # Of a refusal that is not believed nothing is remembered: the next process asks again, and not an hour later.
        counts = check.worked if check.doubtful and check.worked else check.at
        status |= {
            "slug": shown(check.slug),
            "owner": shown(check.owner),
            "permissions": dict(check.permissions) if check.permissions else None,
            "keyFingerprint": check.fingerprint,
            "lastCheckTime": format_time(counts),
        }
    return {key: value for key, value in status.items() if value is not None}


def mended(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether its tokens have to be told of a new status, where no event of the cluster tells them: they back off.

    So it is where GitHub accepts what it refused, and where a service signs again, whatever GitHub says of that.
    """
    (was, why), (state, reason) = ready_of(before), ready_of(after)
    signs_again = why in reasons.OF_SIGNERS and reason not in reasons.OF_SIGNERS
    return signs_again or (was == "False" and state == "True")


def ready_since(app: Mapping[str, Any]) -> str:
    """Since when the App's status says that it is ready; "" where it does not."""
    ready = find_condition(app, READY)
    return str(ready["lastTransitionTime"]) if ready is not None and ready["status"] == "True" else ""


def mended_since(then: str, app: Mapping[str, Any], token: Mapping[str, Any]) -> bool:
    """Whether the App has become ready since an attempt failed, of which `token` does not say that it failed otherwise.

    `then` is `ready_since` at that attempt. All are of statuses, so that every process comes to the same, and no clock
    is asked: it may have been set meanwhile.
    """
    return ready_since(app) not in {"", then} and needs_human(token) in {None, *OF_APPS}
