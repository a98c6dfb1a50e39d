"""A service's own words, as far as they may be shown: redacted, in one line, cut."""

from __future__ import annotations

from typing import Final

from githubtoken_operator.domain.vocabulary.redaction import redact

LONGEST: Final = 300
"""Characters of a service's sentence; AWS' longest, with two ARNs in it, has less."""


def said(text: object) -> str:
    """The text without its last full stop, for the end of a sentence of ours; "" where there is none."""
    words = redact(" ".join(text.split())) if isinstance(text, str) else ""
    return (words if len(words) <= LONGEST else f"{words[:LONGEST]}...").rstrip(".")


def after(mark: str, text: object) -> str:
    """The mark and the text behind it; "" where there is no text."""
    words = said(text)
    return f"{mark}{words}" if words else ""
