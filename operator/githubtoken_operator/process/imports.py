"""What the process leaves out of the libraries that it uses: a third of a second and 20 MB at each start.

`kubernetes.aio.client` and `.config` are all that is used of `kubernetes`, whose own `__init__` imports the synchronous
client, its stream and its informers as well. Of the client there are the configuration and the connections: nobody has
an `ApiClient`, which brings models, and pydantic to check them. httpx imports its command line, the asynchronous client
the validation of schemas, and kopf the synchronous client, each if it happens to be installed; all three go on without.

Nothing breaks where a library stops looking for these: then there is less to leave out.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

BARE: Final = ("kubernetes", "kubernetes.aio")
"""Packages of which some modules are used, and not what they import themselves."""
_MODELS: Final = "kubernetes.aio.client.api_client"
OPTIONAL: Final = ("kubernetes.client", "kubernetes_validate", "pygments", "rich")
"""What the libraries look for and do without."""


def leave_out() -> None:
    """Makes the imports that follow do without these; call it before the first of them."""
    for name in BARE:
        if name not in sys.modules and (spec := importlib.util.find_spec(name)) is not None:
            package = ModuleType(name)
            package.__spec__ = spec
            package.__path__ = list(spec.submodule_search_locations or ())
            sys.modules[name] = package
    unused = ModuleType(_MODELS)
    unused.ApiClient = type("ApiClient", (), {})  # type: ignore[attr-defined]
    sys.modules.setdefault(_MODELS, unused)
    for name in OPTIONAL:
        # The import system takes None for a module that is not there.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside of it Python looks for no garbage: imports make none, and the looks take a twelfth of their time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
