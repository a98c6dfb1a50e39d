from __future__ import annotations

from githubtoken_operator.domain.vocabulary.newest import Newest


def test_what_was_put_in_longest_ago_goes_first() -> None:
    kept: Newest[str, int] = Newest(2)
    for number, key in enumerate("abc"):
        kept[key] = number
    assert kept == {"b": 1, "c": 2}


def test_what_is_put_in_again_is_new() -> None:
    kept: Newest[str, int] = Newest(2)
    for number, key in enumerate("abac"):
        kept[key] = number
    assert list(kept.items()) == [("a", 2), ("c", 3)]
