"""Which namespaces may use a ClusterGitHubApp."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.apps.admission import AllowedNamespaces, selects


@pytest.mark.parametrize(
    ("allowed", "namespace", "labels", "admitted"),
    [
        pytest.param(AllowedNamespaces(), "operator", {}, True, id="by default the operator's own"),
        pytest.param(AllowedNamespaces(), "team", {}, False, id="and no other"),
        pytest.param(AllowedNamespaces("All"), "team", {}, True, id="all"),
        pytest.param(AllowedNamespaces("Selector", {"matchLabels": {"a": "1"}}), "team", {"a": "1"}, True, id="labels"),
        pytest.param(AllowedNamespaces("Selector", {"matchLabels": {"a": "1"}}), "team", {}, False, id="no label"),
        pytest.param(
            AllowedNamespaces("Selector", {"matchLabels": {"a": "1"}}), "operator", {}, False, id="its own needs it too"
        ),
    ],
)
def test_who_is_admitted(*, allowed: AllowedNamespaces, namespace: str, labels: dict[str, str], admitted: bool) -> None:
    assert allowed.admit(namespace, own="operator", labels=labels) is admitted


def requirement(operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": "tier", "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "matching", "other"),
    [
        pytest.param({}, [None, "a"], [], id="an empty selector matches everything"),
        pytest.param(requirement("In", "a", "b"), ["a", "b"], [None, "c"], id="In"),
        pytest.param(requirement("NotIn", "a"), [None, "b"], ["a"], id="NotIn"),
        pytest.param(requirement("Exists"), ["a", ""], [None], id="Exists"),
        pytest.param(requirement("DoesNotExist"), [None], ["a", ""], id="DoesNotExist"),
        pytest.param({"matchLabels": {"tier": "a"}, **requirement("NotIn", "a")}, [], [None, "a"], id="all must hold"),
        pytest.param({"matchLabels": {"tier": ""}}, [""], [None, "a"], id="an empty value is a value"),
    ],
)
def test_selectors_match_as_in_kubernetes(
    selector: dict[str, Any], matching: list[str | None], other: list[str | None]
) -> None:
    def labels(value: str | None) -> dict[str, str]:
        return {"unrelated": "x", **({"tier": value} if value is not None else {})}

    assert all(selects(selector, labels(value)) for value in matching)
    assert not any(selects(selector, labels(value)) for value in other)
