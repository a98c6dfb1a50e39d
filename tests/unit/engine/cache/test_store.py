"""What runs read of what the watches brought: the newest that is known, and nothing that might not be so."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.domain.objects.secrets import FIELD_MANAGER, LAST_APPLIED, MOST_DATA, ROLE, trimmed
from githubtoken_operator.engine.cache.packing import LONGEST
from githubtoken_operator.engine.cache.store import REMEMBERED_ENDS, Store
from tests.unit.builders import app_body, githubtoken_body, namespace_body, secret

CI = ("team", "ci")
LABELS = {ROLE: "token"}


def of(version: str, value: str = "x", **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - of the builder
    body = secret("ci", {"token": value}, **{"labels": LABELS, **settings})
    body["metadata"]["resourceVersion"] = version
    return body


def complete() -> Store:
    store = Store([Kind.SECRET, Kind.TOKEN, Kind.APP, Kind.NAMESPACE])
    for kind in (Kind.SECRET, Kind.TOKEN, Kind.APP, Kind.NAMESPACE):
        store.complete(kind)
    return store


def test_it_tells_nothing_before_the_first_list_of_a_kind_is_complete() -> None:
    store = Store([Kind.SECRET])
    store.bring(Kind.SECRET, CI, of("5"))
    assert store.find(Kind.SECRET, CI) is None
    assert not store.lacks(Kind.SECRET, ("team", "other"))
    store.complete(Kind.SECRET)
    assert store.find(Kind.SECRET, CI) == of("5")
    assert store.lacks(Kind.SECRET, ("team", "other"))


def test_an_answer_to_our_own_write_is_read_before_its_event_comes() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("5", "old"))
    store.answer(Kind.SECRET, CI, of("7", "ours"))
    assert not store.bring(Kind.SECRET, CI, of("6", "in between"))
    assert store.find(Kind.SECRET, CI) == of("7", "ours")
    assert store.bring(Kind.SECRET, CI, of("7", "ours"))
    assert store.bring(Kind.SECRET, CI, of("10", "later"))
    assert store.find(Kind.SECRET, CI) == of("10", "later")


def test_it_knows_whether_a_watch_has_brought_what_it_has() -> None:
    store = complete()
    assert not store.is_as_brought(Kind.SECRET, CI)
    store.bring(Kind.SECRET, CI, of("5", "old"))
    assert store.is_as_brought(Kind.SECRET, CI)
    store.answer(Kind.SECRET, CI, of("7", "ours"))
    assert not store.is_as_brought(Kind.SECRET, CI)
    store.bring(Kind.SECRET, CI, of("6", "in between"))
    assert not store.is_as_brought(Kind.SECRET, CI)
    store.bring(Kind.SECRET, CI, of("7", "ours"))
    assert store.is_as_brought(Kind.SECRET, CI)
    assert store.find(Kind.SECRET, CI) == of("7", "ours")


def test_an_answer_that_comes_after_a_newer_event_says_nothing() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("10", "later"))
    store.answer(Kind.SECRET, CI, of("9", "ours"))
    assert store.find(Kind.SECRET, CI) == of("10", "later")


@pytest.mark.parametrize("ended", ["8", None], ids=["the watch says since when", "missing in a new list"])
def test_an_answer_that_comes_after_the_end_of_its_object_makes_no_ghost(ended: str | None) -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("7"))
    assert store.drop(Kind.SECRET, CI, ended)
    store.answer(Kind.SECRET, CI, of("7", "ours"))
    assert store.lacks(Kind.SECRET, CI)
    store.answer(Kind.SECRET, CI, of("9", "made anew"))
    assert store.find(Kind.SECRET, CI) == of("9", "made anew")


def test_the_end_of_one_object_is_not_that_of_a_later_one_of_its_name() -> None:
    store = complete()
    store.answer(Kind.SECRET, CI, of("9", "made anew"))
    assert not store.drop(Kind.SECRET, CI, "8")
    assert store.find(Kind.SECRET, CI) == of("9", "made anew")


def test_what_was_not_there_when_it_was_asked_for_is_asked_for_until_the_watch_tells() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("5"))
    store.answer(Kind.SECRET, CI, None)
    assert store.find(Kind.SECRET, CI) is None
    assert not store.lacks(Kind.SECRET, CI)
    store.drop(Kind.SECRET, CI, "6")
    assert store.lacks(Kind.SECRET, CI)


def test_of_a_secret_that_no_watch_follows_nothing_is_kept() -> None:
    store = complete()
    store.answer(Kind.SECRET, CI, of("5", labels={"team": "web"}))
    assert store.find(Kind.SECRET, CI) is None
    assert store.lacks(Kind.SECRET, CI)
    store.bring(Kind.SECRET, CI, of("6"))
    store.answer(Kind.SECRET, CI, of("7", labels={"team": "web"}))
    assert store.find(Kind.SECRET, CI) is None
    assert not store.lacks(Kind.SECRET, CI)


def test_versions_that_are_no_numbers_are_not_compared() -> None:
    """Such an API server is documented until Kubernetes 1.34: what is known for sure is what it answers."""
    store = complete()
    store.bring(Kind.SECRET, CI, of("b", "old"))
    store.answer(Kind.SECRET, CI, of("a", "ours"))
    assert store.find(Kind.SECRET, CI) is None
    assert store.bring(Kind.SECRET, CI, of("c", "newest"))
    assert store.find(Kind.SECRET, CI) == of("c", "newest")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(Kind.APP, app_body(caBundle="x" * LONGEST), id="a bundle of CAs"),
        pytest.param(Kind.SECRET, trimmed(of("5", "x" * MOST_DATA)), id="a Secret that was cut"),
        pytest.param(Kind.SECRET, of("5", annotations={"a": "x" * LONGEST}), id="a long annotation"),
    ],
)
def test_what_is_long_is_asked_for(kind: Kind, body: dict[str, Any]) -> None:
    store = complete()
    store.bring(kind, CI, body)
    assert store.find(kind, CI) is None
    assert not store.lacks(kind, CI)


def test_what_nobody_reads_is_not_kept() -> None:
    store, token = complete(), githubtoken_body(annotations={LAST_APPLIED: "{}", "mine": "1"})
    token["metadata"]["managedFields"] = [{}]
    store.bring(Kind.TOKEN, CI, token)
    assert store.find(Kind.TOKEN, CI) == githubtoken_body(annotations={"mine": "1"})
    namespace = {**namespace_body({"a": "b"}), "spec": {"finalizers": ["kubernetes"]}}
    store.bring(Kind.NAMESPACE, ("", "team"), namespace)
    assert store.find(Kind.NAMESPACE, ("", "team")) == {"metadata": namespace_body({"a": "b"})["metadata"]}


def test_a_secret_keeps_the_annotation_of_kubectl_since_it_is_written_back_as_a_whole() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("5", annotations={LAST_APPLIED: "{}"}))
    assert store.find(Kind.SECRET, CI) == of("5", annotations={LAST_APPLIED: "{}"})


def test_what_our_applies_have_set_is_kept_of_a_secret() -> None:
    store, body = complete(), of("5")
    ours = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:data": {"f:GH_HOST": {}}}}
    body["metadata"]["managedFields"] = [{"manager": "kubectl"}, ours]
    store.answer(Kind.SECRET, CI, body)
    found = store.find(Kind.SECRET, CI)
    assert found is not None
    assert found["metadata"]["managedFields"] == [ours]


def test_what_is_read_may_be_changed_without_harm() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("5"))
    found = store.find(Kind.SECRET, CI)
    assert found is not None
    found["data"]["token"] = "changed"
    assert store.find(Kind.SECRET, CI) == of("5")


def test_kinds_that_are_not_watched_are_always_asked_for() -> None:
    store = Store([Kind.SECRET])
    store.answer(Kind.POD, CI, of("5"))
    assert store.bring(Kind.NAMESPACE, ("", "team"), namespace_body())
    assert store.find(Kind.POD, CI) is None
    assert not store.lacks(Kind.NAMESPACE, ("", "other"))


def test_ends_are_not_remembered_for_ever() -> None:
    store = complete()
    for number in range(3 * REMEMBERED_ENDS):
        store.drop(Kind.SECRET, ("team", str(number)), "5")
    assert sum(map(len, store._ends.values())) == REMEMBERED_ENDS


def test_no_secret_is_shown_by_accident() -> None:
    store = complete()
    store.bring(Kind.SECRET, CI, of("5", "ghs_canary"))
    assert "ghs" not in repr(store)
    assert "Z2hz" not in repr(vars(store))


@given(st.data())
def test_whatever_comes_first_the_newest_of_what_has_come_is_read(data: st.DataObject) -> None:
    """Events come in their order; an answer comes at any time after its version came about."""
    store, versions = complete(), [str(number) for number in range(8, 8 + data.draw(st.integers(1, 8)))]
    events, answers, newest = list(versions), list(versions), ""
    while events or answers:
        if events and (not answers or data.draw(st.booleans())):
            version = events.pop(0)
            store.bring(Kind.SECRET, CI, of(version, version))
        else:
            version = answers.pop(data.draw(st.integers(0, len(answers) - 1)))
            store.answer(Kind.SECRET, CI, copy.deepcopy(of(version, version)))
        newest = max(newest, version, key=lambda it: int(it or 0))
        assert store.find(Kind.SECRET, CI) == of(newest, newest)
