"""No secret leaks on any way: secrets are planted, driven through everything, and searched for in all that came out.

Each token here has an App of its own, so that all faults strike side by side. When a test ends, its world fails it for
each canary, and for whatever else looks like a secret, in log, events, status, annotations and metrics, plain and in
base64; what the user's commands print is searched here. `test_canaries` shows that this search finds what is planted.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.integration.operator.command_line import BIN, Commands, Ended
from tests.integration.operator.stage.belongings import OPERATOR_NAMESPACE, pem
from tests.integration.operator.stage.leaks import find_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from github_simulator.control_client import App
    from tests.integration.operator.stage.cluster import Object
    from tests.integration.operator.stage.world import World

pytestmark = pytest.mark.both_kinds

# Secrets of every form, of nobody: what a proxy, an error page or a broken GitHub may put into an answer.
ECHOED: Final = [
    "ghs_CanaryInstallation0123456789abcdefgh",
    "ghs_12345_eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeS1zaWduYXR1cmU",
    "ghu_CanaryUser0123456789abcdefghijklmnop",
    "ghr_CanaryRefresh0123456789abcdefghijklmnopqrstuvwxyz",
    "github_pat_11CANARY0000000000_CanaryPersonal0123456789abcdefghijklmnopqrstuvw",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.Y2FuYXJ5LXNpZ25hdHVyZS1vZi1hbi1hcHA",
    "0123456789abcdef0123456789abcdefcafe0000",
]
ALL: Final = " ".join(ECHOED)
HTML: Final = f"<!DOCTYPE html><html><body>Sent: {ALL}</body></html>"
WORDS: Final = json.dumps({"message": f"Sent: {ALL}", "documentation_url": f"https://docs.github.com/{ECHOED[0]}"})
OAUTH: Final = json.dumps({"error": ECHOED[2], "error_description": ALL, "error_uri": f"https://x/?t={ECHOED[3]}"})
NO_PAIR: Final = json.dumps({"access_token": f"{ECHOED[2]}\n", "refresh_token": ECHOED[3], "expires_in": ECHOED[2]})
HEADERS: Final = {"X-Echo": ALL, "Retry-After": ECHOED[0], "X-RateLimit-Remaining": ECHOED[1], "Date": ECHOED[2]}
LOCATION: Final = {"Location": f"https://elsewhere.example/?access_token={ECHOED[2]}"}

# What may answer in GitHub's place, or be wrong with GitHub, whatever was asked.
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "a bad gateway": {"status": 502, "body": HTML, "content_type": "text/html"},
    "a server error in GitHub's words": {"status": 500, "body": WORDS},
    "a page": {"status": 200, "body": HTML, "content_type": "text/html"},
    "a refusal": {"status": 401, "body": WORDS},
    "a ban": {"status": 403, "body": WORDS},
    "a limit": {"status": 429, "body": WORDS, "headers": {"Retry-After": "2"}},
    "nothing found": {"status": 404, "body": WORDS},
    "an invalid request": {"status": 422, "body": WORDS},
    "a redirect": {"status": 302, "body": WORDS, "headers": LOCATION},
    "a page that moved": {"status": 301, "body": WORDS, "headers": LOCATION},
    "headers": {"status": 500, "body": WORDS, "headers": HEADERS},
    "an OAuth error": {"status": 200, "body": OAUTH},
    "a pair that is none": {"status": 200, "body": NO_PAIR},
    "half an answer": {"status": 200, "body": NO_PAIR[:70]},
    "a list": {"status": 200, "body": json.dumps(ECHOED)},
    "a text": {"status": 200, "body": json.dumps(ALL)},
    "a broken connection": {"drop": True, "when": "after"},
}
# Good answers in which the names are secrets.
NAMES: Final[dict[str, dict[str, Any]]] = {
    "get_app": {"slug": ECHOED[0], "owner": {"login": ECHOED[2]}, "client_id": ECHOED[3], "permissions": {ALL: "read"}},
    "find_installation": {"account": {"login": ECHOED[1]}},
    "mint": {"permissions": {"contents": ECHOED[0], ECHOED[6]: "read"}, "repository_selection": ECHOED[2]},
    "get_user": {"login": ECHOED[4]},
}
# Every form of a token, and a key by which it is seen that they are there.
FORMATS: Final = {
    ("BasicAuth", "GitCredentials", "Netrc", "GHHosts", "Env"): "hosts.yml",
    ("DockerConfigJSON",): ".dockerconfigjson",
}
EXPIRY: Final = {"GitHub-Authentication-Token-Expiration": ECHOED[4], "X-OAuth-Scopes": ALL}

ALL_TRIED: Final = 120.0
"""Seconds: a host at which next to nothing works is asked by one object after the other."""


@dataclass
class Course:
    """Makes objects by names that are new, and waits until the operator has said of each what it found."""

    world: World
    names: list[str] = field(default_factory=list)
    number: int = 0

    def app(self) -> tuple[str, App]:
        name, app = self.registered()
        self.declare(name, app)
        return name, app

    def registered(self, **settings: Any) -> tuple[str, App]:  # noqa: ANN401 - the simulator's settings
        """An App at GitHub of which the operator does not know yet."""
        self.number += 1
        app = self.world.register(**settings)
        self.world.install(app)
        return f"app{self.number}", app

    def declare(self, name: str, app: App) -> None:
        self.world.app_secret(app, f"{name}-app")
        self.world.github_app(app, name)

    def installation(self, app: str) -> None:
        self.names.append(f"{app}-ci")
        self.world.installation_token(f"{app}-ci", app=app)

    def user(self, app: str, seed: str) -> None:
        self.names.append(f"{app}-user")
        self.world.user_token(f"{app}-user", app=app, seed=seed)

    def token(self, name: str, app: App, *, of_user: bool) -> None:
        """A token of an App that the operator does not know yet."""
        self.declare(name, app)
        if of_user:
            self.user(name, self.world.sign_in(app))
        else:
            self.installation(name)

    def of_cluster_app(self) -> str:
        """An installation's token of a new ClusterGitHubApp, whose name is returned."""
        _, app = self.registered()
        cluster_app = self.world.cluster_app(app, allowedNamespaces={"from": "All"})
        self.names.append("cluster-ci")
        ref = {"kind": "ClusterGitHubApp", "name": cluster_app}
        self.world.token("cluster-ci", {"appRef": ref, "installation": {"owner": self.world.account}})
        return cluster_app

    def personal(self, token: str) -> str:
        self.number += 1
        self.names.append(f"pat{self.number}")
        self.world.personal_token(token, self.names[-1])
        return self.names[-1]

    def wait(self) -> None:
        for name in self.names:
            self.world.wait_for(name, has_been_tried, within=ALL_TRIED)

    def wait_struck(self, faults: Mapping[int, str]) -> None:
        """Waits until each of the faults has struck: no canary was planted in vain."""

        def missing() -> list[str]:
            return [faults[found["id"]] for found in self.world.github.faults() if not found["struck"]]

        self.world.wait_until(lambda: not missing(), f"one of {missing()}", within=ALL_TRIED)


