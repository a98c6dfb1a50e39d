"""docs/how-to: the scripts of the pages, typed as a container runs them, with real git and a token that is renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.docs import pages
from tests.integration.operator.consumer.formats.test_git import git

if TYPE_CHECKING:
    from tests.integration.operator.consumer.formats.conftest import Pod
    from tests.integration.operator.consumer.formats.test_git import GitServer
    from tests.integration.operator.stage.world import World

__all__ = ["git"]

HOW_TO = pages.REPOSITORY / "docs" / "how-to"


def parts(page: str) -> list[dict[str, Any]]:
    """The objects of a page."""
    blocks = [block.text for block in pages.of("yaml") if block.page == HOW_TO / page]
    return [part for block in blocks for part in yaml.safe_load_all(block)]


def container_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The only container."""
    (spec,) = (part["spec"] for part in found if part["kind"] in {"Pod", "Job"})
    pod = spec.get("template", {}).get("spec", spec)
    container: dict[str, Any] = pod["containers"][0]
    return container


def publish(world: World, server: GitServer, page: str) -> str:
    """The page's GitHubToken, of this test's account, and the name of its Secret."""
    world.app()
    world.patch("acme", {"spec": {"webURL": server.url}}, kind="GitHubApp")
    token = next(part for part in parts(page) if part["kind"] == "GitHubToken")
    spec = {**token["spec"], "appRef": {"name": "acme"}}
    spec["installation"] = {"repository": f"{world.account}/website", "permissions": {"contents": "read"}}
    world.token("ci", spec)
    world.wait_ready()
    return "ci"


def typed(world: World, server: GitServer, pod: Pod, page: str) -> tuple[str, dict[str, str]]:
    """The container's script up to where it would go on for ever or call gh, and its environment."""
    container = container_of(parts(page))
    script = container["command"][-1].replace("https://github.com/acme", f"{server.url}/{world.account}")
    lines = [line.replace("/src", str(pod.home)) for line in script.splitlines()]
    kept = [line for line in lines if not line.startswith(("while", "gh"))]
    mounted = str(pod.home / "mount")
    return "\n".join(kept), {each["name"]: each["value"].replace("/github", mounted) for each in container["env"]}


@pytest.mark.parametrize("page", ["private-clone.md", "ci.md"])
def test_a_page_clones_and_goes_on_with_the_next_token(world: World, git: GitServer, pod: Pod, page: str) -> None:
    name = publish(world, git, page)
    script, environment = typed(world, git, pod, page)
    folder = pod.mount_read_only(world, name)
    done = pod.run_mounted(folder, "sh", "-ec", script, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("fatal") == 0
    clone = pod.home / "website"
    assert (clone / "README").read_text() == "hello"
    assert world.data(name)["token"] not in (clone / ".git" / "config").read_text()
    # What kubelet does when the token is renewed.
    world.annotate(name, refresh_requested_at="now")
    world.wait_ready(revision=2)
    (folder / "..data" / ".git-credentials").write_text(world.data(name)[".git-credentials"])
    pulled = pod.run_mounted(folder, "git", "-C", clone, "pull", "--ff-only", env=environment)
    assert pulled.returncode == 0, pulled.stderr


def test_the_agents_have_the_same_helper() -> None:
    helpers = {
        variable["value"]
        for page in ("private-clone.md", "ci.md", "coding-agents.md")
        for variable in container_of(parts(page))["env"]
        if variable["name"] == "GIT_CONFIG_VALUE_0"
    }
    assert len(helpers) == 1
