"""What holds for every unit test."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on the machine, and says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
