"""How the code is laid out: what no linter says of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "operator"
MODULES = sorted((OPERATOR / "githubtoken_operator").rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(OPERATOR))


def imports(path: Path) -> list[ast.ImportFrom]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]


def test_the_operators_folder_shadows_nothing() -> None:
    # A Python file here would make `operator` a package that hides the standard library's module.
    assert list(OPERATOR.glob("*.py")) == []
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_module_takes_anothers_private_names(path: Path) -> None:
    taken = [
        f"{node.module}.{alias.name}"
        for node in imports(path)
        for alias in node.names
        if (node.module or "").startswith("githubtoken_operator")
        and alias.name.startswith("_")
        and alias.name != "__version__"
    ]
    assert taken == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_name_their_module_in_full_and_take_nothing_wholesale(path: Path) -> None:
    assert [node.module for node in imports(path) if node.level or node.names[0].name == "*"] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_operator_knows_nothing_of_the_simulator_and_the_tools(path: Path) -> None:
    roots = {(node.module or "").split(".")[0] for node in imports(path)}
    assert not roots & {"github_simulator", "localcluster", "demo", "tests"}


@pytest.mark.parametrize("path", [path for path in MODULES if not path.stem.startswith("__")], ids=named)
def test_the_map_shows_every_module_or_its_folder(path: Path) -> None:
    words = set(re.findall(r"\w+", (ROOT / "docs/architecture.md").read_text(encoding="utf-8")))
    folders = path.relative_to(OPERATOR / "githubtoken_operator").parts[:-1]
    # Of users' commands, and of services that sign, there is one each.
    shown = next((folder for folder in folders if folder in {"commands", "services"}), path.stem)
    assert shown in words


MAP = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`([\w-]+/[\w./-]*\w)`", MAP[MAP.index("## Where to add what") :])))


@pytest.mark.parametrize("place", PLACES)
def test_the_map_sends_to_places_that_there_are(place: str) -> None:
    assert len(PLACES) > 30
    folders = (ROOT, OPERATOR / "githubtoken_operator", ROOT / "charts/githubtoken-operator")
    assert [found for folder in folders for found in (folder / place, folder / f"{place}.py") if found.exists()]
