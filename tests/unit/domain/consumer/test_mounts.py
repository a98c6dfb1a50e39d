"""Which pods are touched for a new token, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.domain.consumer import mounts
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.consumer.mounts import Mounts
from githubtoken_operator.domain.consumer.rollout import mark
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token
from tests.unit.builders import NOW


def issued(revision: int = 2, *, text: str = "ghs_two") -> Issued:
    return Issued(AccessToken(Token(text), "bearer", NOW - timedelta(seconds=1)), revision, "v1:x")


def pod(volume: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of any kind
    meta = {"name": "web-1", "namespace": "team", **changes.pop("metadata", {})}
    spec = {
        "nodeName": "node-1",
        "volumes": [{"emptyDir": {}}, volume if volume is not None else {"secret": {"secretName": "ci"}}],
        **changes.pop("spec", {}),
    }
    return {"metadata": meta, "spec": spec, "status": {"phase": "Running"}, **changes}


@pytest.mark.parametrize(
    ("present", "touched"),
    [
        pytest.param(pod(), True, id="a Secret volume"),
        pytest.param(pod({"projected": {"sources": [{"configMap": {"name": "ci"}}, {"secret": {"name": "ci"}}]}}), True,
                     id="a projected volume"),
        pytest.param(pod(status={"phase": "Pending"}), True, id="it waits for the Secret"),
        pytest.param(pod({"secret": {"secretName": "other"}}), False, id="another Secret"),
        pytest.param(pod({"configMap": {"name": "ci"}}), False, id="a ConfigMap of that name"),
        pytest.param(pod(spec={"volumes": None}), False, id="no volumes"),
        pytest.param(pod(spec={"nodeName": None}), False, id="no kubelet has it yet"),
        pytest.param(pod(status={"phase": "Succeeded"}), False, id="it has ended"),
        pytest.param(pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), False, id="it goes"),
        pytest.param(pod(metadata={"annotations": {mounts.SYNCED_REVISION: "1"}}), True, id="touched for another"),
        pytest.param(pod(metadata={"annotations": {mounts.SYNCED_REVISION: "2"}}), True, id="perhaps for another's 2"),
        pytest.param(pod(metadata={"annotations": {mounts.SYNCED_REVISION: mark(issued())}}), False,
                     id="touched for this one"),
    ],
)  # fmt: skip
def test_pods_that_hold_an_older_copy_are_touched(present: dict[str, Any], touched: bool) -> None:  # noqa: FBT001
    found = mounts.mounts_of(present)
    assert (found is not None and mounts.must_touch(found, "ci", issued())) is touched


def value_of(patch: Mapping[str, Any]) -> str:
    (value,) = patch["metadata"]["annotations"].values()
    assert isinstance(value, str)
    return value


def test_a_touch_changes_nothing_but_our_annotation() -> None:
    found = Mounts("web-1", frozenset({"ci"}), None)
    assert mounts.touch(found, issued()) == {"metadata": {"annotations": {"githubtoken.dev/synced-revision": "2"}}}


def test_a_touch_changes_the_value_where_the_pod_has_another_tokens_of_the_same_revision() -> None:
    found = Mounts("web-1", frozenset({"ci", "web"}), "2")
    assert value_of(mounts.touch(found, issued())) == mark(issued())


def test_of_two_touches_from_one_list_the_second_changes_the_value_too() -> None:
    found = Mounts("web-1", frozenset({"ci", "web"}), "1")
    first, second = (value_of(mounts.touch(found, token)) for token in (issued(), issued(text="ghs_other")))
    assert first != second
