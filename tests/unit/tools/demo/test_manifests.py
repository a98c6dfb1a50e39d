from __future__ import annotations

import json

import yaml

from demo import manifests
from github_simulator.control_client import App, Pair

APP = App(
    id=7, slug="acme-bot", client_id="Iv1", client_secret="hush-client", private_key="hush-key", key_id="SHA256:x"
)
PAIR = Pair(access_token="hush-access", token_type="bearer", scope="", refresh_token="hush-refresh")


def test_what_is_shown_is_what_is_applied() -> None:
    app = manifests.github_app(APP, api_url="http://127.0.0.1:1", web_url="http://127.0.0.1:2")
    for manifest in (app, *manifests.github_tokens()):
        shown = yaml.safe_load(manifests.in_short(manifest))
        assert shown["kind"] == manifest["kind"]
        assert shown["spec"] == manifest["spec"]


def test_nothing_secret_stands_in_what_is_shown() -> None:
    app = manifests.github_app(APP, api_url="http://127.0.0.1:1", web_url="http://127.0.0.1:2")
    assert "hush" not in json.dumps([app, *manifests.github_tokens()])


def test_every_secret_that_is_referred_to_is_applied() -> None:
    made = {each["metadata"]["name"] for each in manifests.secrets(APP, PAIR)}
    assert made == {"acme-app", "alice-seed"}


def test_every_token_is_watched() -> None:
    assert [each["metadata"]["name"] for each in manifests.github_tokens()] == [each.name for each in manifests.WATCHED]
