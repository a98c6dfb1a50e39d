"""Which cluster a user's command asks: kubectl's choice, and one line where there is none."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.aio.config import incluster_config

from githubtoken_operator.adapters.kubernetes.access import access, renewal
from githubtoken_operator.adapters.kubernetes.api import Api
from githubtoken_operator.adapters.kubernetes.errors import ApiError

CANARY = "s3cret-token"


def kubeconfig(
    *contexts: str, current: str | None = None, namespaces: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Contexts, each with a cluster of its name."""
    return {
        **({"current-context": current} if current else {}),
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "me", "namespace": (namespaces or {}).get(name)}}
            for name in contexts
        ],
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}"}} for name in contexts],
        "users": [{"name": "me", "user": {"token": CANARY}}],
    }


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a kubeconfig, outside of a pod."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


def write(path: Path, content: object) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


async def place(**options: str | None) -> tuple[str, str]:
    """Server and namespace."""
    found = await access.of_user(**options)
    async with Api(found.configuration) as api:
        return api.server, found.namespace


async def complaint(**options: str | None) -> str:
    with pytest.raises(ApiError) as caught:
        await access.of_user(**options)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.__cause__)
    return caught.value.message


async def test_the_files_are_looked_for_where_kubectl_does(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".kube" / "config", kubeconfig("a", current="a"))
    assert await place() == ("http://a", "default")
    monkeypatch.setenv("KUBECONFIG", write(home / "b", kubeconfig("b", current="b")))
    assert await place() == ("http://b", "default")
    assert await place(kubeconfig=write(home / "c", kubeconfig("c", current="c"))) == ("http://c", "default")


async def test_several_files_are_merged_and_absent_ones_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = write(home / "one", kubeconfig("a", current="a")), write(home / "two", kubeconfig("b"))
    monkeypatch.setenv("KUBECONFIG", f"{home}/absent:{one}:{two}")
    assert await place() == ("http://a", "default")
    assert await place(context="b") == ("http://b", "default")


async def test_of_several_files_the_first_that_says_something_counts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kubectl's rule, for the current context as for entries; an empty file says nothing."""
    first, second = kubeconfig("a", current="a"), kubeconfig("a", "b", current="b")
    second["clusters"][0]["cluster"]["server"] = "http://other"
    files = [write(home / name, content) for name, content in (("empty", ""), ("one", first), ("two", second))]
    monkeypatch.setenv("KUBECONFIG", ":".join(files))
    assert await place() == ("http://a", "default")


async def test_the_namespace_is_that_of_the_context(home: Path) -> None:
    path = write(home / "config", kubeconfig("a", "b", current="a", namespaces={"b": "team"}))
    assert await place(kubeconfig=path) == ("http://a", "default")
    assert await place(kubeconfig=path, context="b") == ("http://b", "team")


async def test_a_kubeconfig_may_be_a_pipe_which_can_be_read_once() -> None:
    reader, writer = os.pipe()
    os.write(writer, json.dumps(kubeconfig("a", current="a")).encode())
    os.close(writer)
    assert await place(kubeconfig=f"/dev/fd/{reader}") == ("http://a", "default")
    os.close(reader)


async def test_a_context_that_is_not_there_is_told_with_those_that_are(home: Path) -> None:
    path = write(home / "config", kubeconfig("b", "a", current="a"))
    assert await complaint(kubeconfig=path, context="c") == (
        f"the kubeconfig {path} has no context `c` (there are: `a`, `b`)"
    )


async def test_without_a_current_context_one_must_be_given(home: Path) -> None:
    path = write(home / "config", kubeconfig("a"))
    assert await complaint(kubeconfig=path) == (
        f"the kubeconfig {path} has no current context: give --context (there are: `a`)"
    )
    assert await place(kubeconfig=path, context="a") == ("http://a", "default")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("", "has no current context: give --context (there are: none)", id="empty"),
        pytest.param(
            {**kubeconfig("a", current="a"), "clusters": []},
            "has no cluster `a`, which its context names",
            id="without the cluster",
        ),
        pytest.param(
            {**kubeconfig("a", current="a"), "users": []}, "has no user `me`, which its context names", id="no user"
        ),
    ],
)
async def test_what_a_file_lacks_is_named(home: Path, content: object, says: str) -> None:
    path = write(home / "config", content)
    assert await complaint(kubeconfig=path) == f"the kubeconfig {path} {says}"


