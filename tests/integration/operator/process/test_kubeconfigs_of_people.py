"""The operator on somebody's machine, by the kubeconfigs that clouds and issuers give to people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from localcluster.operator_process import OperatorDied
from tests.integration.operator.process.test_processes import rules

if TYPE_CHECKING:
    from localcluster import ControlPlane
    from localcluster.operator_process import OperatorProcess
    from tests.integration.operator.stage.world import World

    Start = Callable[..., OperatorProcess]

pytestmark = pytest.mark.xdist_group("apart-kubeconfigs")

VERSION = "client.authentication.k8s.io/v1"


class Person:
    """Somebody with the operator's rights, whose account can be made anew: tokens of the old one are refused then."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane = plane
        self._folder = folder
        self.token_file = folder / "token"
        self.runs = folder / "runs"

    def sign_in(self) -> str:
        """A token for the account as it is now."""
        path = self._plane.service_account_kubeconfig("person", cluster_rules=rules())
        token: str = json.loads(path.read_text())["users"][0]["user"]["token"]
        self.token_file.write_text(token)
        return token

    def lose_account(self) -> None:
        self._plane.kubectl("delete", "serviceaccount", "person")

    def kubeconfig(self, user: dict[str, Any], **cluster: object) -> Path:
        found = json.loads(self._plane.kubeconfig.read_text())
        found["clusters"][0]["cluster"] |= cluster
        found["users"][0]["user"] = user
        path = self._folder / "config"
        path.write_text(json.dumps(found))
        return path

    def plugin(self) -> dict[str, Any]:
        """A user whose plugin prints what is in the token's file, and notes that it ran."""
        program = self._folder / "plugin"
        status = '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "%s"}}'
        script = f"#!/bin/sh\necho >> {self.runs}\nprintf '{status}' {VERSION} \"$(cat {self.token_file})\"\n"
        program.write_text(script)
        program.chmod(0o700)
        return {"exec": {"apiVersion": VERSION, "command": "./plugin", "interactiveMode": "Never"}}

    def count_runs(self) -> int:
        return len(self.runs.read_text())


@pytest.fixture
def person(plane_apart: ControlPlane, tmp_path: Path) -> Person:
    return Person(plane_apart, tmp_path)


def test_a_plugin_signs_in_runs_and_watches_and_again_when_its_token_is_refused(
    apart: World, plane_apart: ControlPlane, start: Start, person: Person
) -> None:
    assert apart.operator.stop() == 0
    person.sign_in()
    apart.operator = start(person.kubeconfig(person.plugin()))
    assert person.count_runs() == 1
    apart.ready_token()
    person.lose_account()
    person.sign_in()
    plane_apart.stop_api_server()
    plane_apart.start_api_server()
    apart.installation_token("later")
    apart.wait_ready("later", within=120)
    assert 1 < person.count_runs() < 10


def test_a_login_at_an_issuer_is_used_while_it_lives(apart: World, start: Start, person: Person) -> None:
    assert apart.operator.stop() == 0
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": person.sign_in()}}}
    apart.operator = start(person.kubeconfig(user))
    apart.ready_token()


def test_a_login_that_has_ended_is_not_renewed(start: Start, person: Person) -> None:
    ended = jwt.encode({"exp": 1}, "of-nobody-at-all-but-long-enough", algorithm="HS256")
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": ended, "refresh-token": "works-once"}}}
    path = person.kubeconfig(user)
    before = path.read_text()
    with pytest.raises(OperatorDied, match="run any kubectl command, which renews it"):
        start(path)
    assert path.read_text() == before
