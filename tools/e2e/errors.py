"""What can go wrong with the trial itself; that a promise was broken is a result, and no error."""

from __future__ import annotations


class TrialError(Exception):
    """Something that is needed did not come about; the text says what."""
