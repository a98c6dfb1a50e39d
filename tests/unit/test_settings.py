from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator import settings
from githubtoken_operator.domain.user.pod import Pod
from githubtoken_operator.settings import (
    Address,
    Settings,
    parse_address,
    parse_allowed_host,
    parse_allowed_hosts,
    parse_count,
    parse_grace_period,
    parse_lease_duration,
    parse_list,
    parse_log_format,
    parse_log_level,
    parse_namespaces,
    parse_pod_name,
    parse_pod_uid,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param(":8080", Address("", 8080), id="all addresses"),
        pytest.param("127.0.0.1:0", Address("127.0.0.1", 0), id="a port that the system chooses"),
        pytest.param("[::1]:8080", Address("::1", 8080), id="IPv6"),
        pytest.param("localhost:65535", Address("localhost", 65535), id="a name and the last port"),
    ],
)
def test_an_address_is_read_and_written_back(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "must be an address such as", id="empty"),
        pytest.param("8080", "must be an address such as", id="no colon"),
        pytest.param(":", "must be an address such as", id="no port"),
        pytest.param(":http", "must be an address such as", id="a port's name"),
        pytest.param(":65536", "must be an address such as", id="port too large"),
        pytest.param(":-1", "must be an address such as", id="negative port"),
        pytest.param("http://localhost:80", "must have an IPv6 address in brackets", id="URL"),
        pytest.param("::1:8080", "must have an IPv6 address in brackets", id="IPv6 without brackets"),
        pytest.param("[localhost]:80", "must have an IPv6 address between the brackets", id="name in brackets"),
        pytest.param("a b:80", "must have a host name or an IP address", id="blank"),
    ],
)
def test_what_is_not_an_address_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        pytest.param("GitHub.Example.com", "github.example.com", id="lower case"),
        pytest.param("ghes:8443", "ghes:8443", id="with a port"),
        pytest.param("ghes_1.local", "ghes_1.local", id="underscore"),
        pytest.param("*.example.com", "*.example.com", id="suffix"),
        pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
        pytest.param("127.0.0.1:8443", "127.0.0.1:8443", id="IPv4 with a port"),
        pytest.param("::1", "[::1]", id="IPv6 as it is written alone"),
        pytest.param("[::1]", "[::1]", id="IPv6 as it is written in a URL"),
        pytest.param("[0:0::1]:8443", "[::1]:8443", id="IPv6 with a port, shortened"),
    ],
)
def test_a_host_entry_is_normalised(text: str, entry: str) -> None:
    assert parse_allowed_host(text) == entry


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://ghes.example.com", id="scheme"),
        pytest.param("ghes.example.com/api", id="path"),
        pytest.param("user@ghes.example.com", id="user"),
        pytest.param("*", id="everything"),
        pytest.param("*.", id="suffix of nothing"),
        pytest.param("*.*.example.com", id="two stars"),
        pytest.param("*.example.com:8443", id="suffix with a port"),
        pytest.param("ghes*.example.com", id="star inside"),
        pytest.param("ghes.example.com:0", id="port zero"),
        pytest.param("ghes.example.com:65536", id="port too large"),
        pytest.param("ghes.example.com:", id="no port after the colon"),
        pytest.param("ghes.example.com.", id="dot at the end"),
        pytest.param("-ghes.example.com", id="dash first"),
        pytest.param("a" * 64, id="label too long"),
        pytest.param(".".join(["a" * 60] * 5), id="name too long"),
        pytest.param("999.1.1.1", id="not quite an IPv4 address"),
        pytest.param("127.1", id="an IPv4 address that some resolvers accept"),
        pytest.param("[fe80::1%eth0]", id="IPv6 with a zone"),
        pytest.param("bücher.example", id="not ASCII"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_not_a_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a host without scheme or path"):
        parse_allowed_host(text)


def test_hosts_are_a_list_without_repetitions() -> None:
    assert parse_allowed_hosts("ghes, GHES,*.example.com,") == ("ghes", "*.example.com")


@given(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), unique=True))
def test_a_list_is_split_at_commas_and_keeps_its_order(entries: list[str]) -> None:
    assert parse_list(" , ".join(entries)) == tuple(entries)


def test_no_namespaces_means_all() -> None:
    assert parse_namespaces("") == ()
    assert parse_namespaces("team-a,team-b") == ("team-a", "team-b")


@pytest.mark.parametrize("text", [",", " ", " , ,"])
def test_a_list_without_any_namespace_does_not_mean_all(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must name namespaces, or be empty for all of them"):
        parse_namespaces(text)


@pytest.mark.parametrize("text", ["Team", "a_b", "-a", "a.b", "a" * 64])
def test_what_is_not_a_namespace_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be the name of a namespace"):
        parse_namespaces(text)


@pytest.mark.parametrize("text", ["", "Operator", "operator/../../secrets", "-a", "a" * 254])
def test_what_is_not_a_pods_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be the name of a pod"):
        parse_pod_name(text)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a" * 65])
def test_what_is_not_a_pods_uid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be the uid of a pod"):
        parse_pod_uid(text)


def test_the_pod_is_one_of_the_operators_namespace() -> None:
    name, uid = parse_pod_name("operator-6d8f-x2x"), parse_pod_uid("0f6d3d5e-7f3a-4a6e-9a53-9df2a1e5a5f0")
    told = Settings(operator_namespace="githubtoken-system", pod_name=name, pod_uid=uid)
    assert told.pod == Pod("githubtoken-system", name, uid)
    assert Settings().pod is None


def test_a_lease_lasts_whole_seconds() -> None:
    assert parse_lease_duration("15s") == 15.0
    assert parse_lease_duration("1m30s") == 90.0


@pytest.mark.parametrize("text", ["1s", "0s", "1.5s", "2500ms", "11m"])
def test_a_lease_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be whole seconds from 2s to 10m"):
        parse_lease_duration(text)


def test_a_count_is_within_its_bounds() -> None:
    assert parse_count("16", maximum=100) == 16


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "many", ""])
def test_a_count_outside_of_its_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number from 1 to 100"):
        parse_count(text, maximum=100)


@pytest.mark.parametrize(
    ("parse", "known", "complaint"),
    [
        pytest.param(parse_log_format, ("json", "text"), "must be `json` or `text`", id="format"),
        pytest.param(parse_log_level, ("debug", "info", "warning", "error"), "must be `debug`, `info`", id="level"),
    ],
)
def test_log_settings_are_words_of_a_list(parse: Callable[[str], str], known: tuple[str, ...], complaint: str) -> None:
    assert tuple(parse(word.upper()) for word in known) == known
    with pytest.raises(ValueError, match=f"^{complaint}"):
        parse("verbose")


def test_every_setting_says_its_default_and_why() -> None:
    [body] = (
        node.body
        for node in ast.parse(inspect.getsource(settings)).body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    )
    documented = {
        field.target.id
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and "Default: " in str(ast.literal_eval(text.value))
    }
    assert documented == {field.name for field in dataclasses.fields(Settings)}


def test_a_grace_period_is_a_duration() -> None:
    assert parse_grace_period("90s") == 90.0
    with pytest.raises(ValueError, match="must be a duration"):
        parse_grace_period("90")