async def test_without_any_file_it_says_where_it_looked(home: Path) -> None:
    line = "no access to a cluster: there is no kubeconfig at {}; set KUBECONFIG or --kubeconfig"
    assert await complaint() == line.format("~/.kube/config")
    assert await complaint(kubeconfig=f"{home}/absent") == line.format(f"{home}/absent")
    too_long = "n" * 5000
    assert (await complaint(kubeconfig=too_long)).startswith("no access to a cluster: there is no kubeconfig at nnn")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(f"token: {CANARY}: {{", "is not YAML", id="not YAML"),
        pytest.param([CANARY], "is not usable: it must be an object", id="a list"),
        pytest.param(CANARY, "is not usable: it must be an object", id="a token"),
        pytest.param(7, "is not usable: it must be an object", id="a number"),
        pytest.param(
            {"clusters": [{"cluster": {}}]}, "is not usable: `clusters[0]` has no `name`", id="no name at all"
        ),
        pytest.param({"clusters": 3}, "is not usable: `clusters` must be a list", id="no list"),
        pytest.param({"users": [CANARY]}, "is not usable: `users[0]` must be an object", id="no objects"),
        pytest.param({"contexts": [{"name": 7}]}, "is not usable: `contexts[0].name` must be text", id="no name"),
        pytest.param(
            {**kubeconfig("a", current="a"), "users": [{"name": "me", "token": CANARY}]},
            "is not usable: `users[0]` has no `user`",
            id="a token in the wrong place",
        ),
        pytest.param(
            {"current-context": "a", "contexts": [{"name": "a", "token": CANARY}]},
            "is not usable: `contexts[0]` has no `context`",
            id="no context",
        ),
    ],
)
async def test_a_file_that_cannot_be_used_is_told_without_its_content(home: Path, content: object, says: str) -> None:
    path = write(home / "config", content)
    line = await complaint(kubeconfig=path)
    assert line.startswith(f"the kubeconfig {path} {says}")
    assert line.endswith("see `kubectl config view`")


async def test_a_file_that_is_no_text_is_told(home: Path) -> None:
    path = home / "config"
    path.write_bytes(b"\xff\xfe\x00" + CANARY.encode())
    assert (await complaint(kubeconfig=str(path))).startswith(f"the kubeconfig {path} is not YAML: it is no text")


async def test_in_a_pod_without_a_kubeconfig_it_is_the_pods_own_cluster(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", write(home / "token", "pods-token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", certifi.where())
    monkeypatch.setattr(access, "_POD_NAMESPACE", Path(write(home / "namespace", "team")))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert await place() == ("https://10.0.0.1:443", "team")
    path = write(home / "config", kubeconfig("a", current="a"))
    assert await place(kubeconfig=path) == ("http://a", "default")


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        pytest.param({"as": "alice"}, {}, "acts as `alice`, which the operator cannot", id="as somebody else"),
        pytest.param({}, {"tls-server-name": "b"}, "`tls-server-name` is one that the operator's watches", id="a name"),
        pytest.param({}, {"proxy-url": "socks5://127.0.0.1"}, "`proxy-url` is one that the operator's", id="SOCKS"),
    ],
)
async def test_what_its_watches_cannot_do_is_refused_to_the_operator(
    home: Path, monkeypatch: pytest.MonkeyPatch, user: Mapping[str, Any], cluster: Mapping[str, Any], says: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", of_user(home, user, cluster))
    with pytest.raises(ApiError, match=re.escape(says)):
        await access.of_process()


async def test_to_an_operator_without_a_current_context_it_is_said_how_to_set_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", write(home / "config", kubeconfig("a")))
    with pytest.raises(ApiError, match=r"set one by `kubectl config use-context` \(there are: `a`\)"):
        await access.of_process()


@pytest.mark.parametrize("server", ["http://b", "http://elsewhere"], ids=["another context", "another server"])
async def test_the_operator_never_gets_the_credential_of_another_cluster(
    home: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setattr(renewal, "READ_AGAIN", -1.0)
    write(home / ".kube" / "config", kubeconfig("a", current="a"))
    found = await access.of_process()
    changed = kubeconfig("a", "b", current="b")
    changed["users"].append({"name": "other", "user": {"token": "of-another-cluster"}})
    changed["contexts"][1]["context"]["user"] = "other"
    if server != "http://b":
        changed["clusters"][0]["cluster"]["server"] = server
        changed["contexts"][0]["context"]["user"] = "other"
    write(home / ".kube" / "config", changed)
    assert found.renew is not None
    await found.renew()
    assert (found.configuration.host, found.configuration.api_key["BearerToken"]) == ("http://a", f"Bearer {CANARY}")


async def test_the_operator_is_the_pod_first_and_has_its_token_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "READ_AGAIN", -1.0)
    write(home / ".kube" / "config", kubeconfig("a", current="a"))
    found = await access.of_process()
    assert (found.configuration.host, found.namespace) == ("http://a", "default")
    changed = kubeconfig("a", current="a")
    changed["users"][0]["user"]["token"] = "another"
    write(home / ".kube" / "config", changed)
    assert found.renew is not None
    await found.renew()
    assert found.configuration.api_key["BearerToken"] == "Bearer another"
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", write(home / "token", "pods-token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", certifi.where())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = await access.of_process()
    assert found.configuration.host == "https://10.0.0.1:443"
    write(home / "token", "the-next")
    assert found.renew is not None
    await found.renew()
    assert found.configuration.api_key["BearerToken"] == "bearer the-next"


# --- As whom ---------------------------------------------------------------------------------------------------------


def of_user(home: Path, user: Mapping[str, Any], cluster: Mapping[str, Any] | None = None) -> str:
    """A kubeconfig with this user, for the cluster at `http://a`."""
    content = {**kubeconfig("a", current="a"), "users": [{"name": "me", "user": user}]}
    content["clusters"][0]["cluster"] |= cluster or {}
    return write(home / "config", content)


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        pytest.param({"as-groups": ["a"]}, {}, "without `as`: set it", id="groups of nobody"),
        pytest.param({"auth-provider": {"name": "azure"}}, {}, "use an `exec` plugin", id="a provider of old"),
        pytest.param({}, {"proxy-url": "socks4://127.0.0.1"}, "must begin with http, https, socks5", id="a proxy"),
        pytest.param(
            {}, {"proxy-url": "socks5://127.0.0.1", "tls-server-name": "b"}, "leave one out", id="SOCKS and a name"
        ),
        pytest.param({"token": f"{CANARY}\n{CANARY}"}, {}, "one line of visible characters", id="a token of two lines"),
        pytest.param({"tokenFile": "absent"}, {}, "cannot be read: FileNotFoundError", id="no file with the token"),
        pytest.param({"exec": {"command": "x", "apiVersion": "v1alpha1"}}, {}, "must have a `command`", id="a plugin"),
    ],
)
async def test_what_cannot_be_honoured_is_refused(
    home: Path, user: Mapping[str, Any], cluster: Mapping[str, Any], says: str
) -> None:
    assert says in await complaint(kubeconfig=of_user(home, user, cluster))


