"""The source of a token as its spec has it."""

from __future__ import annotations

from githubtoken_operator.domain.objects.specs.sources import InstallationSource, UserSource
from tests.unit.builders import githubtoken


def test_a_user_token_may_have_no_seed() -> None:
    assert githubtoken(user={}).user == UserSource(credential="ci-credential", seed=None)


def test_the_order_in_which_an_installation_is_narrowed_does_not_matter() -> None:
    one = githubtoken(
        installation={
            "owner": "acme",
            "repositories": ["b", "a"],
            "permissions": {"issues": "read", "contents": "read"},
        }
    )
    other = githubtoken(
        installation={
            "owner": "acme",
            "repositories": ["a", "b"],
            "permissions": {"contents": "read", "issues": "read"},
        }
    )
    assert one.installation == other.installation
    assert one.installation is not None
    assert one.installation.narrowed_to == ("a", "b")


def test_a_repository_finds_the_installation_and_narrows_to_itself() -> None:
    assert InstallationSource(repository="acme/website").narrowed_to == ("website",)
