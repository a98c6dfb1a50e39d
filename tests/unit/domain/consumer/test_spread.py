"""The Secrets of a ClusterGitHubToken: what is to be written where, whom to trust, and what status says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer import consumer, spread
from githubtoken_operator.domain.consumer.spread import Failure, Spread, Template, WantedNamespace
from githubtoken_operator.domain.objects.secrets import ADOPT, trimmed
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.objects.specs.namespaces import Namespace, NamespacesWish
from tests.unit.builders import NOW, githubtoken, issued

KEY = b"made of the App's private key"
TOKEN = replace(githubtoken("pull"), wish=NamespacesWish(frozenset({"a"})))
BODY = consumer.render(TOKEN, issued(), None)
TEMPLATE = Template.of_body(BODY)


def there(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of any kind
    """The Secret as the watch brings it, as it must be but for what is named."""
    meta = {**BODY["metadata"], "namespace": "a", "uid": "s", "resourceVersion": "7", **changes.pop("metadata", {})}
    return trimmed({**BODY, "metadata": meta, **changes})


def notes(**changes: str) -> dict[str, Any]:
    return {"annotations": {**BODY["metadata"]["annotations"], **changes}}


def test_it_says_which_object_of_the_cluster_it_is_of() -> None:
    assert BODY["metadata"]["annotations"]["githubtoken.dev/cluster-name"] == "pull"
    assert "githubtoken.dev/name" not in BODY["metadata"]["annotations"]
    assert [owner["kind"] for owner in BODY["metadata"]["ownerReferences"]] == ["ClusterGitHubToken"]


def test_a_secret_that_is_as_it_must_be_is_left_alone() -> None:
    assert not WantedNamespace("a", there()).lacks(TEMPLATE, NOW)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="there is none"),
        pytest.param(there(data={"token": "ZWRpdGVk"}), id="its data were edited"),
        pytest.param(there(type="kubernetes.io/basic-auth"), id="it has another type"),
        pytest.param(there(metadata={"labels": {}}), id="its label is gone"),
        pytest.param(there(metadata=notes(mine="too")), id="somebody has annotated it"),
        pytest.param(there(metadata={"ownerReferences": []}), id="its owner is gone"),
        pytest.param(there(immutable=True), id="somebody has made it immutable"),
        pytest.param(there(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), id="it goes"),
    ],
)
def test_what_is_missing_or_otherwise_is_written(found: dict[str, Any] | None) -> None:
    assert WantedNamespace("a", found).lacks(TEMPLATE, NOW)


def test_additions_of_others_are_looked_at_once() -> None:
    found = there(metadata=notes(mine="too"))
    settled = WantedNamespace("a", found, settled=(TEMPLATE.made.version, "7"))
    assert not settled.lacks(TEMPLATE, NOW)
    assert replace(settled, secret=there(metadata={**notes(mine="too"), "resourceVersion": "8"})).lacks(TEMPLATE, NOW)


def test_what_was_handed_over_gets_no_owner_and_says_so() -> None:
    wanted = TEMPLATE.of(there(metadata=notes(**{ADOPT: "true"})))
    assert wanted.body["metadata"]["ownerReferences"] == []
    assert wanted.body["metadata"]["annotations"]["githubtoken.dev/adopted"] == "true"


def test_a_failure_is_waited_out() -> None:
    failed = WantedNamespace(
        "a", None, failure=Failure("a", "SecretConflict", "theirs"), again=NOW + timedelta(seconds=15)
    )
    assert not failed.lacks(TEMPLATE, NOW)
    assert failed.lacks(TEMPLATE, NOW + timedelta(seconds=15))
    # It was reckoned with a clock that was wrong.
    assert failed.lacks(TEMPLATE, NOW - timedelta(hours=3))


def test_with_a_new_token_a_failure_is_tried_at_once() -> None:
    failed = WantedNamespace(
        "a", None, failure=Failure("a", "MissingPermission", "full"), again=NOW + timedelta(minutes=1)
    )
    assert failed.lacks(TEMPLATE, NOW, new=True)
    assert not replace(failed, secret=there()).lacks(TEMPLATE, NOW, new=True)


# --- trust -----------------------------------------------------------------------------------------------------------


def sealed() -> dict[str, Any]:
    return spread.with_seal(BODY, Spread(key=KEY))


def test_what_has_the_seal_or_says_what_status_says_is_trusted() -> None:
    told: GitHubToken = replace(TOKEN, status={"notesSHA256": spread.digest_of_notes(BODY)})
    assert spread.is_trusted(sealed(), TOKEN, KEY)
    assert spread.is_trusted(BODY, told, None)
    assert not spread.is_trusted(BODY, TOKEN, KEY)
    assert not spread.is_trusted(sealed(), TOKEN, None)


@given(st.sampled_from(sorted(BODY["metadata"]["annotations"])), st.text(max_size=20))
def test_no_note_can_be_changed_under_the_seal(name: str, text: str) -> None:
    meta = sealed()["metadata"]
    edited = {"metadata": {**meta, "annotations": {**meta["annotations"], name: text}}}
    same = meta["annotations"][name] == text
    assert spread.is_trusted(edited, TOKEN, KEY) == same


def test_a_seal_stays_while_the_notes_do_though_the_key_is_another_or_cannot_be_read() -> None:
    text = sealed()["metadata"]["annotations"][spread.SEAL]
    known = spread.digest_of_notes(BODY), text
    for key in (b"another", None):
        again = spread.with_seal(BODY, Spread(key=key, sealed=known))
        assert again["metadata"]["annotations"][spread.SEAL] == text


# --- status ----------------------------------------------------------------------------------------------------------


def test_ready_or_not_the_namespaces_are_told_apart() -> None:
    failures = [Failure(f"n{number:02}", "SecretConflict", "theirs") for number in range(25)]
    namespaces = [WantedNamespace(each.namespace, None, failure=each) for each in failures]
    found = spread.distribution(Spread((WantedNamespace("a", there()), *namespaces)), BODY)
    assert found.document["namespaces"] == {"wanted": 26, "current": 1, "failed": 25, "summary": "1/26"}
    assert [each["namespace"] for each in found.document["failures"]] == [f"n{number:02}" for number in range(20)]
    status, reason, message = found.condition
    assert (status, reason) == ("False", "Incomplete")
    assert message.startswith("1 of 26 namespaces have the token; `n00`: SecretConflict")


@pytest.mark.parametrize(
    ("namespaces", "body", "condition"),
    [
        ((), BODY, ("True", "Complete", "no namespace is wanted")),
        ((WantedNamespace("a", there()),), BODY, ("True", "Complete", "1 of 1 namespaces have the token")),
        ((WantedNamespace("a"),), BODY, ("False", "Incomplete", "0 of 1 namespaces have the token")),
        ((WantedNamespace("a"),), None, ("Unknown", "Pending", "there is no valid token")),
    ],
)
def test_distributed_is_what_all_wanted_namespaces_make_it(
    namespaces: tuple[WantedNamespace, ...], body: dict[str, Any] | None, condition: tuple[str, str, str]
) -> None:
    assert spread.distribution(Spread(namespaces), body).condition == condition


def test_a_namespace_that_is_not_wanted_and_keeps_its_secret_is_a_failure() -> None:
    kept = [Failure("b", "MissingPermission", "a webhook")]
    found = spread.distribution(Spread((WantedNamespace("a", there()),)), BODY, kept)
    assert found.document["namespaces"] == {"wanted": 1, "current": 1, "failed": 1, "summary": "1/1"}
    assert found.condition[:2] == ("False", "Incomplete")


# --- namespaces ------------------------------------------------------------------------------------------------------


def test_names_and_selector_count_together_and_who_goes_is_wanted_by_nobody() -> None:
    known = {
        "named": Namespace(),
        "labelled": Namespace({"ci": "true"}),
        "going": Namespace({"ci": "true"}, going=True),
        "other": Namespace({"ci": "false"}),
    }
    wish = NamespacesWish(frozenset({"named", "absent", "going"}), {"matchLabels": {"ci": "true"}})
    assert wish.wanted(known) == ("labelled", "named")
    assert wish.missing(known) == ("absent",)
    assert NamespacesWish(selector={}).wanted(known) == ("labelled", "named", "other")
    assert NamespacesWish(frozenset({"other"})).wanted(known) == ("other",)
