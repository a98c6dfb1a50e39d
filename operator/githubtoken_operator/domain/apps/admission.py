"""Which namespaces may use a ClusterGitHubApp: `allowedNamespaces`, and Kubernetes' label selectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from githubtoken_operator.domain.vocabulary.model import JSON

From = Literal["All", "Selector", "Same"]


@dataclass(frozen=True, slots=True)
class AllowedNamespaces:
    """`spec.allowedNamespaces`; `selector` is the label selector as the spec has it, and counts with `Selector`."""

    source: From = "Same"
    selector: JSON = field(default_factory=dict)

    @property
    def by_labels(self) -> bool:
        """Whether the labels of a namespace decide."""
        return self.source == "Selector"

    def admit(self, namespace: str, *, own: str, labels: Mapping[str, str]) -> bool:
        """Whether GitHubTokens of `namespace`, which has `labels`, may use the App; `own` is the operator's."""
        match self.source:
            case "All":
                return True
            case "Selector":
                return selects(self.selector, labels)
        return namespace == own


def selects(selector: JSON, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches: all of its requirements hold. An empty one matches everything."""
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _OPERATORS[each["operator"]](labels.get(each["key"]), each.get("values") or ())
        for each in selector.get("matchExpressions") or ()
    )


_OPERATORS: Final[Mapping[str, Callable[[str | None, Sequence[str]], bool]]] = {
    "In": lambda value, values: value in values,
    # As in Kubernetes, a label that is not there is in no list.
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}
