"""`python -m githubtoken_operator`, `githubtoken`, and `kubectl githubtoken`."""

from __future__ import annotations

from githubtoken_operator.cli import main

if __name__ == "__main__":
    main()
