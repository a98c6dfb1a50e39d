"""Objects of rivals that write a Secret that a GitHubToken, or an App, names too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from githubtoken_operator.adapters.kubernetes.errors import ApiError
from githubtoken_operator.commands.cluster import rivals
from githubtoken_operator.commands.doctor.findings import Inventory
from githubtoken_operator.commands.terminal.checks import Check, Look, cut, items, unseen
from githubtoken_operator.domain.vocabulary.model import JSON


def checks(objects: Inventory, found: Mapping[str, Look[Sequence[JSON]]]) -> list[Check]:
    """A line for each that writes the same Secret; else one that says that there is none."""
    ours = {(token.namespace, token.secret): token.name for token in items(objects.tokens)}
    lines: list[Check] = []
    others = 0
    for plural, seen in found.items():
        if isinstance(seen.found, ApiError):
            lines.append(unseen(f"Rivals ({plural})", seen.found))
            continue
        for body in items(seen):
            kind = rivals.KINDS[plural]
            written = rivals.target(kind, body)
            others += written is not None and kind != "ExternalSecret"
            if written is not None and written in ours:
                name = f"{kind} {written[0]}/{body['metadata']['name']}"
                says = f"writes Secret {written[1]}, which GitHubToken {ours[written]} writes too"
                lines.append(Check(name, "failed", says, "`githubtoken migrate --adopt` shows how one takes it over"))
    if lines:
        return cut(lines, "Rivals")
    if others:
        says = f"{others} objects of other operators get tokens of GitHub, into other Secrets"
        return [Check("Rivals", "ok", f"{says}; `githubtoken migrate` reads them")]
    return [Check("Rivals", "ok", "nobody else writes the same Secrets")]
