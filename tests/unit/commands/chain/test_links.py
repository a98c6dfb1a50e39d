"""What `githubtoken status` says of each link, whole or broken, and to somebody who may not see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.commands.survey import SecretLook
from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.commands.cluster.snapshot import Snapshot
from githubtoken_operator.commands.terminal.checks import Look
from githubtoken_operator.domain.vocabulary import reasons
from tests.unit.builders import app_body, cluster_app_body, githubtoken_body
from tests.unit.commands.chain.chains import ACCEPTED, DENIED, KEY, OURS, walked
from tests.unit.commands.snapshots import at, condition, needing_human, snapshot

PRIVATE_KEY = "Private key private-key.pem in Secret acme-app"
PAST, SOON = at(-timedelta(minutes=5)), at(timedelta(minutes=5))

FAILING = condition("Ready", "True", "Fresh", "token valid; refresh failing: GitHub is away")


def broken(reason: str, **settings: Any) -> Snapshot:  # noqa: ANN401 - fields of any kind
    """A GitHubToken that is not ready, and needs a human."""
    return snapshot(status={"conditions": needing_human(reason, "do that")}, **settings)


def test_a_whole_chain_is_ok_in_every_link() -> None:
    found = walked()
    assert list(found) == ["GitHubToken ci", "GitHubApp acme", PRIVATE_KEY, "Installation id 678", "Secret ci", "Pods"]
    assert {check.state for check in found.values()} == {"ok"}
    assert found["GitHubApp acme"].says == "Accepted: GitHub accepts it (App `bot` of acme)"
    assert found[PRIVATE_KEY].says == "parses; fingerprint SHA256:abc"
    assert found["Secret ci"].says == "Opaque, revision 3, keys token"


@pytest.mark.parametrize(
    ("token", "state", "says"),
    [
        (snapshot(), "ok", "Fresh: token valid until later"),
        (Snapshot(githubtoken_body()), "warning", "the operator has not looked at the present spec yet"),
        (broken("AppNotFound"), "failed", "AppNotFound: do that"),
        (snapshot(status={"conditions": [condition("Ready", "Unknown", "Pending", "")]}), "warning", "Pending"),
        (snapshot(status={"expirationTime": PAST}), "failed", "expired 5m ago, and status was not told"),
        (snapshot(status={"renewalTime": PAST}), "warning", "should have been renewed 5m ago"),
        (snapshot(status={"renewalTime": PAST}, suspend=True), "ok", "Fresh: token valid until later"),
        (
            snapshot(status={"failedAttempts": 2, "lastFailureTime": PAST, "conditions": [FAILING]}),
            "warning",
            "Fresh: token valid; refresh failing: GitHub is away",
        ),
        (
            snapshot(
                status={
                    "conditions": [
                        condition("Ready", "True", "Fresh", "token valid"),
                        condition("NeedsHuman", "True", "ExpiresSoon", "make another"),
                    ]
                }
            ),
            "warning",
            "ExpiresSoon: make another",
        ),
    ],
)
def test_the_githubtoken_says_how_it_is_and_whether_that_still_holds(token: Snapshot, state: str, says: str) -> None:
    check = walked(token)["GitHubToken ci"]
    assert (check.state, check.says) == (state, says)


@pytest.mark.parametrize(
    ("app", "state", "says"),
    [
        (None, "failed", "is not there"),
        (DENIED, "unknown", "not readable for you (User x cannot get it)"),
        (Unavailable(0, "no answer"), "unknown", "could not be read (no answer)"),
        ({**app_body(), "status": {}}, "warning", "Pending"),
        (
            {**app_body(), "status": {"conditions": [condition("Ready", "False", "PrivateKeyInvalid", "replace it")]}},
            "failed",
            "PrivateKeyInvalid: replace it",
        ),
    ],
)
def test_an_app_that_is_not_as_it_should_be_says_why(app: object, state: str, says: str) -> None:
    check = walked(app=Look(app))["GitHubApp acme"]
    assert (check.state, check.says) == (state, says)


@pytest.mark.parametrize(
    ("secret", "state", "says"),
    [
        (None, "failed", "the Secret is not there"),
        (DENIED, "unknown", "not readable for you (User x cannot get it)"),
        (SecretLook("Opaque", ("key",), {}, {}), "failed", "the Secret has no key `private-key.pem` (it has key)"),
        (SecretLook("Opaque", (), {}, {}), "failed", "the Secret has no key `private-key.pem` (it is empty)"),
        (
            SecretLook("Opaque", ("private-key.pem",), {}, {}, key_problem="it is a certificate"),
            "failed",
            "must be an RSA private key, but it is a certificate",
        ),
    ],
)
def test_a_private_key_that_cannot_be_used_says_why(secret: object, state: str, says: str) -> None:
    check = walked(private_key=Look(secret))[PRIVATE_KEY]
    assert (check.state, check.says) == (state, says)


def test_a_key_that_is_not_where_the_operator_is_said_to_be_may_be_where_it_is() -> None:
    accepted = {**cluster_app_body(), "status": ACCEPTED}
    token = snapshot(status={"account": "acme"}, appRef={"kind": "ClusterGitHubApp", "name": "acme"})
    check = walked(token, app=Look(accepted), private_key=Look(None))[PRIVATE_KEY]
    assert (check.state, check.says) == ("unknown", "the Secret is not in the namespace githubtoken-system")
    assert check.advice == "create it, or say --operator-namespace where the operator is in another"


def test_an_app_that_names_no_key_cannot_mint() -> None:
    app = {**app_body(privateKeySecretRef=None), "status": ACCEPTED}
    check = walked(app=Look(app), private_key=None)["Private key"]
    assert (check.state, check.says) == ("failed", "the App names none")


@pytest.mark.parametrize(
    ("status", "state", "says"),
    [
        ({**ACCEPTED, "keyFingerprint": "SHA256:abc"}, "ok", "signs with SHA256:abc"),
        ({}, "warning", "was not asked yet"),
        (
            {"conditions": [condition("Ready", "False", "SignerUnavailable", "Vault is sealed")]},
            "failed",
            "SignerUnavailable: Vault is sealed",
        ),
    ],
)
def test_a_signer_stands_in_the_place_of_a_private_key(status: dict[str, Any], state: str, says: str) -> None:
    body = cluster_app_body(privateKeySecretRef=None, signer={"pkcs11": {"tokenLabel": "hsm", "keyLabel": "acme"}})
    found = walked(app=Look({**body, "status": status}), private_key=None)
    assert "Private key" not in found
    assert (found["Signer PKCS#11 hsm/acme"].state, found["Signer PKCS#11 hsm/acme"].says) == (state, says)


@pytest.mark.parametrize("reason", sorted(reasons.OF_SIGNERS))
def test_what_a_signer_refuses_is_told_at_the_signer(reason: str) -> None:
    body = {
        **cluster_app_body(privateKeySecretRef=None, signer={"awsKMS": {"keyID": "alias/acme"}}),
        "status": ACCEPTED,
    }
    found = walked(broken(reason), app=Look(body), private_key=None)
    assert found["Signer AWS KMS alias/acme"].says == f"{reason}: do that"


@pytest.mark.parametrize(
    ("reason", "link"),
    [
        (reasons.APP_NOT_ALLOWED, "GitHubApp acme"),
        (reasons.AUTHENTICATION_FAILED, "GitHubApp acme"),
        (reasons.PRIVATE_KEY_MISSING, PRIVATE_KEY),
        (reasons.INSTALLATION_SUSPENDED, "Installation id 678"),
        (reasons.PERMISSIONS_NOT_GRANTED, "Installation id 678"),
        (reasons.SECRET_CONFLICT, "Secret ci"),
    ],
)
def test_what_the_operator_found_is_told_at_its_link_and_nowhere_else(reason: str, link: str) -> None:
    found = walked(broken(reason))
    failed = [name for name, check in found.items() if check.state == "failed"]
    assert failed == ["GitHubToken ci", link]
    assert found[link].says == f"{reason}: do that"


@pytest.mark.parametrize("reason", [reasons.APP_NOT_ALLOWED, reasons.AUTHENTICATION_FAILED])
def test_a_viewer_sees_where_the_chain_ends_although_the_link_itself_is_hidden(reason: str) -> None:
    found = walked(broken(reason), app=Look(DENIED), private_key=None, secret=Look(DENIED))
    assert (found["GitHubApp acme"].state, found["GitHubApp acme"].says) == ("failed", f"{reason}: do that")
    assert found["Secret ci"].state == "unknown"


def test_a_viewer_is_told_the_revision_that_status_knows() -> None:
    check = walked(secret=Look(DENIED))["Secret ci"]
    says = "not readable for you (User x cannot get it); status says that it has revision 3"
    assert (check.state, check.says) == ("unknown", says)


def annotated(**annotations: str) -> SecretLook:
    notes = {"githubtoken.dev/name": "ci", "githubtoken.dev/revision": "3"}
    return SecretLook("Opaque", ("token",), {}, notes | {f"githubtoken.dev/{k}": v for k, v in annotations.items()})


@pytest.mark.parametrize(
    ("secret", "state", "says"),
    [
        (None, "failed", "the Secret is not there"),
        (SecretLook("Opaque", ("token",), {}, {}), "failed", "was not written for this GitHubToken"),
        (annotated(name="other"), "failed", "was not written for this GitHubToken"),
        (annotated(revision="2"), "warning", "has revision 2, where status says 3"),
        (annotated(**{"expires-at": PAST}), "failed", "its token expired 5m ago"),
        (annotated(**{"expires-at": SOON}), "ok", "Opaque, revision 3, keys token"),
    ],
)
def test_the_secret_says_whose_and_how_old_its_token_is(secret: object, state: str, says: str) -> None:
    check = walked(secret=Look(secret))["Secret ci"]
    assert (check.state, check.says) == (state, says)


@pytest.mark.parametrize(
    ("token", "advice"),
    [
        (snapshot(), "the operator puts it back within seconds"),
        (broken("AppNotFound"), "makes it with the first token"),
    ],
)
def test_nobody_is_told_to_make_a_secret_that_is_the_operators(token: Snapshot, advice: str) -> None:
    assert advice in walked(token, secret=Look(None))["Secret ci"].advice
    assert "the operator makes it" in user(credential=None)["Credential Secret ci-credential"].advice


# --- Other kinds of tokens -------------------------------------------------------------------------------------------

SEED = "Seed refresh_token in Secret alice-seed"
CREDENTIAL = SecretLook("Opaque", ("token",), {"githubtoken.dev/role": "credential"}, {"githubtoken.dev/name": "ci"})


def user(source: object = KEY, credential: object = CREDENTIAL, token: Snapshot | None = None, **of: Any) -> Any:  # noqa: ANN401
    spec: dict[str, Any] = {"user": {"seedSecretRef": {"name": "alice-seed"}}}
    return walked(
        token or snapshot(status={"kind": "User", **of}, **spec),
        client_secret=Look(SecretLook("Opaque", ("client-secret",), {}, {})),
        source=Look(source),
        credential=Look(credential),
    )


def test_a_users_token_hangs_on_its_credential_and_not_on_an_installation() -> None:
    found = user(None, refreshTokenExpirationTime=at(timedelta(days=100)))
    assert {name: check.state for name, check in found.items() if name.split()[0] in {"Seed", "Credential"}} == {
        SEED: "ok",
        "Credential Secret ci-credential": "ok",
    }
    assert found[SEED].says == "is not there any more, and not needed while the sign-in lasts"
    assert found["Credential Secret ci-credential"].says.startswith("is there; the sign-in ends in 100d")
    assert found["Client secret client-secret in Secret acme-app"].says == "is there"
    assert not any(name.startswith("Installation") for name in found)


def test_a_seed_that_is_needed_and_not_there_breaks_the_chain() -> None:
    token = broken(reasons.CREDENTIAL_MISSING, user={"seedSecretRef": {"name": "alice-seed"}})
    found = user(None, None, token)
    assert (found[SEED].state, found[SEED].advice) == ("failed", "create it")
    assert found["Credential Secret ci-credential"].says == "CredentialMissing: do that"


def test_a_code_is_shown_where_somebody_has_to_sign_in() -> None:
    code = {"userCode": "ABCD-1234", "verificationURI": "https://github.com/login/device"}
    check = user(deviceFlow=code)["Credential Secret ci-credential"]
    assert check.sentence == (
        "waits for somebody to sign in: enter the code ABCD-1234 at https://github.com/login/device"
    )


def test_a_credential_secret_of_another_is_told() -> None:
    check = user(credential=OURS)["Credential Secret ci-credential"]
    assert (check.state, check.says) == ("failed", "was not made for this GitHubToken")


@pytest.mark.parametrize(
    ("source", "state", "says"),
    [
        (SecretLook("Opaque", ("token",), {"githubtoken.dev/role": "seed"}, {}), "ok", "is there"),
        (SecretLook("Opaque", ("token",), {}, {}), "ok", "is there"),
        (SecretLook("Opaque", ("pat",), {}, {}), "failed", "the Secret has no key `token` (it has pat)"),
        (None, "failed", "the Secret is not there"),
    ],
)
def test_a_personal_token_hangs_on_nothing_but_its_secret(source: object, state: str, says: str) -> None:
    body = githubtoken_body(status=dict(snapshot().status), personal={"secretRef": {"name": "my-pat"}})
    del body["spec"]["appRef"]
    found = walked(Snapshot(body), app=None, private_key=None, source=Look(source))
    assert list(found) == ["GitHubToken ci", "Personal token token in Secret my-pat", "Secret ci", "Pods"]
    check = found["Personal token token in Secret my-pat"]
    assert (check.state, check.says) == (state, says)
