"""What the watches bring is known from then on, and wakes the right keys."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any, cast

from githubtoken_operator.adapters.kubernetes.cluster import Kind
from githubtoken_operator.adapters.kubernetes.one_secret import OneSecret
from githubtoken_operator.adapters.metrics.metrics import Metrics
from githubtoken_operator.apps.runs import AppRuns
from githubtoken_operator.domain.objects.view import TokenView
from githubtoken_operator.domain.vocabulary.model import Token
from githubtoken_operator.engine.cache.first_lists import FirstLists
from githubtoken_operator.engine.cache.watched import Ref, Watched
from githubtoken_operator.engine.scheduling.scheduler import Scheduler
from githubtoken_operator.tokens.spread.known import Known
from githubtoken_operator.watching.intake import Intake
from githubtoken_operator.watching.named_secrets import NamedSecrets
from tests.unit.builders import NAMESPACE, app_body, cluster_app_body, githubtoken_body, namespace_body, secret
from tests.unit.fakes import World

TOKEN = Ref(Kind.TOKEN, NAMESPACE, "ci")
APP = Ref(Kind.APP, NAMESPACE, "acme")
CLUSTER_APP = Ref(Kind.CLUSTER_APP, "", "acme")
CONSUMER = Ref(Kind.SECRET, NAMESPACE, "ci")


class Kopf:
    """What kopf's lists and watches bring, taken in; `woken` and `forgotten` are what came of it."""

    def __init__(self) -> None:
        self.watched = Watched()
        self.woken: list[Ref] = []
        self.forgotten: list[Ref] = []
        self.deadlines: dict[Ref, float | None] = {}
        scheduler = cast("Scheduler[Ref]", SimpleNamespace(wake=self.woken.append, expect=self.deadlines.__setitem__))
        self.counted: list[Ref] = []
        app_runs = SimpleNamespace(reads_anew=self.forgotten.append, count_again=self.counted.append)
        self.gone: list[tuple[str, str]] = []
        self.room = World().start().users
        self.room.credentials.savings.gone = self.gone.append  # type: ignore[assignment,method-assign]
        self.metrics = Metrics("test")
        self.metrics.lead(True)
        self.complete: list[tuple[Kind, str | None]] = []
        first_lists = SimpleNamespace(listed=lambda *listed: self.complete.append(listed))
        unfollowed = SimpleNamespace(is_delivered=lambda _: False, forget=lambda _: None)
        self.named = NamedSecrets(cast("OneSecret", None), cast("Watched", unfollowed), own_namespace="operators")
        self.intake = Intake(
            watched=self.watched,
            notes=(self.room, Known()),
            app_runs=cast("AppRuns", app_runs),
            metrics=self.metrics,
            scheduler=scheduler,
            first_lists=cast("FirstLists", first_lists),
            named=self.named,
        )

    def event(self, body: dict[str, Any], change: str | None = "MODIFIED") -> None:
        """A list (None) or a watch brings the object."""
        plural = {"Namespace": "namespaces", "Secret": "secrets"}.get(body["kind"], f"{body['kind'].lower()}s")
        self.intake.brought(plural, change, copy.deepcopy(body))


async def test_a_new_token_is_run_and_its_run_reads_what_came() -> None:
    kopf_ = Kopf()
    body = githubtoken_body()
    kopf_.event(body, None)
    kopf_.watched.store.complete(Kind.TOKEN)
    assert kopf_.woken == [TOKEN]
    assert kopf_.watched.store.find(Kind.TOKEN, (NAMESPACE, "ci")) == body


async def test_an_object_has_its_series_from_its_first_sight_on() -> None:
    kopf_ = Kopf()
    kopf_.event(githubtoken_body(), None)
    kopf_.event(app_body(), None)
    value = kopf_.metrics.registry.get_sample_value
    token = {"namespace": NAMESPACE, "name": "ci", "condition": "Unknown"}
    assert value("githubtoken_ready_status", token) == 1
    app = {"kind": "GitHubApp", "namespace": NAMESPACE, "name": "acme", "condition": "Unknown"}
    assert value("githubtoken_app_ready_status", app) == 1


