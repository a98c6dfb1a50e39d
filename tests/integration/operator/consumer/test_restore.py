"""A namespace that comes back from a backup, in any order, with status or without it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

SECRETS = ("acme-app", "alice", "alice-credential", "alice-seed", "ci")
"""By their names, as they are listed. A seed that is there before the credential is taken, and it is spent."""
TOKENS = ("alice", "ci")


def saved(world: World, kind: str, name: str) -> Object:
    """The object as a backup keeps it: without what the API server makes, with its owners, which are gone by then."""
    found = copy.deepcopy(world.get(kind, name) or {})
    for made in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
        found["metadata"].pop(made, None)
    return {**found, "kind": kind}


def restore(world: World, objects: list[Object], *, status: bool) -> None:
    """Makes what is not there; what the operator has made meanwhile stays, as a restore leaves it."""
    for body in objects:
        answer = world.cluster.send("POST", body["kind"], world.namespace, body=body)
        assert answer.is_success or answer.status_code == 409, answer.text
        if status and body["kind"] == "GitHubToken":
            where = (body["metadata"]["name"], f"--namespace={world.namespace}", "--subresource=status")
            patch = json.dumps({"status": body["status"]})
            world.cluster.control_plane.kubectl("patch", "ght", *where, "--type=merge", f"--patch={patch}")


@pytest.mark.parametrize("status", [False, True], ids=["status lost", "status restored"])
@pytest.mark.parametrize("first", ["secrets", "tokens"])
def test_a_restored_namespace_goes_on_with_its_sign_in(world: World, first: str, status: bool) -> None:  # noqa: FBT001
    app = world.app()
    world.user_token(seed=world.sign_in(app))
    world.installation_token()
    for name in TOKENS:
        world.wait_ready(name)
    world.wait_for("alice", lambda found: found["status"].get("account"))
    pair = world.data("alice-credential")
    secrets = [saved(world, "Secret", name) for name in SECRETS]
    tokens = [saved(world, "GitHubApp", "acme"), *(saved(world, "GitHubToken", name) for name in TOKENS)]
    for name in TOKENS:
        world.delete("GitHubToken", name)
        world.wait_for(name, lambda found: not found)
    world.delete("GitHubApp", "acme")
    for name in SECRETS:
        world.delete("Secret", name)
        world.wait_until(lambda name=name: world.get("Secret", name) is None, "the end of the Secret")  # type: ignore[misc]
    spent, minted = len(world.requests("refresh", app=app)), len(world.requests("mint", app=app))

    restore(world, secrets if first == "secrets" else tokens, status=status)
    world.settle(0.5)
    restore(world, tokens if first == "secrets" else secrets, status=status)
    # Restored Secrets name owners that are gone, so Kubernetes may remove them; a restored status says nothing.
    world.wait_until(lambda: world.data("alice").get("token") == pair["token"], "the token of the pair")
    world.wait_until(lambda: world.data("ci"), "the token of the installation")
    for name in TOKENS:
        world.wait_ready(name)
    assert world.data("alice-credential")["refresh_token"] == pair["refresh_token"]
    assert len(world.requests("refresh", app=app)) == spent
    assert len(world.requests("mint", app=app)) <= minted + 1
    assert world.double_spends() == 0
    # It is the operator's again in every respect: renewed, restored, owned.
    for name in TOKENS:
        world.annotate(name, refresh_requested_at="now")
        world.wait_for(name, lambda found: found["status"].get("lastHandledRefreshAt") == "now")
        owner = (world.get("GitHubToken", name) or {})["metadata"]["uid"]
        world.wait_for(
            name,
            lambda found, owner=owner: found and found["metadata"]["ownerReferences"][0]["uid"] == owner,  # type: ignore[misc]
            kind="Secret",
        )
    assert world.double_spends() == 0