WHOLE: dict[str, Any] = {
    "current-context": "a",
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "me", "namespace": "team"}}],
    "clusters": [
        {
            "name": "a",
            "cluster": {
                "server": "https://a",
                "proxy-url": "http://127.0.0.1:1",
                "tls-server-name": "b",
                "certificate-authority-data": "",
                "insecure-skip-tls-verify": True,
                "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": "b"}}],
            },
        }
    ],
    "users": [
        {
            "name": "me",
            "user": {
                "token": CANARY,
                "username": "me",
                "password": CANARY,
                "as": "other",
                "as-uid": "1",
                "as-groups": ["a"],
                "as-user-extra": {"reason": ["b"]},
                "auth-provider": {"name": "oidc", "config": {"id-token": CANARY}},
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "./there-is-no-such-plugin",
                    "args": ["a"],
                    "env": [{"name": "A", "value": "b"}],
                    "interactiveMode": "Never",
                    "installHint": "install it",
                    "provideClusterInfo": True,
                },
            },
        }
    ],
}
"""A kubeconfig with every field that is read."""


def fields(found: object) -> Iterator[tuple[Any, ...]]:
    """The path to each part of it."""
    inside = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, part in inside:
        yield (key,)
        yield from ((key, *path) for path in fields(part))


async def refusal(path: str) -> str:
    """What is said of the file; nothing where it is taken."""
    try:
        await place(kubeconfig=path)
    except ApiError as refused:
        return refused.message
    return ""


@given(
    path=st.sampled_from(list(fields(WHOLE))),
    value=st.sampled_from([None, 5, -1.5, True, [], [5], [[]], {}, {"a": 5}, {"name": [1]}, [{"name": {}}], "", "\0"]),
)
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_field_is_taken_or_refused_in_one_line(
    home: Path, path: tuple[Any, ...], value: object
) -> None:
    content = copy.deepcopy(WHOLE)
    part: Any = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    said = asyncio.run(refusal(write(home / "config", content)))
    assert CANARY not in said
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        ({"token": 5}, {}, "`user.token` must be text"),
        ({"as-groups": "admins"}, {}, "`user.as-groups` must be a list"),
        ({"as-user-extra": {"reason": "x"}}, {}, "`user.as-user-extra.reason` must be a list"),
        ({"auth-provider": "gcp"}, {}, "`user.auth-provider` must be an object"),
        ({"exec": {"env": [{"name": "A", "value": 1}]}}, {}, "`user.exec.env[0].value` must be text"),
        ({}, {"insecure-skip-tls-verify": "yes"}, "`cluster.insecure-skip-tls-verify` must be true or false"),
        ({"as": "a\nb"}, {}, "is no line of visible characters"),
        ({"exec": {"args": [None]}}, {}, "`user.exec.args[0]` must not be null"),
        ({}, {"server": "https://[::1"}, "names no `server`"),
        ({}, {"proxy-url": "http://[::1"}, "`proxy-url` must begin with"),
    ],
)
async def test_a_field_that_is_not_what_it_must_be_is_named(
    home: Path, user: Mapping[str, Any], cluster: Mapping[str, Any], says: str
) -> None:
    assert says in await complaint(kubeconfig=of_user(home, user, cluster))


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "https://127.0.0.1:1", "socks5://127.0.0.1:1"])
async def test_each_proxy_of_kubectl_is_taken(home: Path, proxy: str) -> None:
    assert await place(kubeconfig=of_user(home, {}, {"proxy-url": proxy})) == ("http://a", "default")
