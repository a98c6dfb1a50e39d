"""What the API server refuses, as one error tree.

    ApiError
    ├── NotFound       404
    ├── Conflict       409: the resourceVersion or uid is not the present one, or the object exists
    ├── Forbidden      RBAC, a quota, or an admission policy or webhook, whichever status these give
    │   └── Terminating    the namespace is being deleted
    ├── Invalid        400, 422
    │   └── Undeclared     the definition (CRD) of a kind lacks fields of the object: it is of an earlier version
    └── Unavailable    429, 5xx, no answer: try again
        └── HookAway   an admission webhook that must be asked does not answer, which may last

Messages are the API server's own, redacted and cut.
"""

from __future__ import annotations

import re
from typing import Final

from githubtoken_operator.domain.vocabulary.redaction import redact

_MESSAGE_LIMIT: Final = 512
_READ_LIMIT: Final = 8192
_UNDECLARED: Final = re.compile(r"\.status\.(\w+)[^\s:]*: field not declared in schema")
"""What a server-side apply is refused with, whatever its `fieldValidation`, and with 500 instead of 400."""

_DENIED: Final = re.compile("ValidatingAdmissionPolicy .* denied request|admission webhook .* denied the request")
"""A policy says so with 422 where it names no other reason, a webhook with the status that it chooses."""


class ApiError(Exception):
    """The API server refused, or could not be asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        # The API server may repeat what a tenant wrote, megabytes of it.
        said = redact(message[:_READ_LIMIT])
        self.message = said if len(said) <= _MESSAGE_LIMIT else f"{said[: _MESSAGE_LIMIT - 1]}…"
        super().__init__(f"{status}: {self.message}")


class NotFound(ApiError):
    """There is no such object."""


class Conflict(ApiError):
    """Somebody else was faster."""


class Forbidden(ApiError):
    """The operator may not do this."""


class Terminating(Forbidden):
    """The namespace is being deleted: nothing can be created in it any more."""


class Invalid(ApiError):
    """The object is not acceptable as it is."""


class Undeclared(Invalid):
    """The status has fields, `fields` at its top, that the definition (CRD) in the cluster lacks."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        # The message that is kept may end before it names them.
        self.fields = frozenset(_UNDECLARED.findall(message[:_READ_LIMIT]))


class Unavailable(ApiError):
    """No answer, or one that asks to try again."""


class HookAway(Unavailable):
    """An admission webhook cannot be asked, without which such objects are not written; the message names it."""


def error_of(status: int, message: str) -> ApiError:
    """The error that an answer with this status, and this message, is."""
    if status == 403 and "being terminated" in message:  # noqa: PLR2004
        return Terminating(status, message)
    if _UNDECLARED.search(message[:_READ_LIMIT]):
        return Undeclared(status, message)
    if status == 500 and "failed calling webhook" in message:  # noqa: PLR2004
        return HookAway(status, message)
    if 400 <= status < 500 and _DENIED.search(message[:_READ_LIMIT]):  # noqa: PLR2004
        return Forbidden(status, message)
    by_status: dict[int, type[ApiError]] = {
        400: Invalid,
        401: Unavailable,  # The ServiceAccount's token is being replaced: the next request has the new one.
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        422: Invalid,
    }
    return by_status.get(status, Unavailable)(status, message)
