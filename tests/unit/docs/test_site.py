"""docs/ as a site: every page has its place, and a link that leaves docs/ leads to the repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Final

import pytest
import yaml

import site_links

DOCS: Final = site_links.REPOSITORY / "docs"
ADDRESS: Final = "https://github.com/o/r"


def pages(navigation: object) -> Iterator[str]:
    match navigation:
        case str():
            yield navigation
        case list():
            for entry in navigation:
                yield from pages(entry)
        case dict():
            for entry in navigation.values():
                yield from pages(entry)


def test_every_page_is_in_the_navigation_exactly_once() -> None:
    navigation = yaml.safe_load((site_links.REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert Counter(pages(navigation)) == Counter(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize(
    ("page", "link", "turned"),
    [
        ("formats.md", "../examples/app.yaml", f"{ADDRESS}/blob/main/examples/app.yaml"),
        ("formats.md", "../README.md#two-commands", f"{ADDRESS}/blob/main/README.md#two-commands"),
        ("installation.md", "../deploy/rbac", f"{ADDRESS}/tree/main/deploy/rbac"),
        ("runbooks/GitHubTokenExpired.md", "../../SECURITY.md", f"{ADDRESS}/blob/main/SECURITY.md"),
        ("runbooks/GitHubTokenExpired.md", "../troubleshooting.md#reasons", "../troubleshooting.md#reasons"),
        ("formats.md", "apps.md#certificates", "apps.md#certificates"),
        ("formats.md", "https://example.com/../x", "https://example.com/../x"),
        # mkdocs warns of it.
        ("formats.md", "../examples/nowhere.yaml", "../examples/nowhere.yaml"),
    ],
)
def test_links_out_of_docs_lead_to_the_repository_and_others_stay(page: str, link: str, turned: str) -> None:
    text = site_links.to_the_repository(f"See [it]({link}), or not.", page, ADDRESS)
    assert text == f"See [it]({turned}), or not."


@pytest.mark.parametrize(
    ("html", "warnings"),
    [
        ('<script src="https://example.com/x.js"></script>', 1),
        ('<img alt="x" src="//example.com/x.svg">', 1),
        ('<link rel="stylesheet" href="https://example.com/x.css">', 1),
        ('<img src="images/x.svg"><link rel="stylesheet" href="x.css"><a href="https://example.com">x</a>', 0),
    ],
)
def test_a_page_that_loads_something_from_elsewhere_is_a_warning(
    html: str, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="x.md"))
    assert site_links.on_post_page(html, page=page) == html
    assert len(caplog.records) == warnings
