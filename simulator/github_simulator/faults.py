"""What goes wrong on purpose: slow, lost, mangled and false answers.

A fault strikes requests of one operation (or `*`), of one App or of all, a number of times or until it is cleared. At
most one fault strikes a request: the oldest that fits. Where in the request's life it strikes:

* `before` (the default for a canned `status` or `body`): GitHub's state does not change. A dropped connection before
  the effect is a request that never arrived.
* `after`: the token was spent or minted, and the answer is lost, cut off or replaced.

`set_fields` and `remove_fields` edit the true answer, so they are always after the effect.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from github_simulator.errors import DOCUMENTATION_URL
from github_simulator.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

When = Literal["before", "after"]

ANY_OPERATION = "*"

SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
)
PRIMARY_LIMIT = ("API rate limit exceeded.", "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api")
_LIMITED = frozenset({403, 429})
_MESSAGES = {
    401: ("Bad credentials", DOCUMENTATION_URL),
    403: SECONDARY_LIMIT,
    404: ("Not Found", DOCUMENTATION_URL),
    429: SECONDARY_LIMIT,
}


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        operation: Which requests it strikes; `*` for all.
        app_id: Whose requests; None for everybody's.
        installation_id: Of a mint, for which installation; None for all.
        times: How often it still strikes; None until it is cleared.
        when: Whether a canned answer or a dropped connection comes before or after the effect.
        drop: Drop the connection instead of answering.
        status: The canned answer's status; with `body` absent it is GitHub's JSON for that status.
        body: The canned answer's body, sent as it is.
        words: In place of both: a refusal in GitHub's words, by its name in `words.WORDS`.
        content_type: Of `body`.
        headers: Added to the answer, over those it has.
        reset_in: Adds `x-ratelimit-remaining: 0` and `x-ratelimit-reset`, so many virtual seconds from now.
        delay: Real seconds before anything else happens.
        body_delay: Real seconds over which the body trickles out.
        truncate: Sends only so many bytes of the body, as if that were all.
        set_fields: Fields of the true answer to set.
        remove_fields: Fields of the true answer to leave out.
        struck: How often it has struck.
    """

    id: int
    operation: str
    app_id: int | None = None
    installation_id: int | None = None
    times: int | None = None
    when: When = "before"
    drop: bool = False
    status: int | None = None
    body: str | None = None
    words: str | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    reset_in: float | None = None
    delay: float = 0.0
    body_delay: float = 0.0
    truncate: int | None = None
    set_fields: dict[str, Any] = field(default_factory=dict)
    remove_fields: list[str] = field(default_factory=list)
    struck: int = 0

    @property
    def replaces_answer(self) -> bool:
        """Whether the client gets a canned answer, or none, in place of the true one."""
        return self.drop or self.status is not None or self.body is not None or self.words is not None

    def canned_status(self) -> int:
        """The canned answer's status."""
        if self.words is not None:
            return WORDS[self.words][0]
        return 200 if self.status is None else self.status

    def canned_body(self) -> bytes:
        """The canned answer's body."""
        if self.body is not None:
            return self.body.encode()
        if self.words is not None:
            status, document = WORDS[self.words]
            more = {} if "error" in document else {"documentation_url": DOCUMENTATION_URL, "status": str(status)}
            return json.dumps({**document, **more}).encode()
        status = self.canned_status()
        message, documentation = _MESSAGES.get(status, ("Server Error", DOCUMENTATION_URL))
        if status in _LIMITED and self.reset_in is not None:
            message, documentation = PRIMARY_LIMIT
        return json.dumps({"message": message, "documentation_url": documentation, "status": str(status)}).encode()

    def edited(self, document: dict[str, Any]) -> dict[str, Any]:
        """The true answer with fields set and left out."""
        kept = {name: value for name, value in document.items() if name not in self.remove_fields}
        return {**kept, **self.set_fields}

    def extra_headers(self, *, now: float) -> dict[str, str]:
        """The headers that the fault adds; an empty value sends a blank header."""
        added = dict(self.headers)
        if self.reset_in is not None:
            added |= {
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(math.ceil(now + self.reset_in)),
            }
        return added


class Faults:
    """The faults that are set, oldest first."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, operation: str, options: Mapping[str, Any]) -> Fault:
        """Set a fault; `options` are `Fault`'s other fields by name.

        Raises:
            TypeError: An option has no such name.
            ValueError: `times` is not positive, or `words` is no name of theirs.
        """
        fault = Fault(id=next(self._ids), operation=operation, **options)
        if fault.times is not None and fault.times < 1:
            raise ValueError("`times` must be 1 or more, or absent")
        if fault.words is not None and fault.words not in WORDS:
            raise ValueError(f"`words` must be one of {', '.join(sorted(WORDS))}")
        self.active.append(fault)
        return fault

    def take(self, operation: str, app_id: int | None, installation_id: int | None = None) -> Fault | None:
        """The fault that strikes a request of this operation, App and installation, counted; or None."""
        for fault in self.active:
            if fault.operation not in {operation, ANY_OPERATION} or fault.app_id not in {None, app_id}:
                continue
            if fault.installation_id not in {None, installation_id}:
                continue
            fault.struck += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.active.remove(fault)
            return fault
        return None

    def clear(self, fault_id: int | None = None) -> None:
        """Clear one fault, or all."""
        self.active = [] if fault_id is None else [fault for fault in self.active if fault.id != fault_id]
