"""Names move, GitHub's numbers stay: what a selector means is the same before and after a restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from github_simulator.control_client import App as RegisteredApp
from github_simulator.control_client import Control, sha256
from github_simulator.control_client import Installation as Installed
from github_simulator.process import SimulatorProcess
from githubtoken_operator.adapters.github.client import GitHub
from githubtoken_operator.domain.installation import target
from githubtoken_operator.domain.installation.target import Target
from githubtoken_operator.domain.objects.specs.sources import InstallationSource
from githubtoken_operator.domain.vocabulary import reasons
from githubtoken_operator.domain.vocabulary.errors import Terminal
from githubtoken_operator.domain.vocabulary.model import App, InstallationToken, Limits
from githubtoken_operator.tokens.installation.minting import LIMITED_ACCOUNT_SERVES, InstallationTokens
from tests.integration.adapters.github.test_simulator import as_app, name


@dataclass
class Scene:
    """One App, installed on `acme` with its repositories `web` and `api`; `status` is what a restart leaves."""

    simulator: SimulatorProcess
    client: GitHub
    registered: RegisteredApp
    acme: str
    installed: Installed
    app: App
    status: dict[str, object] = field(default_factory=dict)
    now: float = 0.0
    tokens: InstallationTokens = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.tokens = InstallationTokens(self.client, verify=False, monotonic=lambda: self.now)

    @property
    def github(self) -> Control:
        return self.simulator.control

    def limit(self, *repositories: str) -> None:
        self.app = replace(self.app, limits=Limits(repositories=repositories))

    async def obtain(self, source: InstallationSource) -> tuple[InstallationToken, Target]:
        """One attempt, and what status says after it."""
        known = target.known(self.status, source, self.app.server)
        minted, found = await self.tokens.obtain(self.app, source, known)
        self.status = {"account": found.account, **found.place}
        return minted, found


@pytest.fixture
def scene(simulator: SimulatorProcess, github: GitHub) -> Scene:
    registered, acme = simulator.control.create_app(name("bot")), name("acme")
    installed = simulator.control.install(registered, acme, repositories=["web", "api"])
    return Scene(simulator, github, registered, acme, installed, as_app(simulator, registered))


def stay(_scene: Scene) -> None:
    """The same process goes on."""


def restart(scene: Scene) -> None:
    scene.restart()


def restart_without_status(scene: Scene) -> None:
    scene.restart()
    scene.status = {}


PROCESS = pytest.mark.parametrize("then", [stay, restart], ids=["the same process", "a new process"])
ANY_PROCESS = pytest.mark.parametrize(
    "then", [stay, restart, restart_without_status], ids=["the same process", "a new process", "without status"]
)


def web(scene: Scene) -> InstallationSource:
    return InstallationSource(repository=f"{scene.acme}/web")


def owner(scene: Scene) -> InstallationSource:
    return InstallationSource(owner=scene.acme)


def requests(scene: Scene, operation: str) -> int:
    return len(scene.github.ledger().of(operation, scene.registered))


@ANY_PROCESS
async def test_a_repository_that_was_renamed(scene: Scene, then: Callable[[Scene], None]) -> None:
    await scene.obtain(web(scene))
    scene.github.rename_repository(f"{scene.acme}/web", "site")
    then(scene)
    minted, found = await scene.obtain(web(scene))
    assert [each.full_name for each in minted.repositories] == [f"{scene.acme}/site"]
    assert (found.repository, found.repository_id) == (f"{scene.acme}/site", scene.installed.repositories["web"])


@PROCESS
async def test_a_name_that_was_given_to_another_repository_means_the_first(
    scene: Scene, then: Callable[[Scene], None]
) -> None:
    await scene.obtain(web(scene))
    scene.github.rename_repository(f"{scene.acme}/web", "site")
    scene.github.change_installation(scene.installed, repositories=["site", "api", "web"])
    then(scene)
    minted, _ = await scene.obtain(web(scene))
    assert [each.full_name for each in minted.repositories] == [f"{scene.acme}/site"]


@PROCESS
@pytest.mark.parametrize("selector", [web, owner], ids=["by a repository", "by the owner"])
async def test_an_account_that_was_renamed(
    scene: Scene, selector: Callable[[Scene], InstallationSource], then: Callable[[Scene], None]
) -> None:
    source = selector(scene)
    await scene.obtain(source)
    newco = name("newco")
    scene.github.rename_account(scene.acme, newco)
    then(scene)
    _, found = await scene.obtain(source)
    assert found.installation_id == scene.installed.id
    scene.restart()
    _, found = await scene.obtain(source)
    assert (found.account, found.installation_id) == (newco, scene.installed.id)


@ANY_PROCESS
@pytest.mark.parametrize("selector", [web, owner], ids=["by a repository", "by the owner"])
async def test_an_app_that_was_installed_again_costs_no_failed_attempt(
    scene: Scene, selector: Callable[[Scene], InstallationSource], then: Callable[[Scene], None]
) -> None:
    source = selector(scene)
    await scene.obtain(source)
    again = scene.github.reinstall(scene.installed)
    then(scene)
    _, found = await scene.obtain(source)
    assert found.installation_id == again.id


@ANY_PROCESS
async def test_a_repository_with_another_owner_is_found_where_the_app_is_installed_too(
    scene: Scene, then: Callable[[Scene], None]
) -> None:
    await scene.obtain(web(scene))
    newco = name("newco")
    there = scene.github.install(scene.registered, newco)
    scene.github.transfer_repository(f"{scene.acme}/web", newco)
    then(scene)
    minted, found = await scene.obtain(web(scene))
    assert (found.account, found.installation_id) == (newco, there.id)
    assert [each.full_name for each in minted.repositories] == [f"{newco}/web"]


@ANY_PROCESS
async def test_a_repository_with_another_owner_where_the_app_is_not_installed_is_refused_alike(
    scene: Scene, then: Callable[[Scene], None]
) -> None:
    await scene.obtain(web(scene))
    scene.github.transfer_repository(f"{scene.acme}/web", name("newco"))
    then(scene)
    known = bool(scene.status)
    with pytest.raises(Terminal, match=f"not installed on {scene.acme}/web") as refused:
        await scene.obtain(web(scene))
    assert refused.value.reason == reasons.INSTALLATION_NOT_FOUND
    assert ("if that has another owner now" in refused.value.message) is known


@PROCESS
async def test_names_in_a_list_that_were_renamed(scene: Scene, then: Callable[[Scene], None]) -> None:
    source = InstallationSource(owner=scene.acme, repositories=("api", "web"))
    await scene.obtain(source)
    scene.github.rename_repository(f"{scene.acme}/web", "site")
    then(scene)
    minted, _ = await scene.obtain(source)
    assert {each.full_name for each in minted.repositories} == {f"{scene.acme}/site", f"{scene.acme}/api"}


async def test_a_repository_that_is_not_there_is_refused_once(scene: Scene) -> None:
    source = InstallationSource(owner=scene.acme, repositories=("nothing",))
    with pytest.raises(Terminal) as refused:
        await scene.obtain(source)
    assert refused.value.reason == reasons.REPOSITORY_NOT_ACCESSIBLE
    assert requests(scene, "mint") == 1


# --- Limits ----------------------------------------------------------------------------------------------------------


@ANY_PROCESS
async def test_a_limit_holds_for_the_present_name_and_what_was_minted_is_revoked(
    scene: Scene, then: Callable[[Scene], None]
) -> None:
    scene.limit(f"{scene.acme}/web")
    await scene.obtain(web(scene))
    scene.github.rename_repository(f"{scene.acme}/web", "secret")
    then(scene)
    with pytest.raises(Terminal, match=f"called `{scene.acme}/secret` now") as denied:
        await scene.obtain(web(scene))
    assert denied.value.reason == reasons.POLICY_DENIED
    assert scene.github.ledger().live(scene.registered) == 1


@PROCESS
async def test_a_limit_to_an_account_holds_after_that_was_renamed(scene: Scene, then: Callable[[Scene], None]) -> None:
    scene.limit(f"{scene.acme}/*")
    await scene.obtain(owner(scene))
    newco = name("newco")
    scene.github.rename_account(scene.acme, newco)
    scene.now += LIMITED_ACCOUNT_SERVES
    then(scene)
    with pytest.raises(Terminal, match=f"no repository of `{newco}`") as denied:
        await scene.obtain(owner(scene))
    assert denied.value.reason == reasons.POLICY_DENIED


# --- What is remembered ----------------------------------------------------------------------------------------------


async def test_a_renewal_asks_nothing_but_the_token(scene: Scene) -> None:
    for _ in range(3):
        await scene.obtain(web(scene))
    assert (requests(scene, "find_installation"), requests(scene, "mint")) == (1, 3)


async def test_a_spec_that_names_something_else_is_looked_up_anew(scene: Scene) -> None:
    await scene.obtain(web(scene))
    minted, found = await scene.obtain(InstallationSource(repository=f"{scene.acme}/api"))
    assert [each.full_name for each in minted.repositories] == [f"{scene.acme}/api"]
    assert found.selector == f"{scene.acme}/api"


async def test_a_number_of_another_apps_installation_is_of_no_use(scene: Scene) -> None:
    """Nobody but the operator writes status; were it otherwise, GitHub would still know whose installation it is."""
    other = scene.github.create_app(name("other"))
    foreign = scene.github.install(other, name("victim"))
    source = owner(scene)
    scene.status = {target.FIELD: {"host": scene.app.server.api_host, "selector": source.selector, "id": foreign.id}}
    minted, found = await scene.obtain(source)
    assert found.installation_id == scene.installed.id
    assert scene.github.token(sha256(minted.access.token.reveal())).installation_id == scene.installed.id
