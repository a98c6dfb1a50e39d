"""What the process leaves out of the libraries that it uses: a quarter of a second and 13 MB at each start.

`kubernetes.aio` is all that is used of `kubernetes`, whose own `__init__` imports the synchronous client, its stream
and its informers as well. httpx imports its command line, the asynchronous client the validation of schemas, and kopf
the synchronous client, each if it happens to be installed; all three go on without.

Nothing breaks where a library stops looking for these: then there is less to leave out.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Final

OPTIONAL: Final = ("kubernetes.client", "kubernetes_validate", "pygments", "rich")
"""What the libraries look for and do without."""


def leave_out() -> None:
    """Makes the imports that follow do without these; call it before the first of them."""
    if "kubernetes" not in sys.modules and (spec := importlib.util.find_spec("kubernetes")) is not None:
        package = ModuleType("kubernetes")
        package.__spec__ = spec
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules["kubernetes"] = package
    for name in OPTIONAL:
        # The import system takes None for a module that is not there.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
