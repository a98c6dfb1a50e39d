"""What `githubtoken list --orphans` prints."""

from __future__ import annotations

from datetime import timedelta

from githubtoken_operator.commands.shown.orphans import as_object, as_table
from githubtoken_operator.domain.user.credentials.orphans import Orphan
from tests.unit.builders import NOW

LEFT = Orphan("team", "alice-credential", "alice", NOW + timedelta(days=150), NOW - timedelta(days=30))
UNKNOWN = Orphan("team", "old", "", None, None)


def test_the_table_says_whose_it_was_and_until_when_it_lives() -> None:
    assert as_table([LEFT, UNKNOWN], NOW, namespaces=True).splitlines() == [
        "NAMESPACE   SECRET             GITHUBTOKEN   REFRESH TOKEN EXPIRES            AGE",
        "team        alice-credential   alice         in 150d (2026-07-29T12:00:00Z)   30d",
        "team        old                <none>        <none>                           <none>",
    ]
    assert as_table([LEFT], NOW, namespaces=False).startswith("SECRET ")


def test_a_program_gets_metadata_and_no_data() -> None:
    assert as_object(LEFT) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "alice-credential", "namespace": "team", "creationTimestamp": "2026-01-30T12:00:00Z"},
        "githubToken": "alice",
        "refreshTokenExpirationTime": "2026-07-29T12:00:00Z",
    }
