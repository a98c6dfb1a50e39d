"""The room of users' tokens: its parts, made and connected, and what the watches tell them of credential Secrets."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.apps.ground import Ground
from githubtoken_operator.domain.objects.secrets import annotations_of
from githubtoken_operator.domain.user.credentials.credential import SEEDS_TAKEN, read_hashes
from githubtoken_operator.domain.user.credentials.orphans import owner_of
from githubtoken_operator.domain.user.entry import SecretKey
from githubtoken_operator.domain.vocabulary.model import JSON
from githubtoken_operator.engine.cache.watched import Ref
from githubtoken_operator.tokens.user.credentials import Credentials
from githubtoken_operator.tokens.user.observing import UserInputs
from githubtoken_operator.tokens.user.revocation import PairRevocation
from githubtoken_operator.tokens.user.rotation import Rotation
from githubtoken_operator.tokens.user.sign_in import SignIns
from githubtoken_operator.tokens.user.storing.saving import Savings

LONGEST_NAME: Final = 253
"""Characters of a name. A longer text, of which an annotation may hold hundreds of kilobytes, is not remembered."""


class UserRoom:
    """What only users' tokens have: their credentials, and how these are rotated, saved and begun by a sign-in."""

    def __init__(self, ground: Ground) -> None:
        self._watched = ground.watched
        self._owners: dict[Ref, Ref] = {}

        def saved(key: SecretKey) -> None:
            for reader in ground.watched.dependents(Ref(Kind.SECRET, *key)):
                ground.wake(reader)

        savings = Savings(ground.cluster, ground.journal, wake=saved, monotonic=ground.clocks.monotonic)
        self.credentials: Final = Credentials(ground, savings)
        self.rotation: Final = Rotation(ground, self.credentials)
        self.sign_ins: Final = SignIns(ground, self.credentials.store, savings)
        self.inputs: Final = UserInputs(self.credentials, self.sign_ins)
        self.revocation: Final = PairRevocation(ground, self.credentials)

    def note(self, ref: Ref, body: JSON) -> tuple[Ref, ...]:
        """A watch brought the object: of a credential it is remembered whose it is, and which seeds it has taken."""
        if ref.kind is not Kind.SECRET:
            return ()
        if (owner := owner_of(body)) is None:
            self._owners.pop(ref, None)
            return ()
        name, clusterwide = owner
        kind, namespace = (Kind.CLUSTER_TOKEN, "") if clusterwide else (Kind.TOKEN, ref.namespace)
        self._owners[ref] = Ref(kind, namespace, name if len(name) <= LONGEST_NAME else "")
        self.credentials.seeds.note((ref.namespace, ref.name), read_hashes(annotations_of(body).get(SEEDS_TAKEN)))
        return ()

    def gone(self, ref: Ref) -> tuple[Ref, ...]:
        """It is there no more."""
        if ref.kind is Kind.SECRET:
            self._owners.pop(ref, None)
            self.credentials.seeds.forget((ref.namespace, ref.name))
            self.credentials.savings.gone((ref.namespace, ref.name))
        return ()

    def orphans(self) -> int:
        """Credential Secrets whose GitHubToken no watch has brought. For any thread."""
        return sum(not self._watched.is_delivered(owner) for owner in tuple(self._owners.values()))