async def test_what_a_run_has_shown_since_is_not_undone_by_an_event() -> None:
    kopf_ = Kopf()
    kopf_.metrics.show(TokenView(NAMESPACE, "ci", "Installation", "acme", "ci", "True"))
    kopf_.event(githubtoken_body())
    ready = {"namespace": NAMESPACE, "name": "ci", "condition": "True"}
    assert kopf_.metrics.registry.get_sample_value("githubtoken_ready_status", ready) == 1


async def test_a_status_that_comes_back_wakes_nobody() -> None:
    kopf_ = Kopf()
    kopf_.event(githubtoken_body())
    kopf_.event({**githubtoken_body(), "status": {"revision": 7}})
    assert kopf_.woken == [TOKEN]


async def test_a_deleted_token_is_run_once_more_and_read_anew() -> None:
    kopf_ = Kopf()
    kopf_.event(githubtoken_body())
    kopf_.event(githubtoken_body(), "DELETED")
    assert kopf_.woken == [TOKEN, TOKEN]
    kopf_.watched.store.complete(Kind.TOKEN)
    assert kopf_.watched.store.find(Kind.TOKEN, (NAMESPACE, "ci")) is None


async def test_the_end_of_an_object_that_was_made_anew_since_says_nothing_of_the_new_one() -> None:
    """A look at a Secret without a label may tell it late."""
    kopf_ = Kopf()
    old, new = githubtoken_body(), githubtoken_body(uid="uid-second")
    new["metadata"]["resourceVersion"] = "9"
    old["metadata"]["resourceVersion"] = "8"
    kopf_.event(new, "ADDED")
    kopf_.event(old, "DELETED")
    kopf_.watched.store.complete(Kind.TOKEN)
    assert kopf_.watched.store.find(Kind.TOKEN, (NAMESPACE, "ci")) == new
    assert kopf_.woken == [TOKEN]


async def test_an_app_that_changed_is_forgotten_and_run() -> None:
    kopf_ = Kopf()
    kopf_.event(app_body())
    assert (kopf_.forgotten, kopf_.woken) == ([APP], [APP])


async def test_an_app_of_the_cluster_that_changed_is_forgotten_and_run() -> None:
    kopf_ = Kopf()
    kopf_.event(cluster_app_body())
    assert (kopf_.forgotten, kopf_.woken) == ([CLUSTER_APP], [CLUSTER_APP])


async def test_only_the_labels_of_a_namespace_are_news_and_only_to_those_who_go_by_them() -> None:
    kopf_ = Kopf()
    namespace = Ref(Kind.NAMESPACE, "", NAMESPACE)
    kopf_.event(namespace_body({"team": "web"}))
    kopf_.watched.depends(TOKEN, [namespace])
    kopf_.event({**namespace_body({"team": "web"}), "status": {"phase": "Active"}})
    assert kopf_.woken == []
    kopf_.event(namespace_body({"team": "api"}))
    assert kopf_.woken == [TOKEN]


async def test_a_secret_wakes_those_that_read_it() -> None:
    kopf_ = Kopf()
    kopf_.watched.depends(TOKEN, [CONSUMER])
    kopf_.event(secret("ci", {"token": "edited"}))
    kopf_.event(secret("other", {"token": "x"}))
    assert kopf_.woken == [TOKEN]


async def test_what_a_new_list_does_not_have_has_gone() -> None:
    kopf_ = Kopf()
    kopf_.watched.depends(TOKEN, [CONSUMER])
    for name in ("ci", "other"):
        kopf_.event(secret(name, {"token": "x"}))
    kopf_.woken.clear()
    kopf_.intake.listed("secrets", None, {(NAMESPACE, "other")})
    assert kopf_.woken == [TOKEN]
    assert not kopf_.watched.is_delivered(CONSUMER)
    assert kopf_.watched.is_delivered(Ref(Kind.SECRET, NAMESPACE, "other"))
    assert kopf_.complete == [(Kind.SECRET, None)]


