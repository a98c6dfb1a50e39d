"""`python -m githubtoken_operator`, `githubtoken`, and `kubectl githubtoken`."""

from __future__ import annotations

from githubtoken_operator.process import imports


def main() -> None:
    """Entry point; what the libraries need not bring is left out before anything imports them."""
    imports.leave_out()
    with imports.undisturbed():
        from githubtoken_operator.cli import main as run  # noqa: PLC0415 - after what is left out.

    run()


if __name__ == "__main__":
    main()
