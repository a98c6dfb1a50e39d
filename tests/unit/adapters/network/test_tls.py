"""Real handshakes in memory: which certificates are accepted, and what is said of those that are not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from githubtoken_operator.adapters.network import tls
from githubtoken_operator.domain.vocabulary import certificates
from tests.cas import ANOTHER_NAME, EXPIRED, LEGACY, NOT_A_CA, TO_THE_LETTER, made

pytestmark = pytest.mark.every_python


def handshake(client: ssl.SSLContext, server_pem: Path, name: str = "127.0.0.1") -> None:
    """Raises what the client refuses."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(server_pem)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name),
        server.wrap_bio(there, back, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


def of(shape: str) -> ssl.SSLContext:
    return tls.trusting_only(certificates.of_pem(made(shape).ca_pem))


@pytest.mark.parametrize("shape", [TO_THE_LETTER, *LEGACY])
def test_a_ca_that_somebody_names_is_trusted(shape: str, tmp_path: Path) -> None:
    handshake(of(shape), made(shape).write(tmp_path / "server.pem"))


def test_a_certificate_that_is_named_itself_is_trusted_as_go_does(tmp_path: Path) -> None:
    leaf = tls.trusting_only(certificates.of_pem(made().server_pem))
    handshake(leaf, made().write(tmp_path / "server.pem"))


@pytest.mark.parametrize(
    ("trusted", "shape", "words"),
    [
        (LEGACY[0], LEGACY[1], "unable to get local issuer certificate"),
        (ANOTHER_NAME, ANOTHER_NAME, "certificate is not valid for '127.0.0.1'"),
        (EXPIRED, EXPIRED, "certificate has expired"),
        (NOT_A_CA, NOT_A_CA, "invalid CA certificate"),
    ],
    ids=["another CA", "another name", "expired", "no CA"],
)
def test_signature_name_date_and_the_right_to_sign_stay_checked(
    trusted: str, shape: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        handshake(of(trusted), made(shape).write(tmp_path / "server.pem"))
    refused = tls.refusal(caught.value)
    assert refused is not None
    assert words in refused
    assert refused.startswith("its certificate is refused (")


def test_what_is_no_certificate_is_counted() -> None:
    no_certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = certificates.of_pem(made().ca_pem + no_certificate)
    with pytest.raises(ValueError, match="number 2 of 2 is not a certificate"):
        tls.trusting_only(bundle)


async def test_a_bundle_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    real = tls.trusting_only

    def look(bundle: certificates.CABundle) -> ssl.SSLContext:
        looks.append(bundle.digest)
        return real(bundle)

    monkeypatch.setattr(tls, "trusting_only", look)
    tls._problems.clear()
    good, bad = certificates.of_pem(made().ca_pem), certificates.of_pem(b"")
    for _ in range(2):
        assert await tls.problem_of(good) is None
        assert await tls.problem_of(bad) == bad.problem
    assert looks == [good.digest, bad.digest]


def test_another_failure_is_no_refusal() -> None:
    assert tls.refusal(TimeoutError()) is None
    assert tls.refusal(ssl.SSLError("handshake")) is None
