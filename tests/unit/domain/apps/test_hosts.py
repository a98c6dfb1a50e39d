"""Which hosts may be spoken to, and which URLs are acceptable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from githubtoken_operator.domain.apps import hosts
from githubtoken_operator.domain.apps.hosts import check_form, check_url, is_enterprise_server, is_loopback, refusal
from githubtoken_operator.domain.vocabulary.model import Server


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com",
        "https://github.com",
        "https://GitHub.COM",
        "https://github.com.",
        "https://github.com:443",
        "https://github.com:8443",
        "https://acme.ghe.com",
        "https://api.acme.ghe.com",
    ],
)
def test_githubs_own_hosts_are_always_allowed(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://ghes.example.com/api/v3", ["ghes.example.com"]),
        ("https://ghes.example.com:8443/api/v3", ["ghes.example.com"]),
        ("https://ghes.example.com:8443", ["ghes.example.com:8443"]),
        ("https://ghes.example.com", ["ghes.example.com:443"]),
        ("https://GHES.example.com", ["ghes.EXAMPLE.com"]),
        ("https://ghes.example.com.", ["ghes.example.com"]),
        ("https://ghes.example.com", ["ghes.example.com."]),
        ("https://a.b.example.com", ["*.example.com"]),
        ("https://a.example.com:8443", ["*.example.com:8443"]),
        ("https://ghes", ["ghes"]),
        ("https://10.0.0.7", ["10.0.0.7"]),
        ("https://10.0.0.7:8443", ["10.0.0.7"]),
        ("https://[2001:db8::7]", ["2001:db8::7"]),
        ("https://[2001:DB8:0::7]:8443", ["[2001:db8::7]"]),
        ("https://[2001:db8::7]:8443", ["[2001:db8::7]:8443"]),
        ("http://127.0.0.1:8080", ["127.0.0.1"]),
        ("http://127.0.0.1:8080/api/v3", ["127.0.0.1:8080"]),
        ("http://127.0.0.1", ["127.0.0.1:80"]),
        ("http://localhost:8080", ["localhost"]),
        ("http://[::1]:8080", ["::1"]),
    ],
)
def test_an_entry_allows_its_host(url: str, allowed: list[str]) -> None:
    assert check_url(url, allowed) is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        pytest.param("https://ghes.example.com", [], id="not on the list"),
        pytest.param("https://evilgithub.com", [], id="ends like an entry"),
        pytest.param("https://github.com.evil.example", [], id="begins like an entry"),
        pytest.param("https://ghe.com", [], id="a suffix is not its own subdomain"),
        pytest.param("https://evilghe.com", [], id="a suffix begins at a dot"),
        pytest.param("https://ghes.example.com:8443", ["ghes.example.com:443"], id="another port"),
        pytest.param("https://ghes.example.com", ["ghes.example.com:8443"], id="the default port is a port"),
        pytest.param("https://sub.ghes.example.com", ["ghes.example.com"], id="subdomain of a host"),
        pytest.param("https://10.0.0.7", ["*.0.0.7"], id="no suffix of an address"),
        pytest.param("https://10.0.0.7", ["10.0.0.8"], id="another address"),
        pytest.param("https://127.0.0.1", [], id="loopback must be on the list too"),
        pytest.param("http://127.0.0.1", [], id="loopback by http must be on the list too"),
        pytest.param("https://[::ffff:10.0.0.7]", ["10.0.0.7"], id="an address in another guise"),
        pytest.param("https://ghes.example.com", ["*"], id="an entry that is none"),
        pytest.param("https://ghes.example.com", ["https://ghes.example.com"], id="an entry with a scheme"),
        pytest.param("https://ghes.example.com", ["ghes.example.com:"], id="an entry with an empty port"),
        pytest.param("https://ghes.example.com", [""], id="an empty entry"),
    ],
)
def test_no_entry_allows_another_host(url: str, allowed: list[str]) -> None:
    problem = check_url(url, allowed)
    assert problem is not None
    assert "--allowed-hosts" in problem
    assert check_form(url) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://ghes.example.com", "https://"),
        ("http://github.com", "https://"),
        ("http://10.0.0.7", "https://"),
        ("ftp://github.com", "https://"),
        ("github.com", "https://"),
        ("//github.com", "https://"),
        ("", "spaces"),
        ("https://", "host"),
        ("https:///x", "host"),
        ("https://user@github.com", "user name"),
        ("https://github.com@evil.example", "user name"),
        ("https://github.com:x@evil.example", "user name"),
        ("https://github.com?x=1", "query"),
        ("https://github.com?", "query"),
        ("https://github.com#x", "fragment"),
        ("https://github.com/", "slash"),
        ("https://github.com/api/v3/", "slash"),
        ("https://github.com/../x", "path"),
        ("https://github.com//x", "path"),
        ("https://github.com/%2e%2e", "path"),
        ("https://github.com:0", "port"),
        ("https://github.com:65536", "port"),
        ("https://github.com:", "port"),
        ("https://github.com:8x", "port"),
        ("https://github.com:+443", "port"),
        ("https://github.com..", "host"),
        ("https://.github.com", "host"),
        ("https://git hub.com", "spaces"),
        ("https://github.com\\@evil.example", "backslashes"),
        ("https://github.com\n.evil.example", "control"),
        ("https://\tgithub.com", "control"),
        ("https://g\u0131thub.com", "non-ASCII"),
        ("https://github%2ecom", "host"),
        ("https://127.1", "host"),
        ("https://2130706433", "host"),
        ("https://0x7f.1", "host"),
        ("https://0x7f000001", "host"),
        ("https://127.0.0.01", "host"),
        ("https://[::1", "URL"),
        ("https://[fe80::1%25eth0]", "URL|host"),
        ("https://[127.0.0.1]", "URL|host"),
        ("https://::1", "host"),
        ("https://[::1]x", "URL|host"),
        ("https://" + "a" * 64 + ".com", "host"),
        ("https://" + ".".join(["abcdefgh"] * 30), "host"),
        ("https://-a.com", "host"),
        ("https://a,b", "host"),
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str, says: str) -> None:
    problem = check_form(url)
    assert problem is not None
    assert any(word in problem for word in says.split("|"))
    assert check_url(url, ["*.com", "evil.example", "127.0.0.1", "::1", "10.0.0.7"]) == problem


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(Server("https://api.github.com", "https://github.com"), None, id="both allowed"),
        pytest.param(Server("https://x.example", "https://github.com"), "`spec.personal.apiURL` must be on", id="API"),
        pytest.param(
            Server("https://api.github.com", "https://x.example"), "`spec.personal.webURL` must be on", id="web"
        ),
    ],
)
def test_both_urls_of_a_github_must_be_allowed(server: Server, expected: str | None) -> None:
    found = refusal(server, (), where="spec.personal")
    assert (found and found.message[: len(expected or "")]) == expected
    assert found is None or found.reason == "HostNotAllowed"
    assert refusal(server, ["x.example"]) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.github.com", False),
        ("https://api.acme.ghe.com", False),
        ("https://ghe.example/api/v3", True),
        ("https://github.com.example/api/v3", True),
    ],
)
def test_every_host_but_githubs_own_is_an_enterprise_server(url: str, expected: bool) -> None:  # noqa: FBT001
    assert is_enterprise_server(url) is expected


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "localhost.", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_loopback_is_known_by_name_and_by_address(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.com", "mylocalhost", "10.0.0.1", "::2", "", "0.0.0.0"])  # noqa: S104
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@settings(deadline=None)
@given(
    prefix=st.sampled_from(["https://", "http://", "https:", ""]),
    text=st.text(alphabet="gihtub.comevl@:/\\?#[]%0123456789 *é\n", max_size=30),
)
def test_what_is_allowed_is_githubs_host_and_nothing_more(prefix: str, text: str) -> None:
    if check_url(prefix + text) is None:
        host = text.partition("/")[0].partition(":")[0].removesuffix(".")
        assert prefix == "https://"
        assert host in {"github.com", "api.github.com"} or host.endswith(".ghe.com")


@settings(deadline=None)
@given(url=st.text(max_size=60), entry=st.text(max_size=20))
def test_no_text_makes_the_check_fail(url: str, entry: str) -> None:
    for tried in (url, f"https://{url}", f"https://[{url}]"):
        problem = check_url(tried, [entry])
        assert problem is None or problem.startswith("must ")


@pytest.mark.parametrize(
    ("url", "known_as"),
    [
        ("https://api.github.com", "https://api.github.com"),
        ("https://API.GitHub.Com", "https://api.github.com"),
        ("HTTPS://api.github.com", "https://api.github.com"),
        ("https://api.github.com.", "https://api.github.com"),
        ("https://api.github.com:443", "https://api.github.com"),
        ("https://GHES.example.:8443/api/v3", "https://ghes.example:8443/api/v3"),
        ("https://ghes.example/API/v3", "https://ghes.example/API/v3"),
        ("http://localhost:80/api", "http://localhost/api"),
        ("http://localhost:443", "http://localhost:443"),
        ("https://[FD00:0:0::1]:443", "https://[fd00::1]"),
    ],
)
def test_each_host_is_known_by_one_spelling(url: str, known_as: str) -> None:
    assert hosts.normalised(url) == known_as
    assert hosts.normalised(known_as) == known_as


@pytest.mark.parametrize("url", ["https://me@github.com", "https://github.com/", "https://127.1", "ftp://GitHub.com"])
def test_a_url_of_another_form_stays_as_it_is_and_is_refused_so(url: str) -> None:
    assert hosts.normalised(url) == url


@pytest.mark.parametrize(
    ("host", "entry"),
    [
        ("api.github.com", "api.github.com"),
        ("api.a.ghe.com", "*.ghe.com"),
        ("api.x8f3k2.ghe.com", "*.ghe.com"),
        ("ghes.corp.example:8443", "*.corp.example"),
        ("main.corp.example", "main.corp.example"),
        ("ghes.example:8443", "ghes.example:8443"),
        ("ghes.example:9443", "other"),
        ("[fd00::1]:8443", "fd00::1"),
        ("evil.example", "other"),
        ("not a host", "other"),
    ],
)
def test_metrics_name_a_host_by_the_entry_that_admits_it(host: str, entry: str) -> None:
    """A tenant may think of any number of hosts below a suffix."""
    allowed = ("*.corp.example", "main.corp.example", "ghes.example:8443", "fd00::1")
    assert hosts.admitted_by(host, allowed) == entry


@pytest.mark.parametrize(
    ("api", "web", "of_two"),
    [
        ("https://api.github.com", "https://github.com", False),
        ("https://api.github.com:443", "https://github.com", False),
        ("https://ghes.example.com/api/v3", "https://ghes.example.com", False),
        ("https://api.acme.ghe.com", "https://acme.ghe.com", False),
        ("https://ghes.example.com/api/v3", "https://github.com", True),
        ("https://api.github.com", "https://ghes.example.com", True),
    ],
)
def test_whether_only_one_of_two_urls_is_of_github_com(api: str, web: str, *, of_two: bool) -> None:
    assert hosts.is_of_two(Server(api, web)) is of_two
