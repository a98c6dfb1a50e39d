"""What of a user's pair is revoked at the end, for which client, and what becomes of its Secret."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.errors import Forbidden
from githubtoken_operator.domain.objects.secrets import ADOPT, ADOPTED, decoded, encoded
from githubtoken_operator.domain.objects.specs.github_token import parse_token
from githubtoken_operator.domain.user.credentials import credential, credential_body
from githubtoken_operator.domain.user.credentials.credential import Intent
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.domain.vocabulary.times import format_time
from githubtoken_operator.tokens.user.credentials import FOREIGN_INTENT_WAIT
from tests.unit.fakes import AFTER, Killed, raising
from tests.unit.tokens.ends import CREDENTIAL, TOKEN, living, revocations, until_gone, user

# --- What nobody has any more ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_pair_that_went_before_its_githubtoken_is_never_called_revoked(restarted: bool) -> None:  # noqa: FBT001
    world = await user()
    process = world.start()
    await process.run()
    for key in [key for key in world.api.objects if key.startswith(("secrets/", "githubapps/"))]:
        del world.api.objects[key]
    world.api.delete(TOKEN)
    process = world.start() if restarted else process
    assert await process.run() is None
    assert TOKEN not in world.api.objects
    assert world.github.live
    assert revocations(process) == {"success": 0, "failed": 1}
    event = world.api.events[-1]
    assert event["reason"] == reasons.REVOCATION_FAILED
    assert "ci-credential" in event["message"]
    assert "Settings > Applications" in event["message"]


async def test_the_access_token_is_revoked_where_only_the_refresh_token_is_gone() -> None:
    world = await user()
    access = decoded(world.secret(), "token")
    del world.api.objects[CREDENTIAL]
    world.api.delete(TOKEN)
    process = world.start()
    await process.run()
    assert world.github.revoked == {access}
    assert revocations(process) == {"success": 0, "failed": 1}


async def test_a_crash_after_the_revocation_does_not_make_a_failure_of_it() -> None:
    world = await user()
    world.api.delete(TOKEN)
    world.faults.on(f"DELETE {CREDENTIAL}", raising(Killed()), moment=AFTER)
    with pytest.raises(Killed):
        await world.start().run()
    world.faults.clear()
    process = world.start()
    await process.run()
    assert TOKEN not in world.api.objects
    assert revocations(process) == {"success": 1, "failed": 0}


# --- Deletion --------------------------------------------------------------------------------------------------------


async def test_a_newer_sign_in_during_the_deletion_is_revoked_too() -> None:
    world = await user()
    newer = world.github.sign_in("again")

    def sign_in() -> None:
        world.api.edit(CREDENTIAL, lambda body: body["data"].update(encoded({"refresh_token": newer.reveal()})))

    world.faults.once("revoke", sign_in, moment=AFTER)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert newer.reveal() in world.github.revoked
    assert CREDENTIAL not in world.api.objects


@pytest.mark.parametrize("annotation", [ADOPT, ADOPTED])
async def test_an_adopted_credential_secret_is_given_back_to_its_maker_without_the_pair(annotation: str) -> None:
    world = await user()

    def adopted(body: dict[str, Any]) -> None:
        body["metadata"]["annotations"].update({annotation: "true", "example.com/team": "a"})
        body["data"].update(encoded({"theirs": "precious"}))

    world.api.edit(CREDENTIAL, adopted)
    tokens = living(world)
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert world.github.revoked == tokens
    left = world.api.objects[CREDENTIAL]
    assert left["data"] == encoded({"theirs": "precious"})
    assert (left["metadata"]["labels"], left["metadata"]["annotations"]) == ({}, {"example.com/team": "a"})


# --- The right pair, by the right App --------------------------------------------------------------------------------


async def test_the_client_secret_serves_pairs_of_its_own_client_id_only() -> None:
    world = await user()
    world.api.edit("githubapps/acme", lambda body: body["spec"].update(clientID="Iv23another"))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    (revoker,) = world.github.revokers
    assert (revoker.client_id, revoker.client_secret) == ("Iv23acme", None)


async def test_an_app_that_tells_no_client_id_revokes_by_the_one_of_the_pair() -> None:
    world = await user()
    world.api.edit("githubapps/acme", lambda body: body["spec"].pop("clientID"))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    (revoker,) = world.github.revokers
    assert (revoker.client_id, revoker.client_secret is None) == ("Iv23acme", False)


async def test_the_outcome_of_another_process_is_waited_for() -> None:
    world = await user()
    stored = world.api.objects[CREDENTIAL]
    current = credential.read(stored).current or ""
    intent = Intent(current, "another-pod", 1, format_time(world.clock.now))
    world.api.put(
        credential_body.with_intent(
            stored, intent, parse_token(world.api.objects[TOKEN]), credential.read(stored).client_id or ""
        )
    )
    world.api.delete(TOKEN)
    process, begun = world.start(), world.clock.now
    await process.run()
    assert world.github.revoked == set()
    await until_gone(world, process)
    assert world.clock.now - begun >= FOREIGN_INTENT_WAIT
    assert TOKEN not in world.api.objects
    assert current in {Token(token).sha256 for token in world.github.revoked}


async def test_a_credential_that_may_not_be_deleted_does_not_hold_it_for_longer() -> None:
    world = await user()
    world.faults.on(f"DELETE {CREDENTIAL}", raising(Forbidden(403, "cannot delete secrets")))
    world.api.delete(TOKEN)
    await until_gone(world, world.start())
    assert TOKEN not in world.api.objects
    assert world.event_reasons[-1] == reasons.REVOCATION_FAILED