async def test_the_list_of_one_namespace_says_nothing_of_others() -> None:
    kopf_ = Kopf()
    kopf_.event(secret("ci", {"token": "x"}))
    kopf_.intake.listed("secrets", "elsewhere", set())
    assert kopf_.watched.is_delivered(CONSUMER)


async def test_a_list_by_label_says_nothing_of_a_secret_without_the_label() -> None:
    kopf_ = Kopf()
    key = Ref(Kind.SECRET, NAMESPACE, "acme-app")
    kopf_.event(app_body(), None)
    kopf_.intake.found(key, secret("acme-app", {"a": "1"}))
    kopf_.intake.listed("secrets", None, set())
    assert kopf_.watched.is_delivered(key)


async def test_a_write_of_its_own_wakes_no_key() -> None:
    kopf_ = Kopf()
    kopf_.watched.depends(TOKEN, [CONSUMER])
    written = secret("ci", {"token": "ours"})
    with kopf_.watched.run_of(TOKEN):
        kopf_.watched.saw(CONSUMER, written)
    kopf_.event(written)
    assert kopf_.woken == []


async def test_the_seeds_that_a_credential_took_are_known_until_it_is_gone() -> None:
    kopf_ = Kopf()
    notes = {"githubtoken.dev/seeds-taken": json.dumps([Token("ghr_seed").sha256])}
    credential = secret("alice-credential", labels={"githubtoken.dev/role": "credential"}, annotations=notes)
    kopf_.event(credential)
    assert kopf_.room.credentials.seeds.refusal((NAMESPACE, "bob-credential"), Token("ghr_seed")) is not None
    kopf_.event(credential, "DELETED")
    assert kopf_.gone == [(NAMESPACE, credential["metadata"]["name"])], "a late answer for it is told"
    assert kopf_.room.credentials.seeds.refusal((NAMESPACE, "bob-credential"), Token("ghr_seed")) is None


async def test_only_a_credential_can_have_taken_a_seed() -> None:
    kopf_ = Kopf()
    notes = {"githubtoken.dev/seeds-taken": json.dumps([Token("ghr_seed").sha256])}
    kopf_.event(secret("x", labels={"githubtoken.dev/role": "seed"}, annotations=notes))
    assert kopf_.room.credentials.seeds.refusal((NAMESPACE, "bob-credential"), Token("ghr_seed")) is None


async def test_a_secret_without_the_label_is_followed_from_the_object_that_names_it_to_its_label() -> None:
    kopf_ = Kopf()
    key = Ref(Kind.SECRET, NAMESPACE, "acme-app")
    kopf_.event(app_body(), None)
    assert kopf_.named.watches(key)
    kopf_.event(app_body(), "DELETED")
    assert not kopf_.named.watches(key)


async def test_what_is_found_of_a_secret_without_the_label_wakes_whom_it_concerns() -> None:
    kopf_ = Kopf()
    key = Ref(Kind.SECRET, NAMESPACE, "acme-app")
    kopf_.watched.depends(APP, [key])
    for found in (secret("acme-app", {"a": "1"}), secret("acme-app", {"a": "1"}), secret("acme-app", {"a": "2"}), None):
        kopf_.intake.found(key, found)
    assert kopf_.woken == [APP] * 3
    kopf_.intake.found(key, None)
    assert kopf_.woken == [APP] * 3


async def test_a_secret_without_the_label_that_goes_before_its_watch_begins_wakes_whoever_has_read_it() -> None:
    kopf_ = Kopf()
    key = Ref(Kind.SECRET, NAMESPACE, "acme-app")
    kopf_.watched.depends(APP, [key])
    kopf_.watched.depends(TOKEN, [CONSUMER])
    with kopf_.watched.run_of(APP):
        kopf_.watched.saw(key, secret("acme-app", {"a": "1"}))
    for _ in range(2):
        kopf_.intake.found(key, None)
    assert kopf_.woken == [APP]
    with kopf_.watched.run_of(APP):
        kopf_.watched.saw(key, None)
    kopf_.intake.found(key, None)
    assert kopf_.woken == [APP]
