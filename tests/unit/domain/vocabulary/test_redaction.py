from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.vocabulary.redaction import MASK, TOKEN_PREFIXES, redact

LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=36, max_size=60)
BASE64URL = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=20, max_size=80)
CLASSIC_TOKENS = st.builds("{}{}".format, st.sampled_from(TOKEN_PREFIXES), LETTERS)
FINE_GRAINED_TOKENS = st.builds("github_pat_{}_{}".format, LETTERS, LETTERS)
JWTS = st.builds("eyJ{}.eyJ{}.{}".format, BASE64URL, BASE64URL, BASE64URL)
STATELESS_TOKENS = st.builds("ghs_{}_{}".format, st.integers(1, 9_999_999), JWTS)
TOKENS = st.one_of(CLASSIC_TOKENS, FINE_GRAINED_TOKENS, STATELESS_TOKENS)
HEX_SECRETS = st.text("0123456789abcdef", min_size=40, max_size=40)

KEY_BODY = "MIIEpAIBAAKCAQEA7bq0JzKq9d3vVQ8eYVfW1mQ0aX5nB2cD4eF6gH8iJ0kL2mN4\noP6qR8sT0uV2wX4yZ6aB8cD0eF2gH4iJ6kL8=="


def pem(kind: str, body: str = KEY_BODY) -> str:
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


@given(before=st.text(), token=TOKENS, after=st.text())
def test_a_token_does_not_survive_in_any_text(before: str, token: str, after: str) -> None:
    assert token not in redact(before + token + after)


@given(before=st.text(), token=TOKENS, after=st.text())
def test_no_part_of_a_token_that_could_be_used_survives(before: str, token: str, after: str) -> None:
    assert token[-16:] not in redact(f"{before} {token} {after}").removeprefix(before).removesuffix(after)


@given(
    inner=st.tuples(st.text(max_size=40), st.one_of(TOKENS, JWTS), st.text(max_size=40)),
    encode=st.sampled_from([b64encode, urlsafe_b64encode]),
    before=st.text(),
    after=st.text(),
)
def test_the_base64_of_a_token_does_not_survive_at_any_alignment(
    inner: tuple[str, str, str], encode: object, before: str, after: str
) -> None:
    assert callable(encode)
    encoded = encode("".join(inner).encode(errors="replace")).decode()
    assert encoded.rstrip("=") not in redact(before + encoded + after)


@given(TOKENS)
def test_the_base64_of_base64_does_not_survive(token: str) -> None:
    # The Secret of a `.dockerconfigjson`: its `auth` is base64, and the Secret's data is so again.
    login = base64(f"x-access-token:{token}")
    encoded = base64(json.dumps({"auths": {"ghcr.io": {"auth": login}}}))
    assert redact(f"data: {encoded}") == f"data: {MASK}"


@given(before=st.text(), jwt=JWTS, after=st.text())
def test_a_jwt_does_not_survive_in_any_text(before: str, jwt: str, after: str) -> None:
    assert jwt not in redact(before + jwt + after)


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"])
@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda text: text, id="as it is"),
        pytest.param(json.dumps, id="in JSON"),
        pytest.param(repr, id="as a repr"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="with Windows line ends"),
        pytest.param(lambda text: text.replace("\n", " "), id="in one line"),
        pytest.param(lambda text: text.partition("\n-----END")[0], id="cut off at a line"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut off within a line"),
        pytest.param(base64, id="in base64"),
        pytest.param(lambda text: base64("x" + text), id="in base64, shifted by one"),
        pytest.param(lambda text: base64("xy" + text), id="in base64, shifted by two"),
    ],
)
def test_a_private_key_does_not_survive(kind: str, shown: object) -> None:
    assert callable(shown)
    assert redact(f"key={shown(pem(kind))}").strip("'\"").removeprefix("key=").strip("'\"") == MASK


def test_a_pem_with_headers_goes_as_a_whole() -> None:
    body = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n{KEY_BODY}"
    assert redact(f"a {pem('RSA PRIVATE KEY', body)} b") == f"a {MASK} b"


