"""The signer for Vault and OpenBao against the real OpenBao, which asks the real API server who logs in."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from githubtoken_operator.adapters.github.jwt import load_private_key
from githubtoken_operator.adapters.signers import backends
from githubtoken_operator.adapters.signers.checked import CheckedSigner
from githubtoken_operator.adapters.signers.port import Surroundings
from githubtoken_operator.domain.apps import signers, web_tokens
from githubtoken_operator.domain.vocabulary.errors import (
    SignerDenied,
    SignerKeyInvalid,
    SignerThrottled,
    SignerUnavailable,
    TokenError,
)
from localcluster import ControlPlane
from localcluster.openbao import OpenBao, provide_openbao
from tests.conftest import REPOSITORY
from tests.integration.adapters.signers.services.vaults import (
    AUDIENCE,
    NAMESPACE,
    REVIEWER,
    SERVICE_ACCOUNT,
    Vault,
    running_vault,
)
from tests.unit.keys import pem
from tests.unit.signers import Seen

pytestmark = pytest.mark.xdist_group("openbao")

TEXT = web_tokens.signing_input("Iv23acme", 1_772_366_400)


@pytest.fixture(scope="module")
def vault(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with running_vault(control_plane, tmp_path_factory.mktemp("vault")) as vault:
        vault.bao.import_key(pem("one"), "acme")
        yield vault


@asynccontextmanager
async def signer(vault: Vault, *, tokens: Path | None = None, **fields: Any) -> AsyncIterator[CheckedSigner]:  # noqa: ANN401
    key = signers.parse(vault.signer(**fields))
    opened = await backends.open_signer(key, Surroundings(token_folder=tokens or vault.tokens))
    checked = CheckedSigner(opened, backend="vault", observer=Seen())
    try:
        yield checked
    finally:
        await checked.aclose()


def written_by_pyjwt(which: str) -> str:
    claims = {"iat": 1_772_366_400 - 60, "exp": 1_772_366_400 + 540, "iss": "Iv23acme"}
    return pyjwt.encode(claims, load_pem_private_key(pem(which).encode(), None), algorithm="RS256")  # type: ignore[arg-type]


async def test_the_web_token_is_what_pyjwt_makes_of_the_same_key_byte_for_byte(vault: Vault) -> None:
    async with signer(vault) as it:
        signed = await it.sign(TEXT)

    assert web_tokens.complete(TEXT, signed.signature) == written_by_pyjwt("one")
    assert signed.key_id == "transit/acme v1"
    assert signed.fingerprint == load_private_key(pem("one").encode()).fingerprint


async def test_a_version_that_is_added_signs_from_then_on_and_a_pinned_one_goes_on(vault: Vault) -> None:
    vault.bao.import_key(pem("one"), "rotated")
    vault.role(keys=("acme", "rotated"))
    async with signer(vault, key="rotated") as newest, signer(vault, key="rotated", version=1) as pinned:
        assert (await newest.sign(TEXT)).key_id == "transit/rotated v1"
        vault.bao.import_key(pem("two"), "rotated", version=True)
        second, first = await newest.sign(TEXT), await pinned.sign(TEXT)
        assert (await newest.identify()).key_id == "transit/rotated v2"
        assert (await pinned.identify()).key_id == "transit/rotated v1"

    assert (second.key_id, web_tokens.complete(TEXT, second.signature)) == (
        "transit/rotated v2",
        written_by_pyjwt("two"),
    )
    assert (first.key_id, web_tokens.complete(TEXT, first.signature)) == ("transit/rotated v1", written_by_pyjwt("one"))


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("ecdsa-p256", "of the type `ecdsa-p256`"),
        ("ed25519", "of the type `ed25519`"),
        ("aes256-gcm96", "does not support signing"),
    ],
)
async def test_a_key_of_another_kind_is_told(vault: Vault, kind: str, found: str) -> None:
    vault.bao.ask("POST", f"transit/keys/{kind}", {"type": kind})
    vault.role(keys=("acme", kind))
    async with signer(vault, key=kind) as it:
        with pytest.raises(SignerKeyInvalid, match=found):
            await it.sign(TEXT)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"key": "nobodys"}, "signing key not found"),
        ({"version": 7}, "version"),
        ({"mount": "elsewhere"}, "check `mount`, `key` and `namespace`"),
    ],
)
async def test_a_key_that_is_not_there_is_told(vault: Vault, fields: dict[str, Any], found: str) -> None:
    vault.bao.policy("sign", ("transit/*", "update"), ("elsewhere/*", "update"))
    async with signer(vault, **fields) as it:
        with pytest.raises(SignerKeyInvalid, match=found):
            await it.sign(TEXT)
    vault.role()


async def test_a_namespace_that_is_not_there_is_for_a_human(vault: Vault) -> None:
    async with signer(vault, namespace="nobodys") as it:
        with pytest.raises(SignerDenied, match="refuses the login"):
            await it.sign(TEXT)


async def test_a_soft_deleted_key_is_a_trouble_of_the_key_though_vault_says_500(vault: Vault) -> None:
    vault.bao.ask("POST", "transit/keys/deleted", {"type": "rsa-2048"})
    vault.bao.ask("DELETE", "transit/keys/deleted/soft-delete")
    vault.role(keys=("acme", "deleted"))
    async with signer(vault, key="deleted") as it:
        with pytest.raises(SignerKeyInvalid, match="soft-deleted"):
            await it.sign(TEXT)


async def test_a_policy_that_does_not_let_sign_is_told_with_whom_it_refuses_and_what_it_lacks(vault: Vault) -> None:
    vault.role(keys=())
    async with signer(vault) as it:
        with pytest.raises(SignerDenied) as told:
            await it.sign(TEXT)
        assert f"`{NAMESPACE}/{SERVICE_ACCOUNT}`" in told.value.message
        assert "grant `update` on `transit/sign/acme`" in told.value.message
        vault.role()
        await it.sign(TEXT)


async def test_a_policy_that_does_not_let_read_the_public_key_is_told_too(vault: Vault) -> None:
    vault.bao.policy("sign", ("transit/sign/acme", "update"))
    async with signer(vault) as it:
        with pytest.raises(SignerDenied, match="grant `read` on `transit/keys/acme`"):
            await it.sign(TEXT)
    vault.role()


@pytest.mark.parametrize(
    ("audience", "account", "found"),
    [
        ("another", SERVICE_ACCOUNT, "audience"),
        (AUDIENCE, "default", "not authorized"),
    ],
)
async def test_a_login_that_is_refused_is_told_with_vaults_reason(
    vault: Vault, tmp_path: Path, audience: str, account: str, found: str
) -> None:
    other = Vault(vault.bao, vault.ca, tmp_path, vault.control_plane)
    token = other.project(audience, account=account)
    async with signer(vault, tokens=tmp_path) as it:
        with pytest.raises(SignerDenied, match=found) as told:
            await it.sign(TEXT)

    assert "Bind the role" in told.value.message
    assert token not in told.value.message


async def test_an_unknown_role_is_told(vault: Vault) -> None:
    async with signer(vault, auth={"kubernetes": {"role": "nobodys"}}) as it:
        with pytest.raises(SignerDenied, match="as the role `nobodys`"):
            await it.sign(TEXT)


async def test_without_a_projected_token_nothing_is_sent_and_the_charts_value_is_named(
    vault: Vault, tmp_path: Path
) -> None:
    async with signer(vault, tokens=tmp_path) as it:
        with pytest.raises(SignerDenied, match=r"`signers\.vault\.audiences`"):
            await it.sign(TEXT)


async def test_a_token_that_was_revoked_costs_another_login_and_no_failure(vault: Vault) -> None:
    async with signer(vault) as it:
        await it.sign(TEXT)
        vault.bao.ask("PUT", "sys/leases/revoke-force/auth/kubernetes")
        await it.sign(TEXT)


async def test_a_lease_that_ends_is_no_failure(vault: Vault) -> None:
    vault.role(ttl=1)
    async with signer(vault) as it:
        await it.sign(TEXT)
        await asyncio.sleep(1.2)
        await it.sign(TEXT)
    vault.role()


async def test_the_token_is_given_back_at_the_end(vault: Vault) -> None:
    def alive() -> int:
        return len(vault.bao.ask("LIST", "auth/token/accessors")["data"]["keys"])

    before = alive()
    async with signer(vault) as it:
        await it.sign(TEXT)
        assert alive() == before + 1
    assert alive() == before


@pytest.mark.parametrize(
    ("goes", "comes", "says"),
    [
        pytest.param("seal", "unseal", "sealed", id="sealed"),
        pytest.param("stop", "start", "accepts no connection", id="restarted"),
    ],
)
async def test_a_vault_that_was_away_signs_again(vault: Vault, goes: str, comes: str, says: str) -> None:
    async with signer(vault) as it:
        await it.sign(TEXT)
        getattr(vault.bao, goes)()
        with pytest.raises(SignerUnavailable, match=says):
            await it.sign(TEXT)
        getattr(vault.bao, comes)()
        await it.sign(TEXT)


async def test_a_quota_is_a_limit_that_is_waited_for(vault: Vault) -> None:
    async with signer(vault) as it:
        await it.sign(TEXT)
        vault.bao.ask("POST", "sys/quotas/rate-limit/tight", {"path": "transit/", "rate": 1, "interval": "1h"})
        try:
            # All are waited for: one that is still under way when the signer is closed would connect after that.
            ends = await asyncio.gather(*(it.sign(TEXT) for _ in range(5)), return_exceptions=True)
            throttled = [str(end) for end in ends if isinstance(end, SignerThrottled)]
            assert throttled
            assert all("limits the operator" in said for said in throttled)
        finally:
            vault.bao.ask("DELETE", "sys/quotas/rate-limit/tight")


async def test_a_ca_that_does_not_vouch_for_it_is_told(vault: Vault) -> None:
    async with signer(vault, caBundle=None) as it:
        with pytest.raises(SignerUnavailable, match="certificate"):
            await it.sign(TEXT)


def commands_of_the_page() -> str:
    """What docs/signers.md tells to type, with the names of this test."""
    section = (REPOSITORY / "docs" / "signers.md").read_text().partition("## Vault and OpenBao")[2]
    block = section.partition("```console")[2].partition("```")[0]
    typed = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    text = "\n".join(["set -e", *typed])
    return text.replace("githubtoken-system", NAMESPACE).replace("githubtoken-operator", SERVICE_ACCOUNT)


async def test_what_the_page_says_is_all_that_is_needed(
    vault: Vault, control_plane: ControlPlane, tmp_path: Path
) -> None:
    data = tmp_path / "bao"
    data.mkdir()
    (tmp_path / "acme.private-key.pem").write_text(pem("page"))
    (tmp_path / "ca.crt").write_bytes(control_plane.ca_file.read_bytes())
    reviewer = control_plane.kubectl("create", "token", REVIEWER, f"--namespace={NAMESPACE}").strip()
    program = provide_openbao(os.environ)
    with OpenBao(program, data) as fresh:
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "BAO_ADDR": fresh.address,
            "BAO_TOKEN": fresh.root,
            "HOME": str(tmp_path),
            "KUBERNETES": control_plane.server,
            "REVIEWER": reviewer,
        }
        typed = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", commands_of_the_page()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert typed.returncode == 0, typed.stderr
        assert not (tmp_path / "acme.private-key.pem").exists()
        at = Vault(fresh, vault.ca, vault.tokens, control_plane)
        async with signer(at, caBundle=None) as it:
            signed = await it.sign(TEXT)

    assert web_tokens.complete(TEXT, signed.signature) == written_by_pyjwt("page")


async def test_no_error_holds_a_credential(vault: Vault, tmp_path: Path) -> None:
    token = vault.project()
    told: list[str] = []
    for fields in ({"key": "nobodys"}, {"namespace": "x"}, {"auth": {"kubernetes": {"role": "x"}}}, {"mount": "y"}):
        async with signer(vault, **fields) as it:
            try:
                await it.sign(TEXT)
            except TokenError as error:
                told.append(f"{error!r} {error.__cause__!r} {error.__context__!r}")

    assert len(told) == 4
    assert [text for text in told if token in text or TEXT.decode() in text or "hvs." in text or "eyJ" in text] == []
