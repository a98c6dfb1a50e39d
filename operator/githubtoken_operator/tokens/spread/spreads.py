"""The Secrets of ClusterGitHubTokens: what a run sees of them, and the way to all that it does with them.

No Secret is read for a run: it is judged as the watches brought it (`known`), and written under its resourceVersion.

The token that is held is in these Secrets and in memory alone, unless it is a user's. A process that has just begun
takes it from one that it can trust (`domain.consumer.spread`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.apps.reader import Resolved
from githubtoken_operator.domain.consumer import consumer, ownership, spread
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.spread import Distribution, Failure, Spread, Template, WantedNamespace
from githubtoken_operator.domain.objects.secrets import REVISION, annotations_of, revision_of
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.observed.observation import Observation
from githubtoken_operator.domain.runs.decide import desired_secret
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.consumer.claims import Claims
from githubtoken_operator.tokens.memory import Memory, Spreading, ref_of
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.tokens.spread.telling import Telling
from githubtoken_operator.tokens.spread.withdrawing import Withdrawing
from githubtoken_operator.tokens.spread.writing import Writing

MOST_GIVEN_OUT: Final = 20
"""Tokens that are looked for in the Secrets to be revoked."""
MOST_LOOKS: Final = 5
"""Secrets that are looked into for the token that is held."""


class Spreads:
    """The consumers' side of ClusterGitHubTokens."""

    def __init__(self, ground: Ground, known: Known, claims: Claims) -> None:
        self._cluster = ground.cluster
        self._watched = ground.watched
        self._home = ground.home
        self._known = known
        self._telling = Telling(ground)
        self._withdrawing = Withdrawing(ground.cluster, known)
        self._writing = Writing(ground, known, claims)

    # --- observe -----------------------------------------------------------------------------------------------------

    def secrets(self, token: GitHubToken) -> list[Ref]:
        """The Secrets that a run depends on: where they are wanted, and where they still are."""
        if token.wish is None:
            return []
        self._known.wish(ref_of(token), token.wish)
        wanted = {(namespace, token.secret.name) for namespace in token.wish.wanted(self._known.namespaces)}
        return [Ref(Kind.SECRET, *where) for where in wanted | self._known.secrets(token.name).keys()]

    async def observe(self, token: GitHubToken, resolved: Resolved | None, memory: Memory) -> Spread:
        """The wanted namespaces, and the token that they have; `resolved` where it is an App's. Raises `ApiError`."""
        state = memory.spreading
        namespaces, own = self._known.namespaces, self._known.secrets(token.name)
        wish = token.wish
        if wish is None:
            raise AssertionError("the object has one namespace")
        refused = [_missing(name) for name in wish.missing(namespaces)]
        wanted: dict[str, WantedNamespace] = {}
        for namespace in wish.wanted(namespaces):
            had = namespace in state.namespaces or (namespace, token.secret.name) in own
            if resolved is not None and (refusal := self._refusal(resolved, namespace, had=had)):
                refused.append(refusal)
            else:
                wanted[namespace] = self._wanted(state, token, namespace)
        state.namespaces = wanted
        left = [
            secret
            for (namespace, name), secret in own.items()
            if (namespace not in wanted or name != token.secret.name)
            and namespace in namespaces
            and not namespaces[namespace].going
            and spread.is_left(secret, token)
        ]
        seal_key = resolved.app.seal if resolved is not None and resolved.app is not None else None
        if state.published is None:
            await self._find_held(state, token, seal_key)
        return Spread(tuple(wanted.values()), tuple(refused), state.published, tuple(left), seal_key, state.sealed)

    def _refusal(self, resolved: Resolved, namespace: str, *, had: bool) -> Failure | None:
        """Why the App may not be used there. Of one that cannot be read nothing is known, and nobody loses anything."""
        if resolved.source is None:
            unread = resolved.error or resolved.key_error
            reason, why = (unread.reason, unread.message) if unread else (reasons.APP_NOT_READY, "it cannot be read")
            return None if had else Failure(namespace, reason, f"nobody can say whether the App admits it: {why}")
        labels = self._known.namespaces[namespace].labels
        if resolved.source.allowed_namespaces.admit(namespace, own=self._home, labels=labels):
            return None
        return Failure(
            namespace,
            reasons.APP_NOT_ALLOWED,
            f"ClusterGitHubApp `{resolved.source.name}` may not be used for this namespace: admit it in the App's "
            "`spec.allowedNamespaces`, or take it from `spec.namespaces`",
        )

    def _wanted(self, state: Spreading, token: GitHubToken, namespace: str) -> WantedNamespace:
        """The namespace as it is known now. A failure is forgotten once the watch tells something else than before."""
        before = state.namespaces.get(namespace)
        secret = self._known.secrets(token.name).get((namespace, token.secret.name))
        if before is None:
            return WantedNamespace(namespace, secret)
        there = self._watched.is_delivered(Ref(Kind.SECRET, namespace, token.secret.name))
        failed = before.failure is not None and before.delivered == there
        kept = replace(before, secret=secret)
        return kept if failed else replace(kept, failure=None, again=None)

    async def _find_held(self, state: Spreading, token: GitHubToken, key: bytes | None) -> None:
        """Looks for the newest token that a process before this one gave out."""
        secrets = self._known.secrets(token.name).values()
        trusted = [secret for secret in secrets if spread.is_trusted(secret, token, key)]
        trusted.sort(key=lambda it: revision_of(annotations_of(it).get(REVISION)) or 0, reverse=True)
        for meta in [secret["metadata"] for secret in trusted][:MOST_LOOKS]:
            try:
                secret = await self._cluster.read(Kind.SECRET, meta["namespace"], meta["name"])
            except Forbidden:
                # One namespace that refuses must not hold up the others.
                continue
            found = consumer.read(secret) if secret is not None else None
            if secret is not None and found is not None and spread.is_trusted(secret, token, key):
                state.published, state.sealed = found, _seal_of(secret)
                return

    async def given_out(self, token: GitHubToken) -> tuple[list[Issued], Forbidden | None]:
        """The tokens that the Secrets have, each once: some may not have the newest yet. Raises `ApiError`.

        Beside them why one could not be looked into. What a tenant made of its Secret hides none of them: of those that
        say the same, another is looked at, and what most of them say comes first.
        """
        saying: defaultdict[str | None, list[JSON]] = defaultdict(list)
        for secret in self._known.secrets(token.name).values():
            if ownership.is_ours(secret, token):
                saying[annotations_of(secret).get(consumer.TOKEN_SHA256)].append(secret["metadata"])
        found: list[Issued] = []
        unread: Forbidden | None = None
        looks = 0
        for metas in sorted(saying.values(), key=len, reverse=True)[:MOST_GIVEN_OUT]:
            for meta in metas[: MOST_GIVEN_OUT * MOST_LOOKS - looks]:
                looks += 1
                try:
                    looked = await self._cluster.read(Kind.SECRET, meta["namespace"], meta["name"])
                except Forbidden as error:
                    unread = error
                    continue
                if looked is not None and (issued := consumer.read(looked)) is not None:
                    found.append(issued)
                    break
        return found, unread

    def forget(self, key: Ref) -> None:
        """The ClusterGitHubToken is gone."""
        self._known.forget(key)

    # --- act ---------------------------------------------------------------------------------------------------------

    async def publish(self, seen: Observation, body: dict[str, Any], memory: Memory) -> Spread:
        """Writes the token wherever it is missing; `body` is what each Secret must be. What it looks like then."""
        state, present = memory.spreading, seen.spread or Spread()
        state.published, state.sealed = seen.issued, _seal_of(body)
        return await self._writing.everywhere(seen, present, state, body)

    async def finish(self, seen: Observation, memory: Memory) -> tuple[Distribution, timedelta | None]:
        """Withdraws what nobody wants; what status says of it all, and when to look at it again."""
        token, now, state, present = seen.token, seen.now, memory.spreading, seen.spread or Spread()
        again = [it.again - now for it in present.namespaces if it.failure and it.again and it.again > now]
        kept, retry = await self._withdrawing.each(token, present.left)
        again += [retry] if retry else []
        body = desired_secret(seen)
        if body is not None:
            _settle(state, present, Template.of_body(body))
        found = spread.distribution(present, body, kept)
        await self._telling.distribution(token, state, found)
        return found, min(again, default=None)


def _settle(state: Spreading, present: Spread, template: Template) -> None:
    """Notes what is right, so that what changes there is known for an edit."""
    for wanted in present.namespaces:
        if wanted.has(template):
            version = template.of(wanted.secret).version
            state.namespaces[wanted.namespace] = replace(wanted, settled=(version, wanted.version))


def _seal_of(secret: JSON) -> tuple[str, str]:
    """The seal of a Secret, or of the body of one, with the digest of what it is for."""
    return spread.digest_of_notes(secret), str(annotations_of(secret).get(spread.SEAL, ""))


def _missing(namespace: str) -> Failure:
    message = f"there is no namespace `{namespace}`: make it, or take it from `spec.namespaces.names`"
    return Failure(namespace, reasons.NAMESPACE_NOT_FOUND, message)
