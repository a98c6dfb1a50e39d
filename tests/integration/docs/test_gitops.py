"""docs/gitops.md: what it tells Argo CD, run by a real Lua."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from githubtoken_operator.domain.objects.specs import templates
from tests.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus

PAGE = Path(__file__).parents[3] / "docs" / "gitops.md"
KEY = "resource.customizations.health.githubtoken.dev_GitHubToken"


def script() -> str:
    """The Lua of the page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (config,) = (found for block in blocks if "data" in (found := yaml.safe_load(block)))
    text: str = config["data"][KEY]
    return text


def lua(value: object) -> str:
    """A value of JSON as Lua."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{json.dumps(key)}] = {lua(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(lua(item) for item in value) + "}"
    return json.dumps(value)


def health(status: dict[str, Any] | None) -> tuple[str, str]:
    """What Argo CD would show of a GitHubToken of the second generation."""
    program = shutil.which("lua5.4") or shutil.which("lua")
    if program is None:
        pytest.skip("lua5.4 is missing: run `make programs` as root on Debian, or install it")
    obj = {"metadata": {"generation": 2}} | ({} if status is None else {"status": status})
    told = f"obj = {lua(obj)}\nlocal found = (function()\n{script()}\nend)()\nprint(found.status, found.message)"
    answer = subprocess.run([program, "-"], input=told, capture_output=True, text=True, check=True).stdout
    found, _, message = answer.rstrip("\n").partition("\t")
    return found, message


def shown(status: str, reason: str, *others: str, generation: int = 2) -> dict[str, Any]:
    """A status with this `Ready` condition and others that are True."""
    conditions = [
        {"type": kind, "status": state, "reason": reason, "message": "so it is"}
        for kind, state in [*((other, "True") for other in others), ("Ready", status)]
    ]
    return {"observedGeneration": generation, "conditions": conditions}


@pytest.mark.parametrize(
    ("status", "argo", "helm"),
    [
        (shown("True", "Fresh"), "Healthy", CURRENT),
        (shown("True", "Fresh", "NeedsHuman"), "Healthy", CURRENT),
        (shown("Unknown", "Pending"), "Progressing", IN_PROGRESS),
        (shown("False", "RateLimited"), "Progressing", IN_PROGRESS),
        (shown("False", "AppNotFound", "NeedsHuman", "Stalled"), "Degraded", FAILED),
        (shown("False", "Suspended"), "Suspended", IN_PROGRESS),
        (shown("False", "AwaitingAuthorization", "NeedsHuman"), "Suspended", IN_PROGRESS),
    ],
)
def test_argo_cd_calls_degraded_what_kstatus_calls_failed(status: dict[str, Any], argo: str, helm: str) -> None:
    found = status["conditions"][-1]
    assert health(status) == (argo, f"{found['reason']}: so it is")
    assert kstatus({"metadata": {"generation": 2}, "status": status}) == helm


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(None, id="no status"),
        pytest.param({"observedGeneration": -1}, id="not seen yet"),
        pytest.param({"observedGeneration": 2}, id="no condition yet"),
        pytest.param(shown("True", "Fresh", generation=1), id="ready in an earlier generation"),
    ],
)
def test_argo_cd_waits_for_the_operator(status: dict[str, Any] | None) -> None:
    assert health(status) == ("Progressing", "waiting for the operator")


# --- Flux ------------------------------------------------------------------------------------------------------------


def substituted(text: str) -> str:
    """What Flux's postBuild makes of a manifest: `$$` is a dollar, and an unknown `${name}` is nothing."""
    return re.sub(r"\$(\$)|\$\{[^}]*\}", lambda place: place[1] or "", text)


def test_the_example_survives_envsubst() -> None:
    program = shutil.which("envsubst")
    if program is None:
        pytest.skip("envsubst is missing: install GNU gettext")
    example = (PAGE.parents[1] / "examples" / "data.yaml").read_text()
    assert subprocess.run(program, input=example, capture_output=True, text=True, check=True).stdout == example


def test_a_dollar_is_four_under_flux() -> None:
    assert templates.fill(substituted("[$$$$]"), {}) == "[$]"
    assert templates.fill(substituted("[$$$$(token)]"), {"token": "ghs_abc"}) == "[$(token)]"


def test_the_example_survives_a_substitution_that_knows_none_of_its_names() -> None:
    example = (PAGE.parents[1] / "examples" / "data.yaml").read_text()
    before, after = (yaml.safe_load(text)["spec"]["secret"]["data"] for text in (example, substituted(example)))
    assert before == after
    properties = {"token": "ghs_abc", "expires_at": "2026-03-01T12:00:00Z"}
    assert any("ghs_abc" in templates.fill(text, properties) for text in after.values())
    assert templates.fill(substituted("[${token}]"), properties) == "[]", "which the operator tells of"
