from __future__ import annotations

import base64
import hashlib
import re

import pytest

from github_simulator import tokens


def has_valid_checksum(token: str) -> bool:
    body = token.rpartition("_")[2]
    return tokens.checksum(body[:-6]) == body[-6:]


@pytest.mark.parametrize("prefix", ["ghs", "ghu", "gho"])
def test_a_classic_token_has_forty_characters_and_a_checksum(prefix: str) -> None:
    token = tokens.classic(prefix)
    assert re.fullmatch(rf"{prefix}_[A-Za-z0-9]{{36}}", token)
    assert has_valid_checksum(token)


def test_a_changed_character_breaks_the_checksum() -> None:
    token = tokens.classic("ghu")
    changed = token[:4] + ("A" if token[4] != "A" else "B") + token[5:]
    assert not has_valid_checksum(changed)


def test_a_checksum_is_the_crc_in_base_62_padded_to_six_digits() -> None:
    assert tokens.checksum("") == "000000"
    # The CRC-32 of "a", published with the algorithm, is 0xE8B7BE43.
    digits = tokens.checksum("a")
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in digits:
        number = number * 62 + alphabet.index(digit)
    assert (len(digits), number) == (6, 0xE8B7BE43)


def test_a_refresh_token_has_eighty_characters() -> None:
    assert re.fullmatch(r"ghr_[A-Za-z0-9]{76}", tokens.refresh_token())


def test_personal_tokens_look_like_githubs() -> None:
    assert has_valid_checksum(tokens.personal("classic"))
    assert re.fullmatch(r"ghp_[A-Za-z0-9]{36}", tokens.personal("classic"))
    assert re.fullmatch(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", tokens.personal("fine-grained"))
    assert re.fullmatch(r"[0-9a-f]{40}", tokens.personal("legacy"))


def test_a_stateless_token_names_its_app_and_is_about_520_characters_long() -> None:
    token = tokens.stateless(12345)
    assert re.fullmatch(r"ghs_12345_[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token)
    # GitHub's own expression for both formats.
    assert re.fullmatch(r"ghs_[A-Za-z0-9\.\-_]{36,}", token)
    assert 480 < len(token) < 560


def test_codes_look_like_githubs() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", tokens.device_code())
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}", tokens.user_code())


def test_a_sha256_is_understood_in_hexadecimal_and_in_base64() -> None:
    digest = hashlib.sha256(b"ghu_x")
    assert tokens.sha256("ghu_x") == digest.hexdigest()
    assert tokens.normalized_sha256(digest.hexdigest()) == digest.hexdigest()
    assert tokens.normalized_sha256(base64.b64encode(digest.digest()).decode()) == digest.hexdigest()


@pytest.mark.parametrize("digest", ["", "ghu_token", "aGVsbG8=", "z" * 64])
def test_anything_else_is_no_sha256(digest: str) -> None:
    with pytest.raises(ValueError, match="`sha256` must be"):
        tokens.normalized_sha256(digest)
