#!/usr/bin/env bash
# Installs what tools/programs.txt, or the list that is given instead, has and PATH does not. Only as root on Debian;
# elsewhere it says what is missing, and the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing=()
while read -r program package; do
    [[ $program == '' || $program == '#'* ]] || command -v "$program" >/dev/null || missing+=("$package")
done <"${1:-programs.txt}"
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "not installed, so the tests that need them are skipped: ${missing[*]}"
    exit 0
fi
echo "installing from Debian: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    echo "they could not be installed, so the tests that need them are skipped" >&2
fi
