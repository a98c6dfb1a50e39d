"""Exec plugins, as real programs: what they are told, what they may answer, and what is said where they fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from githubtoken_operator.adapters.kubernetes.access.exec_plugin import VERSIONS, ExecCredential, exec_plugin
from githubtoken_operator.adapters.kubernetes.errors import ApiError

CANARY = "s3cret-token"
CLUSTER = {
    "server": "https://a",
    "proxy-url": "http://proxy",
    "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "b"}}],
}


def answer(*, version: str = VERSIONS[0], **status: str) -> str:
    """A plugin that prints a credential."""
    return f"cat <<'END'\n{json.dumps({'apiVersion': version, 'kind': 'ExecCredential', 'status': status})}\nEND\n"


async def run(folder: Path, script: str, *, terminal: bool = False, **fields: Any) -> ExecCredential:  # noqa: ANN401 - any field
    """What the plugin `script` gives."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o700)
    given = {"command": "./plugin", "apiVersion": VERSIONS[0], "interactiveMode": "Never", **fields}
    plugin = exec_plugin({"exec": given}, CLUSTER, folder)
    assert plugin is not None
    return await plugin.run(terminal=terminal)


async def complaint(folder: Path, script: str, **options: Any) -> str:  # noqa: ANN401
    with pytest.raises(ApiError) as caught:
        await run(folder, script, **options)
    assert CANARY not in f"{caught.value}{caught.value.__cause__}"
    return caught.value.message.replace(str(folder), "FOLDER")


async def test_a_user_without_a_plugin_has_none(tmp_path: Path) -> None:
    assert exec_plugin({"token": CANARY}, CLUSTER, tmp_path) is None


async def test_a_plugin_gives_a_token_with_its_end(tmp_path: Path) -> None:
    script = answer(token=CANARY, expirationTimestamp="2026-01-02T03:04:05Z")
    assert await run(tmp_path, script) == ExecCredential(CANARY, None, None, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


async def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    script = answer(clientCertificateData="C", clientKeyData="K")
    assert await run(tmp_path, script) == ExecCredential(None, "C", "K", None)


async def test_a_plugin_is_told_what_it_asks_for(tmp_path: Path) -> None:
    script = f'echo "$KUBERNETES_EXEC_INFO" >{tmp_path}/told; echo "$1 $REGION" >{tmp_path}/given; {answer(token="t")}'
    env = [{"name": "REGION", "value": "eu"}]
    await run(tmp_path, script, provideClusterInfo=True, args=["login"], env=env)
    assert json.loads((tmp_path / "told").read_text()) == {
        "kind": "ExecCredential",
        "apiVersion": VERSIONS[0],
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://a", "proxy-url": "http://proxy", "config": {"audience": "b"}},
        },
    }
    assert (tmp_path / "given").read_text() == "login eu\n"


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"), [("Never", True, False), ("IfAvailable", True, True), ("Always", True, True)]
)
async def test_a_human_is_asked_where_there_is_one(
    tmp_path: Path, mode: str, *, terminal: bool, interactive: bool
) -> None:
    script = f'echo "$KUBERNETES_EXEC_INFO" >{tmp_path}/told; {answer(token="t")}'
    await run(tmp_path, script, terminal=terminal, interactiveMode=mode)
    assert json.loads((tmp_path / "told").read_text())["spec"]["interactive"] is interactive


async def test_what_a_plugin_says_is_shown_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    await run(tmp_path, f"echo 'open this page' >&2; {answer(token='t')}")
    assert capfd.readouterr().err == "open this page\n"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("exit 255", "failed with exit code 255: see what it said above", id="a failure"),
        pytest.param(f"echo {CANARY}", "printed something that is no ExecCredential", id="no JSON"),
        pytest.param(f"echo '[\"{CANARY}\"]'", "printed something that is no ExecCredential", id="a list"),
        pytest.param(
            f'echo \'{{"apiVersion": "{VERSIONS[0]}", "status": ["{CANARY}"]}}\'',
            "printed an ExecCredential whose `status` must be an object",
            id="a list for the status",
        ),
        pytest.param(
            f'echo \'{{"apiVersion": "{VERSIONS[0]}", "status": {{"token": 5}}}}\'',
            "printed an ExecCredential whose `status.token` must be text",
            id="a number for the token",
        ),
        pytest.param(
            answer(version=VERSIONS[1], token=CANARY),
            f"must print an ExecCredential of {VERSIONS[0]}, as the kubeconfig says",
            id="a version",
        ),
        pytest.param(answer(), "printed neither a token nor a client certificate", id="nothing"),
        pytest.param(
            answer(clientKeyData=CANARY), "printed a client certificate or its key, but not both", id="half a pair"
        ),
    ],
)
async def test_a_plugin_that_gives_nothing_ends_the_command(tmp_path: Path, script: str, says: str) -> None:
    assert await complaint(tmp_path, script) == f"the kubeconfig's plugin `FOLDER/plugin` {says}"


async def test_a_missing_plugin_is_told_with_how_to_get_it(tmp_path: Path) -> None:
    missing = {"command": "no-such-plugin", "installHint": "Install it from example.com\n"}
    said = await complaint(tmp_path, "", **missing)
    assert said.endswith("`no-such-plugin` cannot be run (No such file or directory): Install it from example.com")


async def test_a_plugin_that_must_ask_a_human_is_not_run_without_one(tmp_path: Path) -> None:
    said = await complaint(tmp_path, f"touch {tmp_path}/ran", interactiveMode="Always")
    assert "standard input is no terminal" in said
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": ""},
        {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
        {"interactiveMode": None},
        {"interactiveMode": "Sometimes"},
    ],
)
async def test_a_plugin_that_kubectl_would_refuse_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert "must have a `command`" in await complaint(tmp_path, answer(token="t"), **wrong)
