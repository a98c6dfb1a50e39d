"""The chain in its order: the GitHubToken, what it hangs on, and what hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from githubtoken_operator.commands.chain import apps, holder, origin, pods, workloads
from githubtoken_operator.commands.chain.reading import Chain
from githubtoken_operator.commands.terminal.checks import Check


def links(chain: Chain) -> list[Check]:
    """A line for each link that there is."""
    found = [check for link in _LINKS if (check := link(chain)) is not None]
    return [*found, *pods.checks(chain), *workloads.checks(chain)]


_LINKS: Final[Sequence[Callable[[Chain], Check | None]]] = (
    holder.token_itself,
    apps.app,
    apps.private_key,
    apps.signer,
    apps.client_secret,
    origin.installation,
    origin.source,
    origin.credential,
    holder.distribution,
    holder.secret,
)
