"""The table of `githubtoken list`."""

from __future__ import annotations

import pytest

from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.listing import as_table, none_found
from tests.unit.builders import NOW, githubtoken_body
from tests.unit.commands.snapshots import ready, snapshot

FAILED = {"expirationTime": None, "renewalTime": None, "conditions": [ready("AppNotFound", "there is no App")]}


def test_the_table_has_the_columns_of_kubectl_with_times_from_now() -> None:
    assert as_table([snapshot("ci"), snapshot("deploy", status=FAILED)], NOW).splitlines() == [
        "NAME     READY   REASON        KIND           SECRET   EXPIRES                         RENEWS",
        "ci       True    Fresh         Installation   ci       in 42m (2026-03-01T12:42:00Z)   in 22m",
        "deploy   False   AppNotFound   Installation   deploy   <none>                          <none>",
    ]


def test_of_several_namespaces_each_line_says_which() -> None:
    first, second = as_table([snapshot("ci")], NOW, namespaces=True).splitlines()
    assert first.startswith("NAMESPACE   NAME   READY")
    assert second.startswith("team        ci     True ")


def test_a_wide_table_has_the_columns_that_kubectl_adds() -> None:
    token = snapshot("ci", status={"account": "acme"})
    heading, row = as_table([token], NOW, wide=True).splitlines()
    assert heading.split()[-4:] == ["APP", "ACCOUNT", "REVISION", "MESSAGE"]
    assert row.endswith("in 22m   acme   acme      3          token valid until later")


def test_what_the_operator_has_not_seen_is_pending_and_its_secret_is_named_as_it_will_be() -> None:
    unseen = Snapshot(githubtoken_body(secret={"name": "ci-token"}))
    row = as_table([unseen], NOW).splitlines()[1]
    assert row.split() == ["ci", "Unknown", "Pending", "<none>", "ci-token", "<none>", "<none>"]


@pytest.mark.parametrize(
    ("namespace", "selector", "text"),
    [
        ("demo", None, "There is no GitHubToken in the namespace `demo`."),
        (None, None, "There is no GitHubToken in any namespace."),
        ("demo", "a=b", "There is no GitHubToken in the namespace `demo` that matches `a=b`."),
    ],
)
def test_an_empty_list_says_where_it_looked(namespace: str | None, selector: str | None, text: str) -> None:
    assert none_found(namespace, selector) == text
