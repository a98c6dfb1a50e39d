"""A company's CAs beside the usual ones: what is trusted, also after the file was renewed or spoiled."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from githubtoken_operator.adapters.github.transport import GitHubTransport, make_transport
from githubtoken_operator.adapters.network.ca_file import CAFile, CannotTrust
from tests.cas import NO_KEY_USAGE, made


def trusted(context: ssl.SSLContext) -> int:
    return len(context.get_ca_certs())


def write(path: Path, *pems: bytes) -> Path:
    """As kubelet does: another file under the same name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(b"# Soci\xc3\xa9t\xc3\xa9 G\xc3\xa9n\xc3\xa9rale\n" + b"".join(pems))
    return fresh.replace(path)


def test_the_cas_of_the_file_are_added_to_the_usual_ones(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    usual = trusted(context)
    CAFile(write(tmp_path / "ca.crt", made().ca_pem, made(NO_KEY_USAGE).ca_pem)).renew(context)
    assert trusted(context) == usual + 2


def test_a_renewed_file_counts_without_a_restart(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file = CAFile(write(tmp_path / "ca.crt", made().ca_pem))
    file.renew(context)
    write(tmp_path / "ca.crt", made(NO_KEY_USAGE).ca_pem)
    file.renew(context)
    assert trusted(context) == 2


@pytest.mark.parametrize("spoil", ["removed", "empty", "cut off"])
def test_a_file_that_was_spoiled_leaves_what_was_trusted_and_is_told_once(
    tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    path = write(tmp_path / "ca.crt", made().ca_pem)
    file = CAFile(path)
    file.renew(context)
    if spoil == "removed":
        path.unlink()
    else:
        write(path, b"" if spoil == "empty" else made().ca_pem[:200])
    for _ in range(3):
        file.renew(context)
    assert trusted(context) == 1
    assert [record.levelname for record in caplog.records if "CAs of before" in record.getMessage()] == ["WARNING"]
    write(path, made(NO_KEY_USAGE).ca_pem)
    file.renew(context)
    assert trusted(context) == 2


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No such file"), (b"", "must be a file with"), (b"a,b", "must be a file with")]
)
def test_a_start_without_a_usable_file_is_refused(tmp_path: Path, text: bytes | None, said: str) -> None:
    path = tmp_path / "ca.crt"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(CannotTrust, match=said):
        CAFile(path)


def test_an_app_with_a_bundle_of_its_own_trusts_that_alone(tmp_path: Path) -> None:
    file = CAFile(write(tmp_path / "ca.crt", made().ca_pem))
    with_file = make_transport(None, ca_file=file)
    assert isinstance(with_file, GitHubTransport)
    assert with_file._ca_file is file
