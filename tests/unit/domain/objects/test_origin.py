"""Which GitHub a secret is of: the names of hosts count, their ports and paths do not."""

from __future__ import annotations

import pytest

from githubtoken_operator.domain.objects.origin import Origin, same_host
from githubtoken_operator.domain.vocabulary.model import Server

CAME = Origin("https://ghe.example/api/v3", "https://ghe.example")


@pytest.mark.parametrize(
    ("api", "web", "at_api", "at_both"),
    [
        pytest.param("https://ghe.example/api/v3", "https://ghe.example", True, True, id="the same"),
        pytest.param("https://ghe.example:8443/api", "https://ghe.example:8443", True, True, id="another port"),
        pytest.param("https://GHE.example/api/v3", "https://GHE.example", True, True, id="spelled otherwise"),
        pytest.param("https://ghe.example/api/v3", "https://login.example", True, False, id="another web host"),
        pytest.param("https://new.example/api/v3", "https://ghe.example", False, False, id="another API host"),
        pytest.param("https://ghe.example.evil/api/v3", "https://ghe.example", False, False, id="a longer name"),
    ],
)
def test_what_is_another_github(api: str, web: str, *, at_api: bool, at_both: bool) -> None:
    there = Server(api, web)
    assert (CAME.is_at(there, web=False), CAME.is_at(there, web=True)) == (at_api, at_both)


def test_an_address_is_a_host_too() -> None:
    assert same_host("http://127.0.0.1:9", "http://127.0.0.1:8080/api")
    assert not same_host("http://127.0.0.1", "http://127.0.0.2")
