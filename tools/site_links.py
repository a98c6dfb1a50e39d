"""What makes docs/ work as a site too: links that leave docs/ lead to the file's page in the repository.

In a checkout and on GitHub `../examples/app.yaml` is the file itself; the site has the pages of docs/ alone. A link
to a file that is not there is left as it is, and is mkdocs' warning. A page that would load something from elsewhere
is a warning too, for the site works without a network.

mkdocs calls the functions named `on_…` (mkdocs.yml, `hooks`), from an environment of its own (tools/site.lock):
nothing of ours is imported here.
"""

from __future__ import annotations

import logging
import os.path
import re
from pathlib import Path
from typing import Any, Final, Protocol

REPOSITORY: Final = Path(__file__).parents[1]
# The target of a link in Markdown that goes upwards, without its anchor.
UPWARDS: Final = re.compile(r"(?<=\]\()(\.\./[^)#\s]+)")
# What a browser fetches by itself: scripts, images and style sheets.
LOADED: Final = re.compile(
    r"""<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+rel="stylesheet"[^>]+href="https?://"""
)

# With --strict, a warning of a logger below this one ends the build.
_log = logging.getLogger("mkdocs.hooks.site_links")


class File(Protocol):
    """Of mkdocs' File what is used here: the page's path below docs/."""

    src_uri: str


class Page(Protocol):
    """Of mkdocs' Page what is used here."""

    file: File


def to_the_repository(markdown: str, page: str, address: str) -> str:
    """Return the text of a page of docs/ with links out of docs/ turned into addresses below that of the repository."""

    def turned(link: re.Match[str]) -> str:
        path = os.path.normpath(Path("docs", page).parent / link[1])
        if Path(path).parts[0] == "docs" or not (REPOSITORY / path).exists():
            return link[1]
        kind = "tree" if (REPOSITORY / path).is_dir() else "blob"
        return f"{address}/{kind}/main/{path}"

    return UPWARDS.sub(turned, markdown)


def on_page_markdown(markdown: str, *, page: Page, config: dict[str, Any], **_: object) -> str:
    """Turn the links of one page; called by mkdocs before it reads the Markdown."""
    return to_the_repository(markdown, page.file.src_uri, config["extra"]["social"][0]["link"])


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """Look for what a page would load from elsewhere; called by mkdocs with the whole HTML."""
    if LOADED.search(output):
        _log.warning("%s loads something from elsewhere: put it into docs/images", page.file.src_uri)
    return output
