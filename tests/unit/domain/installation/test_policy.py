"""What an App's owner allows: what exceeds it is refused, what is left open is filled in, nothing is cut down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.installation import policy
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import UNLIMITED, Limits
from tests.unit.builders import app, githubtoken, user_githubtoken

Permissions = tuple[tuple[str, str], ...]

MOST: Permissions = (("contents", "write"), ("metadata", "read"))
GLOBS = ("acme/*", "other/api", "other/web", "third/web-*", "third/api")


def narrowed(
    source: InstallationSource,
    *,
    most: Permissions | None = None,
    globs: tuple[str, ...] | None = None,
    account: str | None = None,
) -> InstallationSource:
    return policy.narrowed(source, Limits(most, globs), account)


def denial(source: InstallationSource, **limits: Any) -> str:  # noqa: ANN401 - of either kind
    with pytest.raises(Terminal) as caught:
        narrowed(source, **limits)
    assert caught.value.reason == reasons.POLICY_DENIED
    return caught.value.message


# --- Permissions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "given_"),
    [
        pytest.param((), MOST, id="none named: exactly the maximum"),
        pytest.param((("contents", "read"),), (("contents", "read"),), id="less"),
        pytest.param((("contents", "write"),), (("contents", "write"),), id="as much"),
        pytest.param(MOST, MOST, id="everything that is allowed"),
    ],
)
def test_permissions_within_the_maximum(wanted: Permissions, given_: Permissions) -> None:
    assert narrowed(InstallationSource(id=1, permissions=wanted), most=MOST).permissions == given_


@pytest.mark.parametrize(
    ("wanted", "beyond"),
    [
        pytest.param((("contents", "admin"),), "`contents: admin`", id="a higher level"),
        pytest.param((("metadata", "write"),), "`metadata: write`", id="write where only read is allowed"),
        pytest.param((("issues", "read"),), "`issues: read`", id="another permission"),
        pytest.param(
            (("contents", "read"), ("issues", "read"), ("metadata", "admin")),
            "`issues: read`, `metadata: admin`",
            id="each that exceeds is named",
        ),
    ],
)
def test_permissions_beyond_the_maximum_are_refused(wanted: Permissions, beyond: str) -> None:
    message = denial(InstallationSource(id=1, permissions=wanted), most=MOST)
    assert f"does not allow {beyond}:" in message
    assert message.endswith("`contents: write`, `metadata: read`")


def test_a_maximum_of_nothing_is_not_taken_for_no_maximum() -> None:
    assert "no permissions" in denial(InstallationSource(id=1), most=())


LEVELS = st.sampled_from(policy.LEVELS)
PERMISSIONS = st.dictionaries(st.sampled_from(["contents", "issues", "metadata", "checks"]), LEVELS)


@given(wanted=PERMISSIONS, most=PERMISSIONS.filter(bool))
def test_no_token_has_more_than_the_maximum(wanted: dict[str, str], most: dict[str, str]) -> None:
    source = InstallationSource(id=1, permissions=tuple(sorted(wanted.items())))
    try:
        found = dict(narrowed(source, most=tuple(sorted(most.items()))).permissions)
    except Terminal:
        return
    # Nothing asked for would be everything that the installation has.
    assert found
    assert all(policy.LEVELS.index(found[name]) <= policy.LEVELS.index(most.get(name, "none")) for name in found)


# --- Repositories ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "repositories"),
    [
        pytest.param({"owner": "acme"}, (), id="all of an owner whose every repository is allowed"),
        pytest.param({"owner": "ACME"}, (), id="logins are compared without case"),
        pytest.param({"owner": "acme", "repositories": ("a", "b")}, ("a", "b"), id="some of them"),
        pytest.param({"owner": "other"}, ("api", "web"), id="narrowed to those that are named"),
        pytest.param({"owner": "other", "repositories": ("WEB",)}, ("WEB",), id="one of those, without case"),
        pytest.param({"owner": "third", "repositories": ("web-1", "api")}, ("web-1", "api"), id="matching a pattern"),
        pytest.param({"repository": "third/web-x"}, (), id="a repository that matches a pattern"),
        pytest.param({"repository": "other/api"}, (), id="a repository that is named"),
        pytest.param({"id": 1}, (), id="an id, which nothing is known of yet"),
        pytest.param({"id": 1, "account": "other"}, ("api", "web"), id="an id of a known account"),
        pytest.param({"owner": "acme", "account": "other"}, ("api", "web"), id="GitHub's word on the account counts"),
    ],
)
def test_repositories_that_are_allowed(source: dict[str, Any], repositories: tuple[str, ...]) -> None:
    account = source.pop("account", None)
    assert narrowed(InstallationSource(**source), globs=GLOBS, account=account).repositories == repositories


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param({"owner": "evil"}, "no repository of `evil`, only `acme/*`, `other/api`", id="another owner"),
        pytest.param({"id": 1, "account": "evil"}, "no repository of `evil`", id="an id of another account"),
        pytest.param({"owner": "other", "repositories": ("api", "x")}, "not allow `other/x`,", id="another name"),
        pytest.param({"repository": "other/x"}, "not allow `other/x`,", id="another repository"),
        pytest.param({"repository": "third/web"}, "not allow `third/web`,", id="all but what the pattern says"),
        pytest.param(
            {"owner": "third"}, "by the pattern `third/web-*`: say in `repositories`", id="what cannot be listed"
        ),
        pytest.param({"owner": "acme", "repository_ids": (1,)}, "`repositoryIDs` cannot be held", id="ids"),
        pytest.param({"id": 1, "repository_ids": (1,)}, "`repositoryIDs` cannot be held", id="ids by id"),
    ],
)
def test_repositories_that_are_not_allowed(source: dict[str, Any], message: str) -> None:
    account = source.pop("account", None)
    assert message in denial(InstallationSource(**source), globs=GLOBS, account=account)


NAMES = st.text("ab-.*?", min_size=1, max_size=4)


@given(
    owner=st.sampled_from(["acme", "other"]),
    names=st.lists(st.text("ab-.", min_size=1, max_size=4), max_size=3),
    globs=st.lists(st.builds("{}/{}".format, st.sampled_from(["acme", "other"]), NAMES), min_size=1, max_size=4),
)
def test_no_token_reaches_what_no_pattern_allows(owner: str, names: list[str], globs: list[str]) -> None:
    source = InstallationSource(owner=owner, repositories=tuple(names))
    try:
        found = narrowed(source, globs=tuple(globs)).repositories
    except Terminal:
        return
    patterns = [glob.split("/")[1] for glob in globs if glob.startswith(f"{owner}/")]
    if found:
        assert all(policy._matches(name, patterns) for name in found)
    else:
        assert any(set(pattern) == {"*"} for pattern in patterns)


# --- The whole token -------------------------------------------------------------------------------------------------


def test_without_limits_nothing_is_refused() -> None:
    assert policy.refusal(user_githubtoken(), UNLIMITED) is None
    assert policy.refusal(githubtoken(), UNLIMITED) is None


@pytest.mark.parametrize("limits", [Limits(permissions=MOST), Limits(repositories=GLOBS)])
def test_a_user_token_cannot_be_limited_and_is_refused(limits: Limits) -> None:
    denied = policy.refusal(user_githubtoken(), limits)
    assert denied is not None
    assert denied.reason == reasons.POLICY_DENIED


# --- What asks for another token -------------------------------------------------------------------------------------


def hash_under(limits: Limits, **installation: Any) -> str:  # noqa: ANN401 - fields of the spec
    return consumer.spec_hash(githubtoken(installation=installation), app(limits=limits))


READ = (("contents", "read"),)


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        pytest.param({"id": 1}, UNLIMITED, Limits(READ), id="a maximum is set"),
        pytest.param({"id": 1}, Limits(READ), UNLIMITED, id="a maximum is lifted"),
        pytest.param({"id": 1}, Limits(MOST), Limits(READ), id="the maximum is less"),
        pytest.param({"owner": "a"}, UNLIMITED, Limits(None, ("a/x",)), id="repositories are limited"),
        pytest.param({"owner": "a"}, Limits(None, ("a/x", "a/y")), Limits(None, ("a/x",)), id="one is taken away"),
        pytest.param({"id": 1}, Limits(None, ("a/x", "a/y")), Limits(None, ("a/x",)), id="the same by id"),
        pytest.param({"id": 1, "repositories": ["x"]}, UNLIMITED, Limits(None, ("b/x",)), id="what is named, by id"),
        pytest.param({"id": 1, "permissions": {"contents": "write"}}, UNLIMITED, Limits(READ), id="now refused"),
        pytest.param({"repository": "a/x"}, UNLIMITED, Limits(None, ("a/y",)), id="a repository now refused"),
    ],
)
def test_a_limit_that_changes_what_a_token_may_be_asks_for_another(
    source: dict[str, Any], before: Limits, after: Limits
) -> None:
    assert hash_under(before, **source) != hash_under(after, **source)


@pytest.mark.parametrize(
    ("source", "limits"),
    [
        pytest.param({"id": 1, "permissions": {"contents": "read"}}, Limits(MOST), id="less than the maximum"),
        pytest.param({"owner": "acme"}, Limits(None, GLOBS), id="all of an owner"),
        pytest.param({"owner": "other", "repositories": ["api"]}, Limits(None, GLOBS), id="a name that is allowed"),
        pytest.param({"repository": "third/web-1"}, Limits(None, GLOBS), id="a repository that is allowed"),
    ],
)
def test_a_limit_that_a_token_keeps_mints_nothing_anew(source: dict[str, Any], limits: Limits) -> None:
    assert hash_under(UNLIMITED, **source) == hash_under(limits, **source)


@pytest.mark.parametrize("globs", [("acme/*",), ("acme/website",)])
def test_no_token_of_an_enterprise_passes_for_one_of_repositories(globs: tuple[str, ...]) -> None:
    limits = Limits(repositories=globs)
    with pytest.raises(Terminal, match="a token of an enterprise"):
        policy.narrowed(InstallationSource(enterprise="acme"), limits)
    with pytest.raises(Terminal, match="a token of an enterprise"):
        policy.narrowed(InstallationSource(id=7), limits, "acme", enterprise=True)


def test_a_token_of_an_enterprise_is_held_to_permissions() -> None:
    limits = Limits(permissions=(("enterprise_people", "read"),))
    assert policy.narrowed(InstallationSource(enterprise="acme"), limits).permissions == limits.permissions
    with pytest.raises(Terminal, match="does not allow"):
        policy.narrowed(InstallationSource(enterprise="acme", permissions=(("members", "read"),)), limits)


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        pytest.param(["acme/web"], True, id="a name"),
        pytest.param(["ACME/Web", "acme/docs-en"], True, id="in other letters, and by a pattern"),
        pytest.param(["acme/web", "acme/secret"], False, id="one of them is called otherwise"),
        pytest.param(["newco/web"], False, id="another owner"),
        pytest.param([], False, id="it is not said"),
    ],
)
def test_what_was_asked_for_by_number_is_held_to_its_present_name(names: list[str], *, allowed: bool) -> None:
    limits = Limits(repositories=("acme/web", "acme/docs-*"))
    assert (policy.beyond(names, limits) is None) is allowed
    assert policy.beyond(names, Limits()) is None
