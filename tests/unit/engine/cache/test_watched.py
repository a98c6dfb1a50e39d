"""Events wake what depends on the object, and only where they say something new."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import trimmed
from githubtoken_operator.engine.cache.watched import Ref, Watched
from tests.unit.builders import githubtoken_body, secret

TOKEN = Ref(Kind.TOKEN, "team", "ci")
OTHER = Ref(Kind.TOKEN, "team", "web")
SECRET = Ref(Kind.SECRET, "team", "ci")
SEED = Ref(Kind.SECRET, "team", "seed")


def known(ref: Ref, body: dict[str, Any]) -> Watched:
    watched = Watched()
    watched.depends(TOKEN, [SECRET])
    assert watched.deliver(ref, body) == (TOKEN,)
    return watched


def changed(body: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    copied = copy.deepcopy(body)
    change(copied)
    return copied


def test_a_change_concerns_the_keys_that_read_the_object() -> None:
    watched = Watched()
    watched.depends(TOKEN, [SECRET, SEED])
    watched.depends(OTHER, [SEED])
    assert set(watched.dependents(SEED)) == {TOKEN, OTHER}
    assert watched.dependents(SECRET) == (TOKEN,)
    watched.depends(TOKEN, [SECRET])
    assert watched.dependents(SEED) == (OTHER,)
    watched.depends(TOKEN, ())
    assert watched.dependents(SECRET) == ()


refs = st.sampled_from([Ref(Kind.SECRET, "team", name) for name in "abcd"])
keys = st.sampled_from([Ref(Kind.TOKEN, "team", name) for name in "xyz"])


@given(st.lists(st.tuples(keys, st.frozensets(refs)), max_size=30))
def test_only_what_a_key_read_last_counts_and_nothing_is_kept_of_the_rest(
    steps: list[tuple[Ref, frozenset[Ref]]],
) -> None:
    watched, expected = Watched(), dict(steps)
    for key, reads in steps:
        watched.depends(key, reads)
    for ref in {ref for _, reads in steps for ref in reads}:
        assert set(watched.dependents(ref)) == {key for key, reads in expected.items() if ref in reads}
    for key in expected:
        watched.depends(key, ())
    assert not watched._dependents
    assert not watched._reads


@pytest.mark.parametrize(
    ("change", "news"),
    [
        pytest.param(lambda _: None, False, id="delivered again after a re-list"),
        pytest.param(lambda it: it["metadata"].update(resourceVersion="9"), False, id="only the resourceVersion"),
        pytest.param(lambda it: it["metadata"].update(managedFields=[{}]), False, id="only managedFields"),
        pytest.param(trimmed, False, id="trimmed"),
        pytest.param(lambda it: it["data"].update(token="eA=="), True, id="a key"),
        pytest.param(lambda it: (it["data"].update(token="eA=="), trimmed(it)), True, id="a key, trimmed"),
        pytest.param(lambda it: it.pop("data"), True, id="no data"),
        pytest.param(lambda it: it["metadata"].update(labels={"a": "b"}), True, id="a label"),
        pytest.param(lambda it: it["metadata"].update(annotations={"a": "b"}), True, id="an annotation"),
        pytest.param(lambda it: it["metadata"].update(ownerReferences=[{"uid": "x"}]), True, id="an owner"),
        pytest.param(lambda it: it.update(immutable=True), True, id="immutable"),
        pytest.param(lambda it: it["metadata"].update(deletionTimestamp="2026-03-01T12:00:00Z"), True, id="going"),
    ],
)
def test_what_is_news_of_a_secret(change: Callable[[dict[str, Any]], object], *, news: bool) -> None:
    body = secret(data={"token": "ghs_x"})
    assert known(SECRET, body).deliver(SECRET, changed(body, change)) == ((TOKEN,) if news else ())


@pytest.mark.parametrize(
    ("change", "news"),
    [
        pytest.param(lambda it: it.update(status={"revision": 1}), False, id="our own status"),
        pytest.param(lambda it: it["metadata"].update(resourceVersion="9"), False, id="only the resourceVersion"),
        pytest.param(lambda it: it["metadata"].update(generation=2), True, id="the spec"),
        pytest.param(lambda it: it["metadata"].update(annotations={"a": "b"}), True, id="an annotation"),
        pytest.param(lambda it: it["metadata"].update(uid="uid-second"), True, id="another object of that name"),
        pytest.param(lambda it: it["metadata"].update(deletionTimestamp="2026-03-01T12:00:00Z"), True, id="going"),
    ],
)
def test_what_is_news_of_a_githubtoken(change: Callable[[dict[str, Any]], object], *, news: bool) -> None:
    body = githubtoken_body()
    assert known(TOKEN, body).deliver(TOKEN, changed(body, change)) == ((TOKEN,) if news else ())


def seen_by(watched: Watched, key: Ref, ref: Ref, body: dict[str, Any] | None) -> None:
    with watched.run_of(key):
        watched.saw(ref, body)


def two_readers(body: dict[str, Any]) -> Watched:
    """Both have decided on this Secret, and its event has come."""
    watched = Watched()
    for key in (TOKEN, OTHER):
        watched.depends(key, [SEED])
        seen_by(watched, key, SEED, body)
    assert watched.deliver(SEED, body) == ()
    return watched


def test_what_one_key_has_read_already_is_news_for_all_others() -> None:
    watched, new = two_readers(secret("seed", {"token": "old"})), secret("seed", {"token": "new"})
    seen_by(watched, TOKEN, SEED, new)
    assert watched.deliver(SEED, new) == (OTHER,)


def test_what_one_key_writes_comes_back_to_all_others() -> None:
    watched, written = two_readers(secret("seed", {"token": "old"})), secret("seed", {"token": "ours"})
    seen_by(watched, TOKEN, SEED, written)
    assert watched.deliver(SEED, written) == (OTHER,)
    assert set(watched.deliver(SEED, secret("seed", {"token": "edited"}))) == {TOKEN, OTHER}


def test_an_event_that_comes_late_says_nothing_of_what_was_decided_before_it() -> None:
    """The key read the newer of two versions, then their events come: the older one wakes it, the newer does not."""
    watched = two_readers(secret("seed", {"token": "first"}))
    older, newer = secret("seed", {"token": "second"}), secret("seed", {"token": "third"})
    seen_by(watched, TOKEN, SEED, newer)
    assert TOKEN in watched.deliver(SEED, older)
    assert TOKEN not in watched.deliver(SEED, newer)


def test_what_a_key_found_missing_is_news_when_it_comes() -> None:
    watched = two_readers(secret("seed"))
    watched.forget(SEED)
    seen_by(watched, TOKEN, SEED, None)
    assert set(watched.deliver(SEED, secret("seed"))) == {TOKEN, OTHER}


def test_outside_of_a_run_and_of_what_it_depends_on_nothing_is_noted() -> None:
    watched = Watched()
    watched.depends(TOKEN, [SECRET])
    watched.saw(SECRET, secret())
    seen_by(watched, TOKEN, SEED, secret("seed"))
    assert not any(watched._saw.values())


def test_a_key_that_is_gone_leaves_nothing_behind() -> None:
    watched = two_readers(secret("seed"))
    for key in (TOKEN, OTHER):
        watched.depends(key, ())
    assert not watched._saw


steps = st.lists(st.tuples(st.sampled_from(["write", "read", "event"]), keys), max_size=40)


@given(steps)
def test_when_all_events_have_come_each_key_has_decided_on_the_last_version_or_was_woken(
    steps: list[tuple[str, Ref]],
) -> None:
    """Whatever keys read in between, and however late the events are."""
    watched, now, events = Watched(), 0, [0]
    decided: dict[Ref, int] = {}
    woken: set[Ref] = set()
    for key in (Ref(Kind.TOKEN, "team", name) for name in "xyz"):
        watched.depends(key, [SEED])

    def body(version: int) -> dict[str, Any]:
        return secret("seed", {"token": str(version)})

    for step, key in steps:
        if step == "write":
            now += 1
            events.append(now)
        elif step == "read":
            seen_by(watched, key, SEED, body(now))
            decided[key] = now
            woken.discard(key)
        elif events:
            woken.update(watched.deliver(SEED, body(events.pop(0))))
    for version in events:
        woken.update(watched.deliver(SEED, body(version)))
    assert {key for key, version in decided.items() if version != now} <= woken


def test_what_comes_after_a_deletion_is_news() -> None:
    watched = known(SECRET, secret())
    watched.forget(SECRET)
    assert watched.deliver(SECRET, secret()) == (TOKEN,)


def test_what_a_watch_brought_is_known_until_it_is_forgotten() -> None:
    watched, read = known(SECRET, secret()), Ref(Kind.SECRET, "team", "seed")
    watched.depends(TOKEN, [SECRET, read])
    seen_by(watched, TOKEN, read, secret("seed"))
    assert watched.delivered(Kind.SECRET) == (SECRET,)
    assert not watched.is_delivered(read)
    watched.forget(SECRET)
    assert watched.delivered(Kind.SECRET) == ()


def test_a_ref_reads_as_a_human_would_say_it() -> None:
    assert str(TOKEN) == "GitHubToken team/ci"


def test_an_object_that_many_depend_on_loses_them_one_by_one() -> None:
    """Few are kept otherwise than many."""
    watched, many = Watched(), [Ref(Kind.TOKEN, "team", str(number)) for number in range(20)]
    for key in many:
        watched.depends(key, [SEED])
        watched.depends(key, [SEED, SECRET])
    assert set(watched.dependents(SEED)) == set(many)
    for left in range(19, -1, -1):
        watched.depends(many[left], [SECRET])
        assert set(watched.dependents(SEED)) == set(many[:left])