def has_been_tried(token: Object) -> bool:
    """Whether a first attempt has ended, well or not."""
    status = token.get("status", {})
    ready = next((found["status"] for found in status.get("conditions", ()) if found["type"] == "Ready"), "Unknown")
    return ready != "Unknown" or "failedAttempts" in status


@pytest.fixture
def course(world: World) -> Course:
    world.canaries += [*ECHOED, world.cluster.control_plane.token]
    # GitHub closes its door after many refused logins from one address; here they are all from one.
    world.github.settings(failed_login_limit=0)
    return Course(world)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(("get_app", "find_installation", "installation_repositories"), id="looked-up"),
        pytest.param(("mint",), id="minted"),
        pytest.param(("refresh",), id="refreshed"),
    ],
)
def test_what_github_answers_is_not_shown(asked: Sequence[str], world: World, course: Course) -> None:
    faults = {}
    for (what, answer), operation in zip(ANSWERS.items(), itertools.cycle(asked), strict=False):
        name, app = course.registered()
        faults[world.github.fail(operation, app=app, times=None, **answer)] = f"{what} to {operation}"
        course.token(name, app, of_user=operation == "refresh")
    course.wait()
    course.wait_struck(faults)


def test_what_github_names_is_not_shown(world: World, course: Course) -> None:
    faults = {}
    for operation, fields in NAMES.items():
        name, app = course.registered()
        faults[world.github.override(operation, app=app, times=None, **fields)] = f"names in {operation}"
        course.token(name, app, of_user=operation == "get_user")
    course.wait()
    course.wait_struck(faults)


