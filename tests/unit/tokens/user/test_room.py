"""The gauge of orphaned credential Secrets follows what the watches bring."""

from __future__ import annotations

from typing import Any

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import NAME, ROLE
from githubtoken_operator.engine.cache.watched import Ref
from tests.unit.builders import secret, user_body
from tests.unit.fakes import World

SECRET = Ref(Kind.SECRET, "team", "ci-credential")
TOKEN = Ref(Kind.TOKEN, "team", "ci")


def credential(of: str) -> dict[str, Any]:
    return secret("ci-credential", labels={ROLE: "credential"}, annotations={NAME: of})


def test_a_secret_counts_while_no_watch_has_its_githubtoken() -> None:
    process = World().start()
    room = process.users
    room.note(SECRET, credential("ci"))
    assert room.orphans() == 1
    process.watched.deliver(TOKEN, user_body())
    assert room.orphans() == 0
    process.watched.forget(TOKEN)
    assert room.orphans() == 1
    room.note(SECRET, secret("ci-credential", {}))
    assert room.orphans() == 0
    room.note(SECRET, credential("ci"))
    room.gone(SECRET)
    assert room.orphans() == 0


def test_a_text_that_is_too_long_for_a_name_is_not_remembered() -> None:
    room = World().start().users
    room.note(SECRET, credential("x" * 100_000))
    assert room.orphans() == 1
    assert len(repr(room._owners)) < 1000
