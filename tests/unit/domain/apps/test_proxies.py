"""What HTTPS_PROXY and NO_PROXY mean to Go programs, they mean here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.apps import proxies
from githubtoken_operator.domain.apps.proxies import UnusableProxy

PROXY = "http://proxy.example.com:3128"


def spared(no_proxy: str, host: str, port: int | None = None) -> bool:
    return proxies.read({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).of("https", host, port) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "expected"),
    [
        ("", "api.github.com", None, False),
        ("github.com", "github.com", None, True),
        ("github.com", "api.github.com", None, True),
        ("github.com", "notgithub.com", None, False),
        (".github.com", "github.com", None, False),
        (".github.com", "api.github.com", None, True),
        ("*.github.com", "api.github.com", None, True),
        ("*.github.com", "github.com", None, False),
        ("GitHub.COM", "API.github.com", None, True),
        ("github.com", "github.com.", None, True),
        (" a.b , github.com ", "github.com", None, True),
        ("github.com:443", "github.com", None, True),
        ("github.com:8443", "github.com", None, False),
        ("github.com:8443", "github.com", 8443, True),
        (".github.com:8443", "api.github.com", 8443, True),
        ("svc", "ghes.svc", None, True),
        ("svc", "svc", None, True),
        (".svc", "svc", None, False),
        ("*", "api.github.com", None, True),
        ("a, *", "10.0.0.1", None, True),
        ("10.0.0.0/8", "10.1.2.3", None, True),
        ("10.0.0.0/8", "11.1.2.3", None, False),
        ("10.0.0.7/8", "10.1.2.3", None, True),
        ("10.1.2.3", "10.1.2.3", None, True),
        ("10.1.2.3:443", "10.1.2.3", None, True),
        ("10.1.2.3:444", "10.1.2.3", None, False),
        ("10.0.0.0/8", "ten.example.com", None, False),
        ("fd00::/8", "fd12::1", None, True),
        ("fd00::/8", "10.1.2.3", None, False),
        ("fd00::1", "fd00::1", None, True),
        ("fd00:0:0::1", "fd00::1", None, True),
        ("[fd00::1]", "fd00::1", None, True),
        ("[fd00::1]:443", "fd00::1", None, True),
        ("[fd00::1]:444", "fd00::1", None, False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", None, True),
        ("10.0.0.0/99", "10.1.2.3", None, False),
        (":443", "github.com", None, False),
        ("*.", "github.com", None, False),
        (",,", "github.com", None, False),
        ("github.com:", "github.com", 8443, True),
        ("[fd00::1]:", "fd00::1", None, True),
        ("*github.com", "github.com", None, False),
        ("*github.com", "api.github.com", None, False),
        ("10.0.0.0/255.0.0.0", "10.1.2.3", None, False),
        ("3", "10.1.2.3", None, False),
    ],
)
def test_what_no_proxy_spares(no_proxy: str, host: str, port: int | None, *, expected: bool) -> None:
    assert spared(no_proxy, host, port) is expected


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "LOCALHOST"])
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    assert spared("", host)


@pytest.mark.parametrize(
    ("environment", "https", "http"),
    [
        ({"HTTPS_PROXY": "http://a"}, "http://a", None),
        ({"https_proxy": "http://a"}, "http://a", None),
        ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://a", None),
        ({"HTTPS_PROXY": "", "https_proxy": "http://b"}, "http://b", None),
        ({"HTTP_PROXY": "http://a", "https_proxy": "http://b"}, "http://b", "http://a"),
        ({"HTTPS_PROXY": "a:3128"}, "http://a:3128", None),
        ({"HTTPS_PROXY": "http://user:pass%40word@a:3128"}, "http://user:pass%40word@a:3128", None),
        ({"ALL_PROXY": "http://a"}, "http://a", "http://a"),
        ({"all_proxy": "http://a", "HTTPS_PROXY": "http://b"}, "http://b", "http://a"),
        ({"HTTPS_PROXY": "  "}, None, None),
        ({}, None, None),
    ],
)
def test_which_variable_names_the_proxy(environment: dict[str, str], https: str | None, http: str | None) -> None:
    found = proxies.read(environment)
    assert (found.of("https", "github.com"), found.of("http", "github.com")) == (https, http)


def test_of_two_lists_the_upper_case_one_counts() -> None:
    found = proxies.read({"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example", "no_proxy": "b.example"})
    assert found.of("https", "a.example") is None
    assert found.of("https", "b.example") == PROXY


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("socks5://user:s3cret@proxy:1080", "are not served"),
        ("https://user:s3cret@proxy:443", "are not served"),
        ("http://user:s3cret@", "must be the URL"),
        ("http://user:s3cret@proxy:99999", "must be the URL"),
        ("http://user:s3cret@pro xy", "must be the URL"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(variable: str, value: str, says: str) -> None:
    with pytest.raises(UnusableProxy, match=says) as raised:
        proxies.read({variable: value})
    assert str(raised.value).startswith(variable)
    assert "s3cret" not in str(raised.value)


@given(no_proxy=st.text(max_size=60), host=st.text(max_size=30))
def test_whatever_is_spared_it_is_no_error(no_proxy: str, host: str) -> None:
    assert proxies.read({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).of("https", host) in (None, PROXY)


def test_a_password_is_not_part_of_what_is_printed_of_proxies() -> None:
    assert "secret" not in repr(proxies.read({"ALL_PROXY": "http://user:secret@proxy.example.com:3128"}))