def test_what_github_answers_about_a_personal_token_is_not_shown(world: World, course: Course) -> None:
    for what, answer in {
        **ANSWERS,
        "a name": {"set_fields": NAMES["get_user"]},
        "an expiry": {"headers": EXPIRY},
    }.items():
        fault = world.github.fail("get_user", times=None, **answer)
        name = course.personal(world.made_by_hand())
        world.wait_for(name, has_been_tried)
        course.wait_struck({fault: what})
        world.github.clear_faults(fault)


def test_what_github_answers_to_a_sign_in_is_not_shown(world: World, course: Course) -> None:
    faults = {}
    odd = {
        "a code": {"set_fields": {"user_code": ECHOED[2]}},
        "a page's address": {"set_fields": {"verification_uri": f"https://x.example/{ECHOED[0]}"}},
    }
    for what, answer in {**ANSWERS, **odd, "what is right": {"delay": 0.1}}.items():
        for operation in ("device_code", "device_poll"):
            name, app = course.registered(device_flow=True, device_interval=1)
            faults[world.github.fail(operation, app=app, times=None, **answer)] = f"{what} to {operation}"
            world.github_app(app, name, privateKeySecretRef=None, clientSecretSecretRef=None)
            course.names.append(f"{name}-user")
            world.token(f"{name}-user", {"appRef": {"name": name}, "user": {"deviceFlow": {}}})
    course.wait()
    course.wait_struck(faults)


def test_what_github_answers_to_a_revocation_is_not_shown(world: World, course: Course) -> None:
    faults = {}
    operations = itertools.cycle(("revoke_installation_token", "delete_token", "revoke_credentials"))
    for (what, answer), operation in zip(ANSWERS.items(), operations, strict=False):
        name, app = course.app()
        # A report of credentials is anonymous: any token that goes may meet that answer.
        whose = None if operation == "revoke_credentials" else app
        faults[world.github.fail(operation, app=whose, **answer)] = f"{what} to {operation}"
        if operation == "revoke_installation_token":
            course.installation(name)
        else:
            course.user(name, world.sign_in(app))
    for name in course.names:
        world.change(name, deletionPolicy="Revoke")
        world.wait_ready(name)
        world.data(name)
        world.wait_for(name, lambda token: token["metadata"].get("finalizers"))
        world.delete("GitHubToken", name)
    for name in course.names:
        world.wait_for(name, lambda token: not token)
    course.wait_struck(faults)


def test_what_humans_put_into_the_wrong_place_is_not_shown(world: World, course: Course) -> None:
    _, app = course.app()
    right, other = app.private_key or "", pem()
    world.canaries += [line for line in other.splitlines() if len(line) > 40]
    broken = (
        right[:-200],
        right.replace("\n", " "),
        f"-----BEGIN RSA PRIVATE KEY-----\n{ALL}",
        f'{{"token": "{ALL}"}}',
    )
    for text in (other, *broken, *ECHOED, ALL):
        name, app = course.app()
        world.secret(f"{name}-app", {"private-key.pem": text, "client-secret": text}, role="app")
        course.installation(name)
        course.user(name, world.sign_in(app))
        course.user(course.app()[0], text)
        course.personal(text)
    wrong = {"private-key.pem": f"{right}{ALL}".replace("END", "end"), "client-secret": ALL}
    world.secret(f"{course.of_cluster_app()}-app", wrong, role="app", namespace=OPERATOR_NAMESPACE)
    course.wait()


def test_what_is_wrong_with_a_client_certificate_is_not_shown(world: World, course: Course) -> None:
    key = pem()
    world.canaries += [line for line in key.splitlines() if len(line) > 40]
    broken = (key, key[:-200], key.replace("\n", " "), key.replace("PRIVATE", "ENCRYPTED PRIVATE"), *ECHOED, ALL)
    for number, text in enumerate(broken):
        name, app = course.registered()
        world.secret(f"client{number}-app", {"tls.crt": f"{key}{text}", "tls.key": text}, role="app")
        world.app_secret(app, f"{name}-app")
        world.github_app(app, name, clientCertificateSecretRef={"name": f"client{number}-app"})
        course.installation(name)
    course.wait()
    assert all(world.wait_reason(name, "AppNotReady") for name in course.names)


