"""What is packed for a bug report, and that no secret is."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from githubtoken_operator.adapters.kubernetes.commands.survey import Survey
from githubtoken_operator.adapters.kubernetes.errors import Unavailable
from githubtoken_operator.commands.doctor import bundle, operators, reading
from githubtoken_operator.commands.doctor.command import judged
from githubtoken_operator.commands.terminal.checks import Look
from tests.unit import keys
from tests.unit.commands.doctor.clusters import DENIED, HEALTHY, deployment, objects, platform, replica
from tests.unit.commands.snapshots import snapshot

TOKEN = "ghs_" + "Canary0" * 6
PROXY = "canary-of-a-proxy"
TEXT = "canary-of-a-text"


class FakeSurvey:
    """A log and events that hold what they must not."""

    async def log(self, _namespace: str, pod: str, _lines: int) -> str:
        if pod == "away":
            raise Unavailable(0, "no kubelet")
        return f"posting {TOKEN}\n{keys.pem()}\nhttp://alice:{PROXY}@proxy:3128\ngoing on\n"

    async def events(self, _namespace: str) -> list[dict[str, Any]]:
        long = "so " * 60 + TOKEN + " it was"
        return [{"reason": "Odd", "message": long, "metadata": {"annotations": {"x": TOKEN}}}]


async def packed(**changes: Any) -> dict[str, str]:  # noqa: ANN401 - fields of any kind
    found = replace(HEALTHY, **changes)
    return await bundle.collect(cast("Survey", FakeSurvey()), found, judged(found))


async def test_no_secret_of_any_place_is_packed() -> None:
    body = deployment()
    env = [{"name": "HTTPS_PROXY", "value": f"http://alice:{PROXY}@proxy:3128"}]
    body["spec"]["template"]["spec"]["containers"][0] |= {"env": env, "args": ["run", f"--oops={TOKEN}"]}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": TEXT, "githubtoken.dev/refresh-requested-at": "now"}
    secret = {"data": {"config": f"{TEXT} ${{token}}"}, "annotations": {"note": TEXT}}
    token = snapshot(annotations=applied, secret=secret, status={"account": TOKEN})
    texts = await packed(
        platform=platform(deployments=Look([body]), replicas=Look([replica()])),
        objects=objects(tokens=[token], cluster_tokens=Look([token])),
    )
    everything = "\n".join(texts.values())
    for canary in (TOKEN, PROXY, TEXT, keys.pem().splitlines()[1]):
        assert canary not in everything
    assert "going on" in texts["logs/a.log"]
    assert "HTTPS_PROXY" in texts["deployments.yaml"]
    for name in ("githubtokens.yaml", "clustergithubtokens.yaml"):
        (shown,) = yaml.safe_load(texts[name])
        assert shown["metadata"]["annotations"] == {"githubtoken.dev/refresh-requested-at": "now"}
        assert shown["spec"]["secret"]["data"] == {"config": f"({len(TEXT) + 9} characters)"}


def test_its_variable_counts_where_there_is_no_flag() -> None:
    body = deployment()
    [container] = body["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "GITHUBTOKEN_NAMESPACES", "value": "a"}, {"name": "HOST", "valueFrom": {}}]
    assert operators.namespaces(body) == ["a"]
    container["args"].append("--namespaces=b")
    assert operators.namespaces(body) == ["b"]


async def test_what_cannot_be_read_is_told_in_its_file() -> None:
    texts = await packed(
        platform=platform(replicas=Look([replica("away")]), lease=Look(DENIED)),
        objects=objects(apps=Look(DENIED)),
    )
    assert texts["logs/away.log"] == "not readable: no kubelet\n"
    assert yaml.safe_load(texts["githubapps.yaml"]) == {"error": "User x cannot get it"}
    assert yaml.safe_load(texts["lease.yaml"]) == {"error": "User x cannot get it"}


def test_the_archive_is_its_owners_alone_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.tar.gz"
    bundle.write(path, {"a.yaml": "x\n"})
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["githubtoken-doctor/a.yaml"]
    with pytest.raises(FileExistsError):
        bundle.write(path, {})


@pytest.mark.parametrize(
    ("arguments", "served"),
    [
        (["run"], []),
        (["run", "--namespaces=a,b"], ["a", "b"]),
        (["run", "--namespaces", "a,b"], ["a", "b"]),
        (["run", "--namespaces=a", "--namespaces=b"], ["b"]),
        (["run", "--namespaces="], []),
    ],
)
def test_the_operators_account_and_namespaces_are_those_of_its_deployment(
    arguments: list[str], served: list[str]
) -> None:
    body = deployment()
    pod = body["spec"]["template"]["spec"]
    pod["serviceAccountName"] = "robot"
    pod["containers"][0]["args"] = arguments
    assert reading._account(platform(deployments=Look([body]))) == ("githubtoken-system/robot", served)
    assert reading._account(platform(deployments=Look([]))) == ("githubtoken-system/githubtoken-operator", [])
