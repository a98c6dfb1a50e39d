"""Personal tokens: what counts as one, what a check makes of it, and when its end is announced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain import personal_token
from githubtoken_operator.domain.consumer.consumer import Issued
from githubtoken_operator.domain.objects import origin
from githubtoken_operator.domain.objects.secrets import ROLE
from githubtoken_operator.domain.objects.specs.sources import PersonalSource
from githubtoken_operator.domain.personal_token import accepted, token_in, warn_from, warning
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import JSON, AccessToken, PersonalTokenInfo, Token
from githubtoken_operator.domain.vocabulary.times import format_time
from tests.unit.builders import NOW, personal_githubtoken, secret

DAY = timedelta(days=1)
LEGACY = "0123456789abcdef0123456789abcdef01234567"


def source(**fields: Any) -> PersonalSource:  # noqa: ANN401 - fields of the spec
    found = personal_githubtoken(personal={"secretRef": {"name": "my-pat"}, **fields}).personal
    assert found is not None
    return found


GITHUB = source()
ORIGIN = origin.of(GITHUB.server)
ENTERPRISE = source(apiURL="https://ghe.example/api/v3", webURL="https://ghe.example")


def stored(text: str, *, key: str = "token", **settings: Any) -> JSON:  # noqa: ANN401 - parts of a Secret
    return secret("my-pat", {key: text}, **settings)


def refusal(found: JSON | None, where: PersonalSource = GITHUB) -> str:
    with pytest.raises(Terminal) as caught:
        token_in(found, where)
    assert caught.value.reason == reasons.CREDENTIAL_MISSING
    return caught.value.message


# --- What counts as one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ghp_abc123", "github_pat_11ABC_def", "gho_abc", "ghu_abc"])
@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n"], ids=["alone", "with a line break", "with white space"])
def test_a_value_with_the_prefix_of_a_users_token_counts(text: str, around: str) -> None:
    assert token_in(stored(around.format(text)), GITHUB) == Token(text)


@pytest.mark.parametrize("role", [None, "seed"])
def test_the_secret_may_carry_the_label_by_which_it_is_watched(role: str | None) -> None:
    assert token_in(stored("ghp_abc", labels={ROLE: role} if role else {}), GITHUB) == Token("ghp_abc")


def test_the_key_is_the_specs() -> None:
    where = source(secretRef={"name": "my-pat", "key": "pat"})
    assert token_in(stored("ghp_abc", key="pat"), where) == Token("ghp_abc")
    assert "`pat` of Secret `my-pat` must hold a personal token" in refusal(stored("ghp_abc"), where)


NO_TOKENS = [
    pytest.param("", id="nothing"),
    pytest.param("correct horse battery staple", id="a password"),
    pytest.param("ghp_", id="a prefix alone"),
    pytest.param("ghp_abc def", id="white space within"),
    pytest.param("ghp_abc\nghp_def", id="two of them"),
    pytest.param("GHP_ABC", id="another case"),
    pytest.param("x-ghp_abc", id="a prefix further on"),
    pytest.param("ghs_abc", id="an installation's token"),
    pytest.param("ghr_abc", id="a refresh token"),
    pytest.param("ghp_" + "a" * 1025, id="longer than any"),
    pytest.param("-----BEGIN RSA PRIVATE KEY-----", id="a key"),
    pytest.param(LEGACY, id="40 hexadecimal digits on github.com"),
]


@pytest.mark.parametrize("text", NO_TOKENS)
def test_every_other_value_gets_the_same_answer(text: str) -> None:
    expected = "`token` of Secret `my-pat` must hold a personal token of GitHub (`github_pat_…` or `ghp_…`)"
    assert refusal(stored(text)) == expected
    assert refusal(stored(text), source(apiURL="https://api.acme.ghe.com")) == expected


@given(text=st.text(max_size=80).filter(lambda text: "_" not in text))
def test_what_is_refused_is_not_quoted(text: str) -> None:
    assert refusal(stored(text)) == refusal(stored(""))


def test_bytes_that_are_no_text_get_that_answer_too() -> None:
    assert refusal({**stored(""), "data": {"token": "/w=="}}) == refusal(stored(""))
    assert refusal({**stored(""), "data": None}) == refusal(stored(""))


def test_an_enterprise_server_may_still_have_tokens_without_a_prefix() -> None:
    assert token_in(stored(LEGACY), ENTERPRISE) == Token(LEGACY)
    assert token_in(stored("ghp_abc"), ENTERPRISE) == Token("ghp_abc")
    assert "must hold a personal token" in refusal(stored(LEGACY.upper()), ENTERPRISE)


def test_a_secret_that_is_not_there_is_to_be_created() -> None:
    assert refusal(None) == "there is no Secret `my-pat`: create it with the personal token under `token`"


@pytest.mark.parametrize("role", ["token", "credential", "app"])
def test_the_operators_own_secrets_and_an_apps_are_never_read_out(role: str) -> None:
    assert f"has the role `{role}`" in refusal(stored("ghp_abc", labels={ROLE: role}))


# --- What a check makes of it ----------------------------------------------------------------------------------------


def told(expires: datetime | None = NOW + 30 * DAY, *, at: datetime = NOW) -> PersonalTokenInfo:
    return PersonalTokenInfo("alice", at, "repo", expires)


def publish(text: str, info: PersonalTokenInfo, held: Issued | None = None) -> Issued:
    return accepted(Token(text), info, held, revision=7, spec_hash="v1:now", origin=ORIGIN)


def test_the_first_acceptance_counts_as_the_issue() -> None:
    assert publish("ghp_1", told()) == Issued(
        AccessToken(Token("ghp_1"), "bearer", NOW, "repo", NOW + 30 * DAY), 7, "v1:now", ORIGIN
    )


def test_a_token_without_expiry_has_none() -> None:
    access = publish("ghp_1", told(None)).access
    assert (access.expires_in, access.expires_at) == (None, None)


def test_the_same_token_keeps_its_number_and_its_beginning() -> None:
    first = publish("ghp_1", told())
    again = accepted(Token("ghp_1"), told(at=NOW + DAY), first, revision=8, spec_hash="v1:other", origin=ORIGIN)
    assert (again.revision, again.access) == (7, first.access)
    assert again.spec_hash == "v1:other"


def test_another_token_counts_on() -> None:
    first = publish("ghp_1", told())
    again = accepted(Token("ghp_2"), told(at=NOW + DAY), first, revision=8, spec_hash="v1:now", origin=ORIGIN)
    assert (again.revision, again.access.created) == (8, NOW + DAY)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(source(secretRef={"name": "other"}), id="another Secret"),
        pytest.param(source(secretRef={"name": "my-pat", "key": "pat"}), id="another key"),
        pytest.param(ENTERPRISE, id="another host"),
    ],
)
def test_a_token_is_of_a_host_and_of_where_a_human_put_it(other: PersonalSource) -> None:
    assert personal_token.spec_hash(GITHUB) != personal_token.spec_hash(other)
    assert personal_token.spec_hash(GITHUB) == personal_token.spec_hash(source(caBundle=None))


SEEN = {"observedGeneration": 1}
CHECKED = {"lastCheckTime": format_time(NOW), "tokenSHA256": Token("ghp_1").sha256_base64}
REFUSED = {"conditions": [{"type": "Ready", "status": "False", "reason": "AuthenticationFailed"}]}
ELSEWHY = {"conditions": [{"type": "Ready", "status": "False", "reason": "GitHubUnavailable"}]}


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        pytest.param(CHECKED, "ghp_1", (NOW, False), id="accepted"),
        pytest.param({**CHECKED, **REFUSED}, "ghp_1", (NOW, True), id="refused since"),
        pytest.param({**CHECKED, **ELSEWHY}, "ghp_1", (NOW, False), id="failing for another reason, of another spec"),
        pytest.param({**CHECKED, **ELSEWHY, **SEEN}, "ghp_1", (NOW, True), id="and no other one can be had"),
        pytest.param({**CHECKED, **REFUSED}, "ghp_2", (None, False), id="of another token"),
        pytest.param({}, "ghp_1", (None, False), id="never"),
    ],
)
def test_status_remembers_the_last_check_of_the_token_that_it_names(
    status: JSON, text: str, expected: tuple[datetime | None, bool]
) -> None:
    held = publish(text, told())
    assert personal_token.last_check(personal_githubtoken(status=status), held, held.spec_hash) == expected
    assert personal_token.last_check(personal_githubtoken(status=status), None, held.spec_hash) == (None, False)


def test_a_token_of_an_earlier_spec_is_not_refused_because_another_is_missing() -> None:
    status, held = {**CHECKED, **ELSEWHY, **SEEN}, publish("ghp_1", told())
    assert personal_token.last_check(personal_githubtoken(status=status), held, "v1:another") == (NOW, False)


# --- When its end is announced ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "before"),
    [
        pytest.param({}, 7 * DAY, id="a week before, by default"),
        pytest.param({"renewBefore": "48h"}, 2 * DAY, id="as the spec says"),
        pytest.param({"renewBefore": "1000h"}, timedelta(hours=1000), id="also beyond its known life"),
        pytest.param({"renewBeforePercentage": 50}, 15 * DAY, id="a part of its known life"),
    ],
)
def test_a_human_is_told_in_time(spec: dict[str, Any], before: timedelta) -> None:
    token, access = personal_githubtoken(**spec), publish("ghp_1", told()).access
    expires = NOW + 30 * DAY
    assert warn_from(token, access) == expires - before
    assert warning(token, access, expires - before - timedelta(seconds=1)) is None
    expected = (
        f"the personal token expires at {format_time(expires)}: make another at GitHub and put it under `token` of "
        "Secret `my-pat`"
    )
    assert warning(token, access, expires - before) == expected
    assert warning(token, access, expires) is None


def test_a_token_that_does_not_expire_is_never_announced() -> None:
    access = publish("ghp_1", told(None)).access
    assert warn_from(personal_githubtoken(), access) is None
    assert warning(personal_githubtoken(), access, NOW) is None