def test_what_stands_between_two_keys_stays() -> None:
    assert redact(f"{pem('PRIVATE KEY')} and {pem('PRIVATE KEY')}") == f"{MASK} and {MASK}"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("Authorization: Bearer s3cret", f"Authorization: {MASK}", id="bearer"),
        pytest.param("authorization: basic czNjcmV0", f"authorization: {MASK}", id="basic"),
        pytest.param("Authorization: token s3cret, Accept: */*", f"Authorization: {MASK}, Accept: */*", id="token"),
        pytest.param("Proxy-Authorization: s3cret", f"Proxy-Authorization: {MASK}", id="proxy"),
        pytest.param("{'Authorization': 's3cret'}", f"{{'Authorization': '{MASK}'}}", id="dictionary"),
        pytest.param(r"{\"Authorization\": \"s3cret\"}", rf"{{\"Authorization\": \"{MASK}\"}}", id="JSON within JSON"),
        pytest.param("(b'Authorization', b'Bearer s3cret')", f"(b'Authorization', b'{MASK}')", id="raw header"),
        pytest.param("sent Bearer abcdefghijklmnopqrstuvwxyz", f"sent Bearer {MASK}", id="scheme alone"),
        pytest.param("https://x-access-token:s3cret@ghes/a.git", f"https://x-access-token:{MASK}@ghes/a.git", id="URL"),
        pytest.param("a=1&client_secret=s3cret&b=2", f"a=1&client_secret={MASK}&b=2", id="form"),
        pytest.param('{"client_secret": "s3cret"}', f'{{"client_secret": "{MASK}"}}', id="JSON"),
        pytest.param('{"client_secret":"s3\\"cret","b":1}', f'{{"client_secret":"{MASK}","b":1}}', id="escaped quote"),
        pytest.param(r'"{\"client_secret\": \"s\"}"', rf'"{{\"client_secret\": \"{MASK}\"}}"', id="JSON in JSON"),
        pytest.param("{'device_code': 's3cret'}", f"{{'device_code': '{MASK}'}}", id="repr"),
        pytest.param("f(client_secret='a b', c=1)", f"f(client_secret='{MASK}', c=1)", id="call"),
        pytest.param("device_code=s3cret", f"device_code={MASK}", id="device code"),
        pytest.param("refresh_token=s3cret", f"refresh_token={MASK}", id="refresh token of another format"),
        pytest.param("X-Vault-Token: s3cret", f"X-Vault-Token: {MASK}", id="Vault"),
        pytest.param("X-Vault-Token: s." + "a1" * 12, f"X-Vault-Token: {MASK}", id="OpenBao"),
        pytest.param("{'x-vault-token': 's3cret', 'a': 1}", f"{{'x-vault-token': '{MASK}', 'a': 1}}", id="Vault, repr"),
        pytest.param("(b'X-Vault-Token', b's3cret')", f"(b'X-Vault-Token', b'{MASK}')", id="Vault, raw header"),
        pytest.param('{"client_token": "s3cret"}', f'{{"client_token": "{MASK}"}}', id="a login to Vault"),
        pytest.param("X-Amz-Security-Token: IQoJb3JpZ2lu", f"X-Amz-Security-Token: {MASK}", id="AWS"),
        pytest.param("?X-Amz-Security-Token=IQoJb3%2Fx&b=2", f"?X-Amz-Security-Token={MASK}&b=2", id="AWS, in a URL"),
        pytest.param('{"SecretAccessKey": "wJalrX/K7"}', f'{{"SecretAccessKey": "{MASK}"}}', id="AWS, its credentials"),
        pytest.param("aws_secret_access_key=wJalrX/K7", f"aws_secret_access_key={MASK}", id="AWS, the environment"),
        pytest.param(
            'Authorization: Digest username="a", response="6629fae4"', f"Authorization: {MASK}", id="many parameters"
        ),
        pytest.param(
            "Authorization: AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=5d672d79",
            f"Authorization: {MASK}",
            id="a signature",
        ),
        pytest.param("Proxy-Authorization: Basic dTpz", f"Proxy-Authorization: {MASK}", id="proxy, by Basic"),
        pytest.param("HTTPS_PROXY=http://u:s3cret@p:3128", f"HTTPS_PROXY=http://u:{MASK}@p:3128", id="proxy's URL"),
        pytest.param("http://u:s3c@ret@p:3128 fails", f"http://u:{MASK}@p:3128 fails", id="at sign in it"),
        pytest.param("proxy u:s3cret@p:3128 fails", f"proxy u:{MASK}@p:3128 fails", id="no scheme"),
    ],
)
def test_what_is_named_as_a_secret_is_masked_and_the_rest_stays(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@given(HEX_SECRETS)
def test_a_client_secret_does_not_survive_even_without_its_name(secret: str) -> None:
    assert redact(f"the secret is {secret}.") == f"the secret is {MASK}."
    assert redact(f"Basic auth is {base64('Iv23liabc:' + secret)}") == f"Basic auth is {MASK}"


def test_the_kind_of_a_token_can_still_be_told() -> None:
    assert redact("got ghs_" + "a" * 36) == f"got ghs_{MASK}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a seed must begin with `ghr_` or another of GitHub's prefixes",
        "the key must begin with `-----BEGIN RSA PRIVATE KEY-----` and end with its counterpart",
        "the refresh_token is spent; sign in again",
        "`client_secret` is missing",
        "AwaitingAuthorization: sign in at https://github.com/login/device and enter the code WDJB-MJHT",
        "authorization required: sign in at https://github.com/login/device with the code WDJB-MJHT",
        "team-a/alice: token valid until 2026-01-01T12:00:00Z; refresh failing: GitHub answered 502",
        "githubtoken.dev/token-sha256 is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "hashed_token n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
        "docling-project/docling-service is not accessible to the installation of naHBf-docF-ghp",
        "https://api.github.com/app/installations/12345678/access_tokens answered 422",
        "secret uid 6f1e1c2e-3b57-4c7e-9c7f-2f3f7a0d9b11, resourceVersion 123456789",
        "s.somebody.example.com and b.example answer; githubtokens.githubtoken.dev is the CRD's name",
        "https://ghe.example.com:8443/api/v3 answered 502 to team-a/alice at 12:00:01",
        "File /usr/lib/python3.11/site-packages/githubtoken_operator/adapters/kubernetes/secrets.py, line 12",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.lists(st.one_of(st.text(), TOKENS, JWTS, HEX_SECRETS, TOKENS.map(base64)), max_size=5).map(" ".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param(lambda body: f'InvalidHeader("{body}")', id="the first line, as a parser quotes it"),
        pytest.param(lambda body: body.replace("\n", ""), id="in one line"),
        pytest.param(lambda body: body.replace("\n", "\\n"), id="line breaks as two characters"),
        pytest.param(lambda body: f"data: {base64(body)}", id="base64 once more"),
    ],
)
def test_a_key_without_its_armour_does_not_survive(quote: Callable[[str], str]) -> None:
    masked = redact(f"before {quote(KEY_BODY)} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    for part in (KEY_BODY[:20], KEY_BODY[-20:], base64(KEY_BODY)[:20]):
        assert part not in masked


@pytest.mark.parametrize("prefix", ["hvs.", "hvb.", "hvr.", "ya29."])
def test_tokens_of_those_who_sign_do_not_survive(prefix: str) -> None:
    assert redact(f"X: {prefix}CAESIJ0123456789abcdefghijk") == f"X: {prefix}{MASK}"


@pytest.mark.parametrize("prefix", ["s.", "b.", "r."])
@pytest.mark.parametrize(
    "rest", ["AbCdEfGhIjKlMnOpQrStUvWx", "AbCdEfGhIjKlMnOpQrStUvWx.nsid1", "AAAAAQJ0123456789abcdefg"]
)
def test_tokens_of_openbao_do_not_survive_although_they_have_hardly_a_prefix(prefix: str, rest: str) -> None:
    token = prefix + rest
    assert redact(f"the token {token} is bad") == f"the token {prefix}{MASK} is bad"
    assert base64(token).rstrip("=") not in redact(f"data: {base64(token)}")


def test_a_hash_in_base64_stays_also_where_it_begins_as_a_key_does() -> None:
    hashed = "MII" + "xyzXYZ01" * 5 + "="
    assert redact(f"tokenSHA256 {hashed}") == f"tokenSHA256 {hashed}"


@given(st.from_regex(r"[A-Za-z0-9 .-]{0,14}", fullmatch=True))
def test_what_is_too_short_to_be_searched_has_nothing_that_any_rule_takes(text: str) -> None:
    # The sign in front is no part of such a text, so that all rules look at it.
    assert redact(f"» {text}") == f"» {text}"
    assert redact(text) == text
