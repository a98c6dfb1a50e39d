"""Whether this process may still send what works only once: checks A and B of the rotation protocol."""

from __future__ import annotations

from collections.abc import Callable

from githubtoken_operator.adapters.github.sending import SEND_LIMIT
from githubtoken_operator.adapters.kubernetes.lease import Leadership
from githubtoken_operator.domain import reasons
from githubtoken_operator.domain.errors import Transient


class Fence:
    """The Lease, and whether the process was asked to end."""

    def __init__(
        self, leadership: Leadership, *, stopping: Callable[[], bool], send_margin: float = SEND_LIMIT
    ) -> None:
        """`send_margin`: seconds for which the Lease must still be held when something is sent."""
        self._leadership = leadership
        self._stopping = stopping
        self._send_margin = send_margin

    @property
    def term(self) -> int:
        """The term of the Lease, to be remembered at the start of what `check` is asked about later."""
        return self._leadership.term

    @property
    def contested(self) -> bool:
        """Whether another process may be writing too: never so where there is no election."""
        return self._leadership.contested

    def check(self, term: int) -> None:
        """Raises `Transient` unless it is the same term as at the start, with time enough left to send."""
        if self._stopping() or self._leadership.term != term or not self._leadership.held(self._send_margin):
            raise Transient(reasons.PENDING, "the operator is ending: the next one goes on")
