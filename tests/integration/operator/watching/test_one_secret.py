"""The watch of one name against the real API server: what it brings, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.aio import client, config

from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import Forbidden, Unavailable
from githubtoken_operator.adapters.kubernetes.one_secret import OneSecret
from localcluster.kubeconfig import write_kubeconfig
from localcluster.operator_process import operator_kubeconfig
from tests.integration.operator.conftest import RIGHTS

if TYPE_CHECKING:
    from pathlib import Path

    from localcluster import ControlPlane
    from tests.integration.operator.stage.world import World

SILENCE = 90.0


async def connected(kubeconfig: Path) -> Api:
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    return Api(settings)


def stranger(control_plane: ControlPlane, namespace: str, path: Path) -> Path:
    """A kubeconfig for a ServiceAccount without rights."""
    control_plane.kubectl("create", "serviceaccount", "stranger", f"--namespace={namespace}")
    token = control_plane.kubectl("create", "token", "stranger", f"--namespace={namespace}").strip()
    server, ca_file = control_plane.server, control_plane.ca_file
    write_kubeconfig(path, server=server, ca_file=ca_file, user="stranger", token=token, namespace=namespace)
    return path


@pytest.fixture
async def source(control_plane: ControlPlane) -> AsyncIterator[OneSecret]:
    async with await connected(operator_kubeconfig(control_plane, *RIGHTS)) as api:
        yield OneSecret(api, silence=SILENCE)


async def test_changes_come_without_the_data_until_the_end_of_the_secret(world: World, source: OneSecret) -> None:
    assert (await source.present(world.namespace, "pat"))[0] is None
    _, since = await source.present(world.namespace, "pat")
    world.secret("another", {"token": "sentence-of-somebody"})
    world.secret("pat", {"token": "sentence-of-a-human"})
    world.secret_key("pat", "token", "another-sentence")
    world.delete("Secret", "pat")
    seen: list[Any] = []
    async with asyncio.timeout(30), aclosing(source.changes(world.namespace, "pat", since)) as changes:
        async for body, news, _ in changes:
            if news:
                seen.append(body)
            if len(seen) == 3:
                break
    assert [body and body["metadata"]["name"] for body in seen] == ["pat", "pat", None]
    assert seen[0] != seen[1]
    assert "data" not in json.dumps(seen[0]).replace("dataDigest", "").replace("metadata", "")


async def test_what_is_glanced_at_is_as_it_was_a_moment_ago(world: World, source: OneSecret) -> None:
    assert await source.glance(world.namespace, "pat") is None
    world.secret("pat", {"token": "sentence-of-somebody"})
    async with asyncio.timeout(30):
        while (found := await source.glance(world.namespace, "pat")) is None:  # noqa: ASYNC110 - no event comes
            await asyncio.sleep(0.1)
    listed, _ = await source.present(world.namespace, "pat")
    assert listed is not None
    assert {"apiVersion": "v1", "kind": "Secret", **listed} == found


async def test_a_watch_that_is_refused(world: World, control_plane: ControlPlane, tmp_path: Path) -> None:
    async with await connected(stranger(control_plane, world.namespace, tmp_path / "kubeconfig")) as api:
        source = OneSecret(api, silence=SILENCE)
        with pytest.raises(Forbidden, match="cannot watch resource"):
            await anext(source.changes(world.namespace, "pat", "1"))


async def test_a_watch_that_is_silent_counts_as_cut(world: World, control_plane: ControlPlane) -> None:
    async with await connected(operator_kubeconfig(control_plane, *RIGHTS)) as api:
        source = OneSecret(api, silence=0.5)
        _, since = await source.present(world.namespace, "pat")
        with pytest.raises(Unavailable):
            async for _ in source.changes(world.namespace, "pat", since):
                pass
