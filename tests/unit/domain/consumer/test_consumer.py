"""The consumer's Secret: whose it may be, what it looks like, and what a restarted operator learns from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects.secrets import REVISION, ROLE, decoded, encoded
from githubtoken_operator.domain.objects.specs.github_token import GitHubToken
from githubtoken_operator.domain.vocabulary.model import AccessToken, Token
from tests.unit.builders import access_token, app, githubtoken, issued, pair, published, user_githubtoken

SERVER = app().server


# --- The spec's hash -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        pytest.param(
            {"installation": {"id": 678}},
            '{"app":"12345","host":"https://api.github.com","id":678,"kind":"installation"}',
            id="an installation by id",
        ),
        pytest.param(
            {"installation": {"owner": "acme", "repositories": ["b", "a"], "permissions": {"contents": "read"}}},
            '{"app":"12345","host":"https://api.github.com","kind":"installation","owner":"acme",'
            '"permissions":{"contents":"read"},"repositories":["a","b"]}',
            id="by owner, narrowed",
        ),
        pytest.param(
            {"installation": {"repository": "acme/website"}},
            '{"app":"12345","host":"https://api.github.com","kind":"installation","repository":"acme/website"}',
            id="by repository",
        ),
        pytest.param(
            {"installation": {"id": 1, "repositoryIDs": [3, 2]}},
            '{"app":"12345","host":"https://api.github.com","id":1,"kind":"installation","repositoryIDs":[2,3]}',
            id="narrowed by ids",
        ),
        pytest.param({"user": {}}, '{"app":"12345","host":"https://api.github.com","kind":"user"}', id="a user token"),
    ],
)
def test_an_upgrade_of_the_operator_mints_nothing_anew(spec: dict[str, Any], canonical: str) -> None:
    # The hashes are stored in the Secrets of running clusters: a change of them mints every token again.
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert consumer.spec_hash(githubtoken(**spec), app()) == f"v1:{digest}"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"renewBefore": "20m"}, id="renewBefore"),
        pytest.param({"renewBeforePercentage": 50}, id="renewBeforePercentage"),
        pytest.param({"suspend": True}, id="suspend"),
        pytest.param({"deletionPolicy": "Retain"}, id="deletionPolicy"),
        pytest.param({"secret": {"name": "other", "labels": {"a": "b"}}}, id="the Secret's looks"),
        pytest.param({"secret": {"formats": ["BasicAuth", "Env"], "data": {"a": "${token}"}}}, id="what is in it"),
        pytest.param({"uid": "uid-other"}, id="another object of that name"),
    ],
)
def test_what_only_concerns_storing_and_renewing_asks_for_no_other_token(spec: dict[str, Any]) -> None:
    assert consumer.spec_hash(githubtoken(**spec), app()) == consumer.spec_hash(githubtoken(), app())


def test_what_a_token_is_obtained_for_is_told_apart() -> None:
    specs: list[dict[str, Any]] = [
        {"installation": {"id": 678}},
        {"installation": {"id": 679}},
        {"installation": {"owner": "acme"}},
        {"installation": {"repository": "acme/website"}},
        {"installation": {"id": 678, "repositories": ["website"]}},
        {"installation": {"id": 678, "repositoryIDs": [1]}},
        {"installation": {"id": 678, "permissions": {"contents": "read"}}},
        {"installation": {"id": 678, "permissions": {"contents": "write"}}},
        {"user": {}},
    ]
    apps = [app(), app(app_id=2), app(api_url="https://ghe.example/api/v3")]
    hashes = [consumer.spec_hash(githubtoken(**spec), each) for spec in specs for each in apps]
    assert len(set(hashes)) == len(hashes)


def test_a_client_id_that_is_added_to_an_app_asks_for_no_other_token() -> None:
    assert consumer.spec_hash(githubtoken(), app(client_id=None)) == consumer.spec_hash(githubtoken(), app())


# --- What it looks like, and what it tells ---------------------------------------------------------------------------


def test_the_secret_says_what_it_holds_for_whom_and_since_when() -> None:
    token = githubtoken(secret={"name": "ci-token", "labels": {"team": "a"}, "annotations": {"note": "b"}})
    held = issued(token, number=3)
    body = consumer.render(token, held, SERVER)
    assert body["type"] == "Opaque"
    assert "stringData" not in body
    assert body["data"] == encoded(
        {
            "token": "ghs_token3",
            "type": "bearer",
            "created": "2026-03-01T12:00:00Z",
            "expires_in": "3600",
            "expires_at": "2026-03-01T13:00:00Z",
        }
    )
    meta = body["metadata"]
    assert (meta["name"], meta["namespace"]) == ("ci-token", "team")
    assert meta["labels"] == {"team": "a", "githubtoken.dev/role": "token"}
    assert meta["annotations"] == {
        "note": "b",
        "githubtoken.dev/issued-at": "2026-03-01T12:00:00Z",
        "githubtoken.dev/expires-at": "2026-03-01T13:00:00Z",
        "githubtoken.dev/revision": "3",
        "githubtoken.dev/spec-hash": held.spec_hash,
        "githubtoken.dev/token-sha256": held.access.token.sha256,
        "githubtoken.dev/name": "ci",
    }
    (owner,) = meta["ownerReferences"]
    assert owner == {
        "apiVersion": "githubtoken.dev/v1alpha1",
        "kind": "GitHubToken",
        "name": "ci",
        "uid": "uid-ci",
        "controller": True,
    }


def test_a_consumer_never_gets_the_refresh_token() -> None:
    token = user_githubtoken()
    body = consumer.render(token, issued(token, access=pair()), SERVER)
    assert "refresh_token" not in body["data"]
    assert "refresh_expires_at" in body["data"]
    assert "ghr_" not in str([decoded(body, key) for key in body["data"]])


@pytest.mark.parametrize(
    ("token", "adopted"),
    [
        pytest.param(githubtoken(deletionPolicy="Retain"), False, id="Retain"),
        pytest.param(githubtoken(), True, id="adopted"),
    ],
)
def test_a_secret_that_outlives_its_githubtoken_has_no_owner(token: GitHubToken, *, adopted: bool) -> None:
    assert consumer.render(token, issued(), SERVER, adopted=adopted)["metadata"]["ownerReferences"] == []


ALL_AT_ONCE: dict[str, Any] = {
    "installation": {"repository": "acme/website"},
    "secret": {
        "labels": {"team": "a", "argocd.argoproj.io/secret-type": "mine"},
        "formats": ["BasicAuth", "GitCredentials", "Netrc", "GHHosts", "ArgoCDRepository", "Env"],
        "data": {"config.ini": "token = ${token}\nuntil = ${expires_at}\nprice = $$5\n", "empty": ""},
    },
}


def test_formats_and_texts_are_keys_beside_the_plain_ones() -> None:
    token = githubtoken(**ALL_AT_ONCE)
    body = consumer.render(token, issued(token), SERVER)
    assert body["type"] == "kubernetes.io/basic-auth"
    assert body["data"].keys() == {
        "token", "type", "created", "expires_in", "expires_at", "username", "password", ".git-credentials", ".netrc",
        "hosts.yml", "config.yml", "url", "GITHUB_TOKEN", "GH_TOKEN", "config.ini", "empty",
    }  # fmt: skip
    assert decoded(body, "config.ini") == "token = ghs_token1\nuntil = 2026-03-01T13:00:00Z\nprice = $5\n"
    assert decoded(body, "empty") == ""
    assert body["metadata"]["labels"] == {ROLE: "token", "team": "a", "argocd.argoproj.io/secret-type": "repository"}


def test_a_config_of_gh_that_an_object_brings_is_kept() -> None:
    """Objects have one from before the format wrote it, and may have more in it."""
    data = {"config.yml": "version: '1'\nprompt: disabled\n"}
    token = githubtoken(secret={"formats": ["GHHosts"], "data": data})
    body = consumer.render(token, issued(token), SERVER)
    assert token.invalid is None
    assert decoded(body, "config.yml") == data["config.yml"]


def test_the_type_of_argo_cd_replaces_the_tokens_own_and_is_not_taken_for_it() -> None:
    token = githubtoken(
        installation={"owner": "acme"}, secret={"formats": ["ArgoCDRepository"], "data": {"t": "${type}"}}
    )
    held = issued(token)
    body = consumer.render(token, held, SERVER)
    assert (decoded(body, "type"), decoded(body, "t")) == ("git", "bearer")
    assert consumer.read(body) == held


def test_all_that_speaks_of_a_token_changes_with_it() -> None:
    token = githubtoken(**ALL_AT_ONCE)
    first, second = (consumer.render(token, issued(token, number=number), SERVER)["data"] for number in (1, 2))
    texts = {key: decoded({"data": second}, key) or "" for key in second}
    assert not any("ghs_token1" in text for text in texts.values())
    assert {key for key in second if first[key] != second[key]} == {key for key in texts if "ghs_token2" in texts[key]}


@given(text=st.text(max_size=50), value=st.text(max_size=50))
def test_special_characters_survive(text: str, value: str) -> None:
    token = githubtoken(secret={"data": {"a": text.replace("$", "$$")}, "annotations": {"note": value}})
    body = consumer.render(token, issued(token), SERVER)
    assert decoded(body, "a") == text
    assert body["metadata"]["annotations"]["note"] == value


times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
lives = st.none() | st.integers(min_value=1, max_value=10**8).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def any_issued(draw: st.DrawFn) -> Issued:
    created = draw(times)
    access = AccessToken(
        token=Token(draw(st.from_regex(r"gh[ous]_[A-Za-z0-9._-]+", fullmatch=True))),
        type="bearer",
        created=created,
        scope=draw(st.sampled_from(["", "repo", "repo,gist"])),
        expires_at=draw(lives.map(lambda life: created + life if life else None)),
        refresh_expires_at=draw(lives.map(lambda life: created + life if life else None)),
    )
    return Issued(access, draw(st.integers(min_value=0, max_value=10**12)), consumer.spec_hash(githubtoken(), app()))


@given(held=any_issued())
def test_a_restarted_operator_reads_what_was_rendered(held: Issued) -> None:
    assert consumer.read(consumer.render(githubtoken(), held, SERVER)) == held
    assert not consumer.differs(published(githubtoken(), held), consumer.render(githubtoken(), held, SERVER))


def edited(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    body = published(githubtoken(), issued())
    change(body)
    return body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(edited(lambda it: it["data"].update(encoded({"token": "ghs_other"}))), id="another token"),
        pytest.param(edited(lambda it: it["data"].update(token="//")), id="a token that is not text"),
        pytest.param(edited(lambda it: it["data"].pop("token")), id="no token"),
        pytest.param(edited(lambda it: it.pop("data")), id="no data"),
        pytest.param(
            edited(lambda it: it["metadata"]["annotations"].pop(consumer.TOKEN_SHA256)), id="no word of which token"
        ),
        pytest.param(
            edited(lambda it: it["metadata"]["annotations"].update({consumer.ISSUED_AT: "now"})), id="no issue time"
        ),
        pytest.param(edited(lambda it: it["metadata"].pop("annotations")), id="no annotations"),
    ],
)
def test_a_token_that_the_annotations_do_not_speak_of_is_not_trusted(body: dict[str, Any]) -> None:
    assert consumer.read(body) is None


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        pytest.param("12", 12, id="a number"),
        pytest.param("twelve", 1, id="a word"),
        pytest.param("-1", 1, id="negative"),
        pytest.param("9" * 20, 1, id="more than status can hold"),
        pytest.param("9" * 5000, 1, id="more digits than Python reads"),
    ],
)
def test_a_revision_that_cannot_be_is_taken_for_the_first(text: str, revision: int) -> None:
    body = edited(lambda it: it["metadata"]["annotations"].update({REVISION: text}))
    found = consumer.read(body)
    assert found is not None
    assert found.revision == revision


# --- Repair ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "repaired"),
    [
        pytest.param(lambda _: None, False, id="as it was written"),
        pytest.param(lambda it: it["data"].update(encoded({"mine": "1"})), False, id="a foreign key"),
        pytest.param(lambda it: it["metadata"]["labels"].update(mine="1"), False, id="a foreign label"),
        pytest.param(lambda it: it["metadata"]["annotations"].update(mine="1"), False, id="a foreign annotation"),
        pytest.param(lambda it: it["data"].pop("expires_at"), True, id="a key is gone"),
        pytest.param(lambda it: it.pop("data"), True, id="all data are gone"),
        pytest.param(lambda it: it["data"].update(encoded({"type": "basic"})), True, id="a key was edited"),
        pytest.param(lambda it: it["metadata"]["labels"].pop(ROLE), True, id="the role is gone"),
        pytest.param(lambda it: it["metadata"].pop("annotations"), True, id="the annotations are gone"),
        pytest.param(lambda it: it["metadata"].pop("ownerReferences"), True, id="the owner is gone"),
        pytest.param(lambda it: it.update(type="kubernetes.io/basic-auth"), True, id="another type"),
    ],
)
def test_what_the_operator_wrote_is_repaired_and_nothing_else(
    change: Callable[[dict[str, Any]], object], *, repaired: bool
) -> None:
    assert consumer.differs(edited(change), consumer.render(githubtoken(), issued(), SERVER)) is repaired


def wrote(part: str, name: str, **entry: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of managedFields
    """The Secret with `name` in it, which is no part of what is wanted, and the API server's account of who set it."""
    fields: dict[str, Any] = {"f:data": {"f:token": {}}, "f:metadata": {"f:labels": {".": {}, f"f:{ROLE}": {}}}}
    owned: dict[str, Any] = fields if part == "data" else fields["f:metadata"]
    owned.setdefault(f"f:{part}", {})[f"f:{name}"] = {}
    by_us = {"manager": "githubtoken-operator", "operation": "Apply", "fieldsV1": fields, **entry}
    body = published(githubtoken(), issued())
    body["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Update"}, by_us]
    return body


@pytest.mark.parametrize("part", ["data", "labels", "annotations"])
def test_what_the_operator_wrote_and_does_not_want_any_more_is_removed(part: str) -> None:
    desired = consumer.render(githubtoken(), issued(), SERVER)
    assert consumer.differs(wrote(part, "GH_HOST"), desired)
    assert not consumer.differs(wrote(part, "GH_HOST", manager="kubectl"), desired)
    assert not consumer.differs(wrote(part, "GH_HOST", operation="Update"), desired)


def test_the_size_is_that_of_all_values() -> None:
    body = {"data": encoded({"a": "x" * 300_000, "b": "y" * 300_000})}
    assert 600_000 <= consumer.size(body) <= 600_010


def test_an_access_token_that_does_not_expire_says_nothing_of_expiry() -> None:
    body = consumer.render(githubtoken(), issued(access=access_token(life=None)), SERVER)
    assert consumer.EXPIRES_AT not in body["metadata"]["annotations"]
    assert body["data"].keys() == {"token", "type", "created"}
