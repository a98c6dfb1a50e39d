"""Pure: the sentences of the demo. Times are UTC, as in Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from demo.manifests import Watched
from demo.tally import Appeared, Failed, Happening, Recovered, Restored, Rotated, Tally

_STYLES: Final = {"plain": "", "strong": "\x1b[1m", "good": "\x1b[32m", "bad": "\x1b[31m"}
_END: Final = "\x1b[0m"


def styled(text: str, style: str, *, colour: bool) -> str:
    """The text in a style (`plain`, `strong`, `good`, `bad`) where the output is a terminal with colours."""
    return f"{_STYLES[style]}{text}{_END}" if colour and _STYLES[style] else text


def clock(time: datetime) -> str:
    """`12:01:40`."""
    return f"{time:%H:%M:%S}"


def indented(text: str) -> str:
    """Two spaces before every line that is not empty, and no blanks after it."""
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip().splitlines())


def happening(token: Watched, event: Happening) -> tuple[str, str]:
    """One line for what happened to a token, and its style."""
    match event:
        case Appeared(held):
            return f"{token.name} is there: Secret {token.secret}, expires {clock(held.expires)}", "good"
        case Rotated(before, after):
            moved = f"{clock(before.expires)} → {clock(after.expires)}"
            return f"{token.name} rotated: revision {after.revision}, expires {moved}, Secret {token.secret}", "good"
        case Restored():
            return f"{token.name} restored: Secret {token.secret} is back, with the same token", "good"
        case Failed(_, why):
            return f"{token.name} FAILED: {why}", "bad"
        case Recovered():
            return f"{token.name} recovered: GitHub takes the token in Secret {token.secret}", "good"


def command(program: str, flags: Mapping[str, str]) -> str:
    """A command line for a shell, one flag a line."""
    return " \\\n  ".join((program, *(f"{name} {value}" for name, value in flags.items())))


def look_for_yourself(*, kubectl: Path, kubeconfig: Path, namespace: str, metrics: str, log: Path) -> str:
    """Commands for another terminal."""
    return "\n".join(
        (
            f"alias k='{shortened(kubectl)} --kubeconfig {kubeconfig} -n {namespace}'",
            "k get ght,gha -o wide",
            "k get secret ci -o yaml",
            "k delete secret ci           # it is back within seconds, with the same token",
            'k annotate ght alice --overwrite githubtoken.dev/refresh-requested-at="$(date)"    # renews it now',
            f"curl -s {metrics} | grep ^githubtoken_expiration",
            f"tail -f {log}",
        )
    )


def shortened(path: Path, home: Path | None = None) -> str:
    """The path with `~` for the home folder, as a shell reads it."""
    base = home or Path.home()
    return f"~/{path.relative_to(base)}" if path.is_relative_to(base) else str(path)


def verdict(tallies: Sequence[Tally], found: Sequence[str]) -> list[str]:
    """The last lines: what was seen, or what went wrong."""
    if found:
        return ["The demo failed:", *(f"  {problem}" for problem in found)]
    seen = ", ".join(f"{tally.name} {times(tally.rotations)}" for tally in tallies)
    looks = sum(tally.looks for tally in tallies)
    return [f"All went well. Rotated: {seen}. GitHub took the token at each of {looks} looks."]


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