def test_no_step_of_a_tokens_life_shows_it(world: World, course: Course) -> None:
    name, app = course.app()
    course.installation(name)
    course.user(name, world.sign_in(app))
    course.personal(world.made_by_hand(scopes=["repo"]))
    course.of_cluster_app()
    for each in course.names:
        live_through(world, each)


def has_key(world: World, secret: str, key: str) -> bool:
    return key in world.data(secret)


def live_through(world: World, name: str) -> None:
    world.wait_ready(name)
    world.data(name)
    world.annotate(name, refresh_requested_at="renew it")
    world.wait_for(name, lambda token: token["status"].get("lastHandledRefreshAt") == "renew it")
    for formats, key in FORMATS.items():
        world.change(name, secret={"formats": [*formats], "data": {"config.ini": "token = ${token}"}})
        world.wait_until(partial(has_key, world, name, key), f"`{key}`")
    world.secret_key(name, "token", ECHOED[0])
    world.wait_until(lambda: world.data(name).get("token") != ECHOED[0], "the edited Secret's repair")
    world.delete("Secret", name)
    world.wait_for(name, bool, kind="Secret")
    world.secret(f"foreign-{name}", {"token": ALL})
    world.change(name, suspend=True)


def test_what_the_api_server_refuses_is_not_shown(world: World, course: Course) -> None:
    """No Secret may be made any more when the tokens are there."""
    name, app = course.app()
    seed, by_hand = world.sign_in(app), world.made_by_hand()
    world.seed(f"{name}-user", seed)
    world.secret("pat-pat", {"token": by_hand}, role="seed")
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"secrets": "0"}},
    }
    world.cluster.create(quota, world.namespace)
    # Nobody counts here but the API server's own admission, which goes by status.
    counted = {"status": {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}}
    world.cluster.patch("ResourceQuota", world.namespace, "none/status", counted)
    course.installation(name)
    world.token(f"{name}-user", {"appRef": {"name": name}, "user": {"seedSecretRef": {"name": f"{name}-user-seed"}}})
    world.personal_token(None, "pat")
    for each in (f"{name}-ci", f"{name}-user", "pat"):
        world.wait_reason(each, "MissingPermission")


def test_no_command_shows_a_secret(world: World, course: Course, tmp_path: Path) -> None:
    name, app = course.app()
    course.installation(name)
    course.user(name, world.sign_in(app))
    course.personal(world.made_by_hand())
    for each in course.names:
        world.wait_ready(each)
    plane = world.cluster.control_plane
    commands = Commands(plane.kubeconfig)
    all_of_them = ("--cluster",) if world.shared else ("-n", world.namespace)
    named, home = [world.addressed(each) for each in course.names], ("--operator-namespace", OPERATOR_NAMESPACE)
    ended = [commands("list", *all_of_them), commands("list", *all_of_them, "-o", "json")]
    ended += [commands("refresh", *all_of_them, "--all", "--wait")]
    ended += [commands("status", *each, *home) for each in named]
    ended += [commands("status", *named[0], *home, "-o", "yaml"), commands("login", *named[0])]
    # Somebody whose token the API server refuses, and somebody who asks a server that is not there.
    config = yaml.safe_load(plane.kubeconfig.read_text())
    for server in (plane.server, "https://127.0.0.1:9"):
        config["users"] = [{"name": user["name"], "user": {"token": ECHOED[5]}} for user in config["users"]]
        for cluster in config["clusters"]:
            cluster["cluster"]["server"] = server
        wrong = tmp_path / "kubeconfig"
        wrong.write_text(yaml.safe_dump(config))
        ended += [Commands(wrong, world.namespace)("list"), Commands(wrong).run(str(BIN / "githubtoken"), "run")]
        assert all(end.code for end in ended[-2:])
    assert world.leaks() == []
    assert found_in(ended, world.canaries) == []


def found_in(ended: list[Ended], canaries: list[str]) -> list[str]:
    return [found for end in ended for text in (end.out, end.err) for found in find_secrets(text, canaries)]
