"""`python -m github_simulator.check`: whether a GitHub accepts the installation token in a file; for `helm test`."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

_TIMEOUT_SECONDS = 30


def main() -> int:
    """Asks once; returns 0 where the token is accepted."""
    parser = argparse.ArgumentParser(prog="python -m github_simulator.check", description=__doc__)
    parser.add_argument("--api-url", required=True, help="address of the REST API")
    parser.add_argument("--ca-file", type=Path, help="PEM file of the CA behind it (default: those of the system)")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the token")
    arguments = parser.parse_args()
    try:
        token = arguments.token_file.read_text(encoding="ascii").strip()
        trust = ssl.create_default_context(cafile=arguments.ca_file)
        seen = _repositories(arguments.api_url, token, trust)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the token of {arguments.token_file} is not accepted: {error}\n")
        return 1
    sys.stdout.write(f"{arguments.api_url} accepts the token of {arguments.token_file}; it sees {', '.join(seen)}\n")
    return 0


def _repositories(api_url: str, token: str, trust: ssl.SSLContext) -> list[str]:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "helm-test", "Accept": "application/vnd.github+json"}
    request = urllib.request.Request(f"{api_url}/installation/repositories", headers=headers)  # noqa: S310 - as told
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=trust) as answer:  # noqa: S310 - as told
        return [repository["full_name"] for repository in json.load(answer)["repositories"]]


if __name__ == "__main__":
    sys.exit(main())
