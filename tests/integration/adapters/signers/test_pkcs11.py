"""PKCS#11 with SoftHSM: the PIN, a session that is lost, keys under one label, several Apps on one token."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest

from githubtoken_operator.adapters.signers.port import Signer
from githubtoken_operator.adapters.signers.services import pkcs11 as backend
from githubtoken_operator.domain.apps.signers import PKCS11Key
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import SignerDenied, SignerKeyInvalid, SignerUnavailable, Terminal
from tests.integration.adapters.signers.services import materials, softhsm
from tests.integration.adapters.signers.services.softhsm import SoftHSM
from tests.integration.adapters.signers.stage import surroundings

pytestmark = pytest.mark.xdist_group("signer-pkcs11")


@pytest.fixture
def hsm(soft_hsm: SoftHSM, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHSM]:
    """With a module that nobody has logged in to."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(soft_hsm.configuration))
    _lose_sessions(soft_hsm)
    backend._modules.clear()
    yield soft_hsm
    backend._modules.clear()


class Watched:
    """The module, counting what is asked of it; the first `away` openings of a session fail."""

    def __init__(self, hsm: SoftHSM, *, away: int = 0) -> None:
        self._library = pkcs11.lib(str(hsm.module))
        self._away = away
        self.opened = self.begun = 0

    def get_token(self, **search: str) -> object:
        self.opened += 1
        if self.opened <= self._away:
            raise pkcs11.TokenNotPresent
        return self._library.get_token(**search)

    def reinitialize(self) -> None:
        self.begun += 1
        self._library.reinitialize()


def _lose_sessions(hsm: SoftHSM) -> None:
    """In a thread of its own: what SoftHSM leaves in OpenSSL's errors comes out of the next TLS context there."""
    thread = threading.Thread(target=lambda: pkcs11.lib(str(hsm.module)).reinitialize())
    thread.start()
    thread.join()


def signer(hsm: SoftHSM, label: str = "app", *, pin_file: Path | None = None, token: str = softhsm.TOKEN) -> Signer:
    files = {"pkcs11_module": hsm.module, "pkcs11_pin_file": pin_file or hsm.pin_file}
    return backend.PKCS11Signer(PKCS11Key(token, label), surroundings(Path("/none"), **files))


async def test_a_wrong_pin_is_tried_once_until_the_file_changes(
    hsm: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Watched(hsm)
    monkeypatch.setattr(pkcs11, "lib", lambda _: module)
    pin_file = tmp_path / "pin"
    pin_file.write_text("canary-wrong-pin")
    app = signer(hsm, pin_file=pin_file)

    for _ in range(3):
        with pytest.raises(SignerDenied) as refused:
            await app.sign(materials.text())
        assert "canary-wrong-pin" not in materials.told(refused.value)
    assert module.opened == 1

    pin_file.write_text(softhsm.PIN)
    assert (await app.sign(materials.text())).signature == materials.by_pyjwt(materials.rsa_key())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # The library's object ends too late.
async def test_a_session_that_the_module_has_lost_is_opened_once_more(hsm: SoftHSM) -> None:
    app = signer(hsm)
    await app.sign(materials.text())

    _lose_sessions(hsm)
    signed = await app.sign(materials.text())

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())


async def test_an_hsm_that_is_away_at_first_is_begun_anew_with_at_each_attempt(
    hsm: SoftHSM, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Watched(hsm, away=2)
    monkeypatch.setattr(pkcs11, "lib", lambda _: module)
    app = signer(hsm)

    for _ in range(2):
        with pytest.raises(SignerUnavailable):
            await app.sign(materials.text())
    signed = await app.sign(materials.text())

    assert signed.signature == materials.by_pyjwt(materials.rsa_key())
    assert module.begun == 2


async def test_apps_on_one_token_share_its_login_and_the_end_of_one_leaves_the_others(hsm: SoftHSM) -> None:
    apps = [signer(hsm) for _ in range(4)]
    await asyncio.gather(*(app.sign(materials.text()) for app in apps for _ in range(5)))

    await apps[0].aclose()

    assert (await apps[1].sign(materials.text())).signature == materials.by_pyjwt(materials.rsa_key())


async def test_another_key_under_the_label_signs_from_then_on(hsm: SoftHSM) -> None:
    hsm.add("changing", materials.pkcs8(materials.rsa_key()), number="11")
    app = signer(hsm, "changing")
    before = await app.sign(materials.text())

    hsm.add("changing", materials.pkcs8(materials.rsa_key("next")), number="12")
    with pytest.raises(SignerKeyInvalid, match="several private keys have that label"):
        await app.sign(materials.text())
    _delete(hsm, number=b"\x11")
    after = await app.sign(materials.text())

    assert before.key_id != after.key_id
    assert after.signature == materials.by_pyjwt(materials.rsa_key("next"))


def _delete(hsm: SoftHSM, *, number: bytes) -> None:
    """As `pkcs11-tool --delete-object` does; here in the session that this process has."""
    module = backend._modules[hsm.module]

    def call() -> None:
        session = module.sessions.pop(softhsm.TOKEN)
        session.close()
        with (
            pkcs11.lib(str(hsm.module)).get_token(token_label=softhsm.TOKEN).open(rw=True, user_pin=softhsm.PIN) as own
        ):
            for found in list(own.get_objects({pkcs11.Attribute.ID: number})):
                found.destroy()

    module.thread._pool.submit(call).result()


async def test_a_token_that_is_not_there_is_said_to_be_missing(hsm: SoftHSM) -> None:
    with pytest.raises(SignerKeyInvalid, match="there is no such token in any slot"):
        await signer(hsm, token="other").sign(materials.text())


async def test_a_pin_file_that_is_not_there_is_no_refusal(hsm: SoftHSM, tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable, match="`--pkcs11-pin-file` cannot be read"):
        await signer(hsm, pin_file=tmp_path / "none").sign(materials.text())


async def test_a_pin_file_that_is_no_text_is_told_without_its_bytes(hsm: SoftHSM, tmp_path: Path) -> None:
    (tmp_path / "pin").write_bytes(b"canary-pin\xff")
    with pytest.raises(SignerUnavailable, match="must be text") as refused:
        await signer(hsm, pin_file=tmp_path / "pin").sign(materials.text())
    assert "canary-pin" not in materials.told(refused.value)


async def test_a_library_that_is_none_is_told_without_a_crash(hsm: SoftHSM, tmp_path: Path) -> None:
    (tmp_path / "library.so").write_text("no library")
    files = {"pkcs11_module": tmp_path / "library.so", "pkcs11_pin_file": hsm.pin_file}

    with pytest.raises(SignerUnavailable):
        await backend.PKCS11Signer(PKCS11Key("acme", "app"), surroundings(tmp_path, **files)).sign(materials.text())


def test_without_the_flags_the_object_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Terminal) as refused:
        backend.PKCS11Signer(PKCS11Key("acme", "app"), surroundings(tmp_path))

    assert refused.value.reason == reasons.INVALID_SPEC
    assert "--pkcs11-module" in refused.value.message
