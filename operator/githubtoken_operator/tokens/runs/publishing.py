"""Publishing the token that is held: the consumer's Secret, or one in each namespace of a ClusterGitHubToken.

A Secret is applied under what was read of it, always before status: after a crash between the two, the Secret suffices.
"""

from __future__ import annotations

from dataclasses import replace

from githubtoken_operator.adapters.kubernetes.errors import Forbidden, HookAway, Invalid, Terminating
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.consumer import rollout
from githubtoken_operator.domain.runs.decide import secret_to_write
from githubtoken_operator.tokens.consumer import secret
from githubtoken_operator.tokens.kind import Gathered
from githubtoken_operator.tokens.memory import Memory
from githubtoken_operator.tokens.spread.spreads import Spreads


class Publisher:
    """Writes what consumers read."""

    def __init__(self, ground: Ground, spreads: Spreads) -> None:
        self._cluster = ground.cluster
        self._metrics = ground.metrics
        self._spreads = spreads

    async def publish(self, gathered: Gathered, memory: Memory) -> Gathered:
        """What is known then; the same where nothing is to be written.

        Raises `Terminal` where the API server refuses the Secret, `Transient` where it asks a webhook that is away, and
        `ApiError`.

        What one namespace of a ClusterGitHubToken refuses is that namespace's failure alone.
        """
        seen = gathered.observation
        issued, body, present = seen.issued, secret_to_write(seen), seen.spread
        if issued is None or body is None:
            return gathered
        gathered.kind.keep(memory, issued)
        if present is not None:
            if present.is_new(issued):
                memory.published = rollout.mark(issued)
            written = replace(seen, spread=await self._spreads.publish(seen, body, memory))
            return replace(gathered, stored=issued, observation=written)
        try:
            await secret.write(self._cluster, seen.token, body, seen.secret)
        except Terminating:
            raise
        except (Forbidden, Invalid) as error:
            raise secret.refused(seen.token, error) from error
        except HookAway as error:
            raise secret.held_up(seen.token, error) from error
        published = gathered.stored.revision if gathered.stored else seen.token.status.get("revision")
        if published != issued.revision:
            memory.published = rollout.mark(issued)
        elif seen.token.seen:
            self._metrics.repaired()
        return replace(gathered, stored=issued)
