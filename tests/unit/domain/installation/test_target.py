"""What a selector was found to mean is remembered by numbers, for this selector on this host and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from githubtoken_operator.domain.consumer import consumer
from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.installation.target import Target
from githubtoken_operator.domain.objects.secrets import decoded
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary.model import Server
from tests.unit.builders import app, githubtoken, issued
from tests.unit.crd_schema import schema_of, violations

HERE = app().server
WEB = InstallationSource(repository="acme/web")
FOUND = Target("api.github.com", "acme/web", 678, "newco", 5, "newco/site")


def status(found: Target = FOUND) -> dict[str, Any]:
    return {"account": found.account, **found.place}


def test_what_status_keeps_is_read_again_and_fits_the_schema() -> None:
    assert target.remembered(status()) == FOUND
    bare = Target("api.github.com", "acme", 678, "acme")
    assert target.remembered(status(bare)) == bare
    assert violations(status(), schema_of("githubtoken.dev_githubtokens.yaml")) == []


@pytest.mark.parametrize("found", [None, "text", {}, {"id": 5}, {"host": "api.github.com", "id": 5}])
def test_what_cannot_be_used_is_not_remembered(found: object) -> None:
    assert target.remembered({target.FIELD: found}) is None


@pytest.mark.parametrize(
    ("source", "server", "known"),
    [
        pytest.param(WEB, HERE, True, id="the same"),
        pytest.param(InstallationSource(repository="acme/api"), HERE, False, id="another repository"),
        pytest.param(InstallationSource(owner="acme"), HERE, False, id="its owner"),
        pytest.param(InstallationSource(id=678), HERE, False, id="a number"),
        pytest.param(WEB, Server("https://ghes.example/api/v3", "https://ghes.example"), False, id="another host"),
    ],
)
def test_it_counts_for_what_it_was_found_for(source: InstallationSource, server: Server, *, known: bool) -> None:
    assert (target.known(status(), source, server) is not None) is known


@pytest.mark.parametrize(
    ("installation", "found", "path"),
    [
        pytest.param({"repository": "acme/web"}, FOUND, "newco/site", id="a repository by its present name"),
        pytest.param({"repository": "acme/api"}, FOUND, "acme/api", id="another by the spec's"),
        pytest.param({"owner": "acme"}, Target("api.github.com", "acme", 678, "newco"), "newco", id="an owner"),
        pytest.param({"id": 678}, Target("api.github.com", "id 678", 678, "acme"), None, id="a number"),
    ],
)
def test_where_a_token_is_for_is_said_by_the_present_name(
    installation: dict[str, Any], found: Target, path: str | None
) -> None:
    assert target.path(githubtoken(installation=installation, status=status(found)), HERE) == path


def test_argo_cd_gets_the_present_url() -> None:
    token = githubtoken(
        installation={"repository": "acme/web"}, secret={"formats": ["ArgoCDRepository"]}, status=status()
    )
    assert decoded(consumer.render(token, issued(token), HERE), "url") == "https://github.com/newco/site"
