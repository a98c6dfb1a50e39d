"""Which web token is sent, and which is signed ahead: whatever comes, what is there lasts for eight minutes."""

from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.apps import web_tokens
from githubtoken_operator.domain.apps.web_tokens import APART, SERVES, WebToken, in_use, living, next_wanted, wanted
from tests.unit.signers import private_key

NOW = 1_772_366_400


def token(begins: int, key: str = "v1") -> WebToken:
    return WebToken(begins, key, f"text{begins}")


def filled(made: tuple[WebToken, ...], now: int) -> tuple[WebToken, ...]:
    while (begins := wanted(made, now)) is not None:
        made = (*living(made, now), token(begins))
    return made


def test_it_is_what_pyjwt_makes_byte_for_byte() -> None:
    key = private_key()
    text = web_tokens.signing_input("Iv23acme", NOW)
    ours = web_tokens.complete(text, key.sign(text, padding.PKCS1v15(), SHA256()))

    claims = {"iat": NOW - 60, "exp": NOW + 540, "iss": "Iv23acme"}
    assert ours == jwt.encode(claims, key, algorithm="RS256")


def test_an_issuer_of_other_letters_makes_the_same_bytes_too() -> None:
    key = private_key()
    text = web_tokens.signing_input('é"\\', NOW)
    claims = {"iat": NOW - 60, "exp": NOW + 540, "iss": 'é"\\'}

    assert text.decode() == jwt.encode(claims, key, algorithm="RS256").rpartition(".")[0]


def test_the_first_serves_now_and_the_second_is_signed_with_it() -> None:
    assert [each.begins for each in filled((), NOW)] == [NOW, NOW + APART]


def test_nothing_is_wanted_before_the_second_is_in_use() -> None:
    made = filled((), NOW)

    assert wanted(made, NOW + APART - 6) is None
    assert next_wanted(made, NOW) == NOW + APART - 5
    assert wanted(made, NOW + APART) == NOW + 2 * APART


def test_the_one_that_lasts_longest_is_sent() -> None:
    made = filled((), NOW)

    assert [in_use(made, NOW + passed) for passed in (0, 474, 475, 480, 990)] == [
        made[0], made[0], made[1], made[1], made[1],
    ]  # fmt: skip
    assert in_use(made, NOW + APART + SERVES + 1) is None


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60))
def test_at_any_moment_what_is_there_lasts_eight_minutes_more(steps: list[int]) -> None:
    made, now = filled((), NOW), NOW
    for step in steps:
        now += step
        made = filled(made, now)
        for later in range(0, 481, 40):
            sent = in_use(made, now + later)
            assert sent is not None
            # GitHub's rules: issued in its past, and at most ten minutes until the end.
            assert sent.begins - 60 <= now + later < sent.begins + 540 <= now + later + 600


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_a_signature_serves_eight_minutes(steps: list[int]) -> None:
    made, now = filled((), NOW), NOW
    begun = {each.begins for each in made}
    for step in steps:
        now += step
        made = filled(made, now)
        begun |= {each.begins for each in made}
        assert len(made) <= 3
    assert all(later - earlier >= APART - 5 for earlier, later in zip(sorted(begun), sorted(begun)[1:], strict=False))


@given(st.integers(-100_000, -6))
def test_a_clock_that_was_set_back_gets_one_of_its_own_time(back: int) -> None:
    made = filled(filled((), NOW), NOW + back)

    sent = in_use(made, NOW + back)
    assert sent is not None
    assert sent.begins == NOW + back


def test_what_has_served_is_not_kept() -> None:
    made = filled((), NOW)

    assert living(made, NOW + SERVES + 1) == (made[1],)
    assert living(made, NOW + APART + SERVES + 1) == ()


def test_the_text_is_not_shown() -> None:
    assert "text" not in repr(token(NOW)).removeprefix("WebToken")
