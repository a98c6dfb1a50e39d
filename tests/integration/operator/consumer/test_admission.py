"""Admission: policies that deny a Secret, and webhooks that must be asked and do not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from localcluster import launch
from tests.integration.operator.stage.conditions import ready_of
from tests.integration.operator.stage.policies import denied

if TYPE_CHECKING:
    from tests.integration.operator.stage.world import World


HELD = 20
"""Of the 32 places so many at least are a namespace's that asks for all."""
TOKEN = {"apiVersion": "githubtoken.dev/v1alpha1", "kind": "GitHubToken"}
SECRETS: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"]}


@contextmanager
def webhook_away(
    world: World, rule: dict[str, Any], *, url: str = f"https://{launch.LOOPBACK}:1", hangs: int = 1
) -> Iterator[str]:
    """Nothing of `rule` is written in the namespace meanwhile; the webhook's name.

    It is asked there for so many seconds.
    """
    name = "policy.githubtoken.test"
    hook = {
        "name": name,
        "clientConfig": {"url": url},
        "rules": [{"apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], **rule}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": hangs,
    }
    kind, plane = "ValidatingWebhookConfiguration", world.cluster.control_plane
    meta = {"name": f"away-{world.namespace}"}
    plane.apply({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": meta, "webhooks": [hook]})
    try:
        # It counts some moments after it was made.
        world.settle(3)
        yield name
    finally:
        plane.kubectl("delete", kind, meta["name"])


def test_a_secret_that_a_policy_denies_is_a_matter_of_rights_and_its_words_are_told(world: World) -> None:
    world.app()
    there = f"request.namespace == '{world.namespace}'"
    with denied(world, "CREATE", "team secrets come from the vault", there=there):
        world.installation_token()
        assert "team secrets come from the vault" in world.wait_reason("ci", "MissingPermission").message
    assert len(world.requests("mint")) == 1


def test_a_token_whose_secret_waits_for_a_webhook_says_so_and_is_the_one_that_is_published(world: World) -> None:
    world.app()
    with webhook_away(world, SECRETS) as name:
        world.installation_token()
        told = ready_of(world.wait_for("ci", lambda token: name in ready_of(token).message))
        assert (told.status, told.reason) == ("Unknown", "Pending")
    world.wait_ready()
    assert len(world.requests("mint")) == 1


def test_a_namespace_whose_webhook_hangs_leaves_places_for_the_others(world: World) -> None:
    world.app()
    other = world.another_namespace("other")
    # It is connected to, and says nothing; each run in the namespace takes that long.
    with (
        socket.create_server((launch.LOOPBACK, 0), backlog=256) as silent,
        webhook_away(world, SECRETS, url=https_of(silent), hangs=15),
    ):
        for number in range(60):
            world.installation_token(f"ci-{number}")
        world.wait_until(lambda: len(world.requests("mint")) >= HELD, "every place that it may have to be taken")
        spec = {"personal": {"secretRef": {"name": "none"}}}
        world.cluster.create({**TOKEN, "metadata": {"name": "robot"}, "spec": spec}, other)
        world.wait_until(lambda: reasons_in(world, other) == ["CredentialMissing"], "the other's run")
        # None of them has come to an end meanwhile, so none has made place for it.
        assert reasons_in(world, world.namespace) == []


def https_of(listener: socket.socket) -> str:
    """The address of what listens there."""
    return f"https://{launch.LOOPBACK}:{listener.getsockname()[1]}"


def reasons_in(world: World, namespace: str) -> list[str]:
    """Of the GitHubTokens in the namespace that have a status."""
    found = [ready_of(token) for token in world.cluster.list("GitHubToken", namespace)]
    return [ready.reason for ready in found if ready.reason]


@pytest.mark.both_kinds
def test_a_failure_that_status_cannot_tell_is_no_reason_to_ask_github_more_often(world: World) -> None:
    rule = {"apiGroups": ["githubtoken.dev"], "resources": ["githubtokens/status", "clustergithubtokens/status"]}
    with webhook_away(world, rule):
        world.personal_token(f"ghp_{36 * '0'}")
        world.wait_until(lambda: world.requests("get_user"), "the first attempt")
        world.settle(5)
        assert len(world.requests("get_user")) == 1
        assert world.status("robot") == {"observedGeneration": -1}
    world.wait_reason("robot", "AuthenticationFailed")
