"""The gauge of orphaned credential Secrets follows what the watches bring."""

from __future__ import annotations

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import NAME, ROLE
from githubtoken_operator.engine.cache.watched import Ref, Watched
from githubtoken_operator.watching.orphan_count import OrphanCount
from tests.unit.builders import secret, user_body

SECRET = Ref(Kind.SECRET, "team", "ci-credential")
TOKEN = Ref(Kind.TOKEN, "team", "ci")


def test_a_secret_counts_while_no_watch_has_its_githubtoken() -> None:
    watched = Watched()
    orphans = OrphanCount(watched)
    body = secret("ci-credential", {})
    body["metadata"] |= {"labels": {ROLE: "credential"}, "annotations": {NAME: "ci"}}
    orphans.note(SECRET, body)
    assert orphans.count() == 1
    watched.deliver(TOKEN, user_body())
    assert orphans.count() == 0
    watched.forget(TOKEN)
    assert orphans.count() == 1
    orphans.note(SECRET, secret("ci-credential", {}))
    assert orphans.count() == 0
    orphans.note(SECRET, body)
    orphans.gone(SECRET)
    assert orphans.count() == 0


def test_a_text_that_is_too_long_for_a_name_is_not_remembered() -> None:
    orphans = OrphanCount(Watched())
    body = secret("ci-credential", {})
    body["metadata"] |= {"labels": {ROLE: "credential"}, "annotations": {NAME: "x" * 100_000}}
    orphans.note(SECRET, body)
    assert orphans.count() == 1
    assert len(repr(vars(orphans))) < 1000
