#!/usr/bin/env bash
# With pytest 9.2.0 tests run side by side that may not. `@pytest.mark.xdist_group` of pytest-xdist 3.8.0 "ensures they run on the
# same worker" with `--dist loadgroup`: tests that share a database, a port or a cluster. xdist tells the group by the end of a
# test's node id, which it sets itself; with pytest 9.2 the id that goes to the workers has no such end, so every test is a group
# of its own. No error, no warning: now and then a test fails that never did, and passes alone.
# With pytest 9.1.1 the group is kept. `--dist loadfile` keeps a file's tests together with both. Known as pytest-xdist#1386.
# The same on Python 3.11 and 3.13 (PYTHON names another than python3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >test_group.py <<'PYTHON'
import pathlib

import pytest


@pytest.mark.xdist_group("one-database")
@pytest.mark.parametrize("number", range(20))
def test_something(number, worker_id):
    pathlib.Path(f"ran-{worker_id}").touch()
PYTHON
for pytest in 9.1.1 9.2.0; do
    "${PYTHON:-python3}" -m venv "$pytest"
    "$pytest/bin/pip" install --quiet --disable-pip-version-check "pytest==$pytest" pytest-xdist==3.8.0
    for dist in loadfile loadgroup; do
        rm -f ran-*
        "$pytest/bin/pytest" --quiet -p no:cacheprovider -n 2 --dist "$dist" test_group.py >said || { cat said; exit 1; }
        echo "pytest $pytest, --dist $dist: one group of 20 tests ran on $(find . -name 'ran-*' | wc -l) of 2 workers"
    done
done | tee seen
diff - seen <<'SEEN' || { echo 'groups are kept in another way by now' >&2; exit 1; }
pytest 9.1.1, --dist loadfile: one group of 20 tests ran on 1 of 2 workers
pytest 9.1.1, --dist loadgroup: one group of 20 tests ran on 1 of 2 workers
pytest 9.2.0, --dist loadfile: one group of 20 tests ran on 1 of 2 workers
pytest 9.2.0, --dist loadgroup: one group of 20 tests ran on 2 of 2 workers
SEEN
