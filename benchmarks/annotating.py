"""A tenant who changes objects as fast as it may: so many GitHubTokens are annotated anew each second, for a while.

Reads its plan from standard input, and prints how many changes there were as JSON: the API server may not manage more.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, Final

from githubtoken_operator.adapters.kubernetes.access.access import of_process
from githubtoken_operator.adapters.kubernetes.api import Api

AT_ONCE: Final = 32


async def main(plan: dict[str, Any]) -> dict[str, float]:
    """`plan`: `namespace`, `names`, `per_second`, `seconds`."""
    names, per_second = plan["names"], plan["per_second"]
    where = f"/apis/githubtoken.dev/v1alpha1/namespaces/{plan['namespace']}/githubtokens"
    began, changed = time.monotonic(), 0
    places = asyncio.Semaphore(AT_ONCE)
    async with Api((await of_process()).configuration, connections=AT_ONCE) as api:

        async def annotate(number: int) -> None:
            async with places:
                await api.request(
                    "PATCH",
                    f"{where}/{names[number % len(names)]}",
                    body={"metadata": {"annotations": {"bench": str(number)}}},
                    content_type="application/merge-patch+json",
                )

        while (passed := time.monotonic() - began) < plan["seconds"]:
            due = int(min(passed + 1, plan["seconds"]) * per_second)
            await asyncio.gather(*(annotate(number) for number in range(changed, min(due, changed + per_second))))
            changed = min(due, changed + per_second)
            await asyncio.sleep(max(0.0, changed / per_second - 1 - (time.monotonic() - began)))
    return {"changes": changed, "per_second": round(changed / (time.monotonic() - began), 1)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
