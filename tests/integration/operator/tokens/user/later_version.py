"""`githubtoken` as a later version may be: it knows user tokens of prefixes and alphabets that this one does not.

Everything else is the real program.
"""

from __future__ import annotations

import re
import sys

from githubtoken_operator.cli import main
from githubtoken_operator.domain.github import fields

if __name__ == "__main__":
    fields._ACCESS_TOKEN = re.compile(r"gh[a-z]_[A-Za-z0-9._~+-]+")  # type: ignore[misc]
    fields._REFRESH_TOKEN = re.compile(r"[A-Za-z0-9._~+-]+")  # type: ignore[misc]
    sys.argv[0] = "githubtoken"
    main()
