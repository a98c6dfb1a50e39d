"""Why an object runs next: a word each, for metrics and for whoever asks the process what it waits for."""

from __future__ import annotations

from typing import Final

EVENT: Final = "event"
"""Something asked for it, or must: a change, an annotation, another run."""
RENEWAL: Final = "renewal"
"""The stored token is to be replaced, or a personal one to be checked."""
RETRY: Final = "retry"
"""The last attempt failed, and the next one is due."""
LOOK: Final = "look"
"""Something may have come or ended meanwhile: a missing Secret, a code that is shown, a limit, the token's own time."""
TURN: Final = "turn"
"""It waits for its App's turn: GitHub is asked only so often."""
PROBE: Final = "probe"
"""It is looked at again whether GitHub accepts the new token."""
CONSUMERS: Final = "consumers"
"""Workloads or pods could not be told of the token yet."""
CONFLICT: Final = "conflict"
"""Somebody else wrote at the same time."""
API_SERVER: Final = "api_server"
"""The API server was away or refused."""
CHECK: Final = "check"
"""An App is looked at again."""
END: Final = "end"
"""The object is being deleted, and its tokens are not revoked yet."""

INTERRUPTED: Final = frozenset({CONFLICT, API_SERVER})
"""Causes that say that the run before did not come to its end."""
