"""Repositories and accounts that are renamed, transferred, and Apps that are installed again, as GitHub has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from github_simulator.control_client import ControlFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.integration.simulator.conftest import Scene


def found(scene: Scene, path: str) -> httpx.Response:
    return scene.call("GET", path)


def test_a_former_name_leads_to_the_repositorys_number(scene: Scene) -> None:
    account, number = scene.installation.account, scene.installation.repositories["website"]
    scene.github.rename_repository(f"{account}/website", "site")
    answer = found(scene, f"/repos/{account}/website/installation")
    assert answer.status_code == 301
    assert answer.json()["message"] == "Moved Permanently"
    assert answer.headers["Location"] == f"{scene.simulator.api_url}/repositories/{number}/installation"
    followed = scene.http.get(answer.headers["Location"], headers={"Authorization": f"Bearer {scene.jwt()}"})
    assert followed.json()["id"] == scene.installation.id
    assert found(scene, f"/repos/{account}/site/installation").json()["id"] == scene.installation.id


def test_a_mint_knows_no_former_names(scene: Scene) -> None:
    account, number = scene.installation.account, scene.installation.repositories["website"]
    scene.github.rename_repository(f"{account}/website", "site")
    assert scene.mint(repositories=["website"]).status_code == 422
    minted = scene.mint(repository_ids=[number])
    assert [each["full_name"] for each in minted.json()["repositories"]] == [f"{account}/site"]


def test_a_name_that_is_used_again_leads_nowhere_else(scene: Scene) -> None:
    account = scene.installation.account
    scene.github.rename_repository(f"{account}/website", "site")
    scene.github.change_installation(scene.installation, repositories=["website"])
    assert found(scene, f"/repos/{account}/website/installation").status_code == 200


def test_a_consumer_is_led_to_a_repository_that_it_reaches_and_to_no_other(scene: Scene) -> None:
    account, number = scene.installation.account, scene.installation.repositories["website"]
    all_of_it, api_only = scene.token(), scene.token(repositories=["api"])
    scene.github.rename_repository(f"{account}/website", "site")
    answer = scene.call("GET", f"/repos/{account}/website", token=all_of_it)
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"{scene.simulator.api_url}/repositories/{number}",
    )
    assert scene.call("GET", f"/repositories/{number}", token=all_of_it).json()["name"] == "site"
    assert scene.call("GET", f"/repos/{account}/website", token=api_only).status_code == 404
    assert scene.call("GET", f"/repositories/{number}", token=api_only).status_code == 404


def test_a_transfer_takes_the_repository_out_of_the_installation(scene: Scene) -> None:
    account, number = scene.installation.account, scene.installation.repositories["website"]
    newco = f"newco-{account}"
    scene.github.transfer_repository(f"{account}/website", newco)
    for path in (f"/repos/{account}/website/installation", f"/repositories/{number}/installation"):
        assert found(scene, path).status_code == 404
    assert scene.mint(repository_ids=[number]).status_code == 422
    there = scene.github.install(scene.app, newco)
    assert found(scene, f"/repositories/{number}/installation").json()["id"] == there.id
    assert found(scene, f"/repos/{account}/website/installation").status_code == 301


def test_an_account_that_is_renamed_keeps_its_installation_and_loses_its_login(scene: Scene) -> None:
    account = scene.installation.account
    newco = f"newco-{account}"
    scene.github.rename_account(account, newco)
    assert found(scene, f"/users/{account}/installation").status_code == 404
    assert found(scene, f"/orgs/{account}/installation").status_code == 404
    assert found(scene, f"/users/{newco}/installation").json()["id"] == scene.installation.id
    shown = found(scene, f"/app/installations/{scene.installation.id}").json()
    assert shown["account"]["login"] == newco
    assert found(scene, f"/repos/{account}/website/installation").status_code == 301


def test_an_app_that_is_installed_again_has_another_number(scene: Scene) -> None:
    token = scene.token()
    again = scene.github.reinstall(scene.installation)
    assert again.id != scene.installation.id
    assert again.repositories == scene.installation.repositories
    assert scene.mint().status_code == 404
    assert scene.call("GET", "/installation/repositories", token=token).status_code == 401


def test_names_that_are_taken_and_things_that_are_not_there_are_refused(scene: Scene) -> None:
    account, github = scene.installation.account, scene.github
    calls: list[Callable[[], None]] = [
        lambda: github.rename_repository(f"{account}/website", "api"),
        lambda: github.rename_repository(f"{account}/nothing", "api2"),
        lambda: github.rename_account(account, "octo-org"),
        lambda: github.rename_account(f"no-{account}", "x"),
    ]
    for call in calls:
        with pytest.raises(ControlFailedError):
            call()
