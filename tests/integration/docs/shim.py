"""Stands in for a program that a page names: has the real one judge what was typed, and writes down how that ended.

It is called by the name of that program, and gets from the environment:

    DOCS_CALLS      the file to which each call is added, as one line of JSON
    DOCS_PROGRAMS   JSON: the real programs, by the names by which they are called; null where one is not there
    DOCS_NAMESPACE  the namespace for what is applied
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def judged(name: str, real: str, arguments: list[str]) -> list[list[str]]:
    """The calls of the real program that must succeed."""
    options = [argument for argument in arguments if argument != "--"]
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    # Its help is not shown where it does not know a flag, or the command.
    known = [real, *before, "--help"]
    match name, *options:
        case "kubectl", ("apply" | "create"), *_ if _is_there(options):
            return [[real, *arguments, "--dry-run=server", f"--namespace={os.environ['DOCS_NAMESPACE']}"]]
        case ("kubectl", "get", *_) | ("githubtoken", ("crds" | "version" | "completion"), *_):
            return [known, [real, *arguments]]
        case "githubtoken", "migrate", *_ if "-f" in options:
            return [known, [real, *arguments]]
        case "helm", ("install" | "upgrade") as verb, *_:
            rendered = [
                argument
                for argument in options
                if argument not in {verb, "--install", "--take-ownership", "--reset-then-reuse-values"}
            ]
            return [known, [real, "template", *rendered]]
        case "make", *_:
            return [[real, "--dry-run", "-C", os.environ["DOCS_REPOSITORY"], *arguments]]
        case (("python" | "python3"), "-m", *_):
            return [["timeout", "--preserve-status", "3", real, *arguments]]
        case (("git" | "openssl" | "python" | "python3" | "jq" | "gh"), *_):
            return [[real, *arguments]]
    return [known]


def _is_there(options: list[str]) -> bool:
    """Whether what is to be applied is at hand: typed in the block, or a file of the repository."""
    for flag, value in zip(options, [*options[1:], ""], strict=True):
        if flag == "-k":
            return Path(value, "kustomization.yaml").exists()
        if flag in {"-f", "--filename"}:
            return value == "-" or Path(value).exists()
    return options[0] == "create"


def _failed(name: str, done: subprocess.CompletedProcess[str]) -> bool:
    if name == "gh":
        # It knows no dry run, and there is no GitHub here.
        return any(words in done.stderr for words in ("unknown flag", "unknown command", "unknown shorthand", "arg(s)"))
    # 143: ended by `timeout`.
    return done.returncode not in {0, 143}


def main() -> int:
    name = Path(sys.argv[0]).name
    arguments = sys.argv[1:]
    real = json.loads(os.environ["DOCS_PROGRAMS"])[name]
    call: dict[str, object] = {"program": name, "arguments": arguments, "error": ""}
    output = ""
    if real is not None:
        stdin = sys.stdin.read() if "-" in arguments or name == "jq" else ""
        for command in judged(name, real, arguments):
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=100)
            output = done.stdout if "--help" not in command else ""
            if _failed(name, done):
                call["error"] = f"{' '.join(command)}: {done.stderr or done.stdout}"
                break
    with Path(os.environ["DOCS_CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(call) + "\n")
    sys.stdout.write(output)
    return 1 if call["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
