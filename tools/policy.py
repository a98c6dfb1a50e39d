"""What checkov, a checker of policies, finds in the chart, in deploy/ and in the Dockerfile.

    python tools/policy.py [--checkov PATH]

The chart is rendered with its defaults and with each of its `ci` values, in a namespace of that name, so that one
rendering's objects are not taken for another's. Findings that stay are in tools/policy.yaml, each with its reason; any
other is a failure, and so is an entry there that nothing needs. checkov asks nobody: it gets an environment of its own,
without anybody's configuration or key, and is told to download nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

import chartdoc
from localcluster.errors import LocalClusterError
from localcluster.helm import locate_or_build_helm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REPOSITORY: Final = chartdoc.CHART.parents[1]
CHECKOV: Final = REPOSITORY / ".venv" / "policy" / "bin" / "checkov"
EXCEPTIONS: Final = Path(__file__).with_suffix(".yaml")
_RELEASE: Final = "githubtoken-operator"
_TIMEOUT_SECONDS: Final = 300


class PolicyError(Exception):
    """checkov cannot be run, or has passed over a file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed for a resource, such as `Deployment.NAMESPACE.NAME`, of a file."""

    check: str
    resource: str
    file: str
    title: str

    def __str__(self) -> str:
        return f"{self.file.lstrip('/')}: {self.resource.lstrip('/')}: {self.check}: {self.title}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, how many checks passed, and the files, such as `/a.yaml`, that were looked into."""

    findings: list[Finding]
    passed: int
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exemption:
    """Findings of one check that stay, by patterns of their resources, and why."""

    check: str
    resources: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is for this finding."""
        return self.check == finding.check and any(fnmatchcase(finding.resource, each) for each in self.resources)


def exemptions(text: str) -> list[Exemption]:
    """Those of a file such as policy.yaml. Raises ValueError for one without a reason."""
    found = [
        Exemption(each["check"], tuple(each["resources"]), each.get("reason") or "") for each in yaml.safe_load(text)
    ]
    if bare := [each.check for each in found if not each.reason]:
        raise ValueError(f"an exemption must have a reason: {', '.join(bare)}")
    return found


def complaints(findings: Iterable[Finding], exempt: Sequence[Exemption]) -> list[str]:
    """One line for each finding that is not exempt, and for each exemption that covers nothing."""
    found = list(findings)
    open_ones = [str(each) for each in found if not any(exemption.covers(each) for exemption in exempt)]
    idle = [each for each in exempt if not any(each.covers(finding) for finding in found)]
    return sorted(open_ones) + [
        f"policy.yaml: nothing needs the exemption of {each.check} for {', '.join(each.resources)}: remove it"
        for each in idle
    ]


def report(text: str) -> Report:
    """What checkov says, from its JSON."""
    parts = json.loads(text)
    # It is a list only where files of several kinds were looked at.
    results = [part["results"] for part in (parts if isinstance(parts, list) else [parts])]
    failed = [each for result in results for each in result["failed_checks"]]
    passed = [each for result in results for each in result["passed_checks"]]
    return Report(
        [_finding(each) for each in failed],
        len(passed),
        frozenset(each["file_path"] for each in (*failed, *passed)),
    )


def _finding(failed: dict[str, Any]) -> Finding:
    return Finding(failed["check_id"], failed["resource"], failed["file_path"], failed["check_name"])


def gather(helm: Path, folder: Path) -> None:
    """Puts what is to be looked at into a folder: the renderings, deploy/ and the Dockerfile."""
    values = sorted((chartdoc.CHART / "ci").glob("*-values.yaml"))
    for name, path in (("defaults", None), *((path.name.removesuffix("-values.yaml"), path) for path in values)):
        command: list[str | Path] = [helm, "template", _RELEASE, chartdoc.CHART, "--namespace", name]
        command += ["--values", path] if path else []
        rendered = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        (folder / f"{name}.yaml").write_bytes(rendered)
    shutil.copytree(REPOSITORY / "deploy", folder / "deploy")
    shutil.copy(REPOSITORY / "Dockerfile", folder)


def run(checkov: Path, folder: Path) -> Report:
    """What checkov finds in that folder's manifests and Dockerfile, all of which it has read. Raises `PolicyError`."""
    found = ask(checkov, folder)
    if passed_over := unread(found, folder):
        raise PolicyError(f"checkov looked at nothing in {', '.join(passed_over)}")
    return found


def unread(found: Report, folder: Path) -> list[str]:
    """The files right in the folder that it has not looked into: it passes over one that it cannot read."""
    return sorted({path.name for path in folder.iterdir() if path.is_file()} - {f[1:] for f in found.files})


def ask(checkov: Path, folder: Path) -> Report:
    """What checkov says of what it could read there. Raises `PolicyError`."""
    if not checkov.exists():
        raise PolicyError(f"`{checkov}` is not there: `make policy` installs it")
    with tempfile.TemporaryDirectory() as home:
        result = subprocess.run(
            [
                *(checkov, "--directory", folder, "--framework", "kubernetes", "dockerfile"),
                *("--output", "json", "--skip-download"),
            ],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            # A `.checkov.yaml` of the working directory or of the user would be obeyed.
            cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": home, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"},
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    # 1 is that checks have failed.
    if result.returncode not in {0, 1}:
        raise PolicyError(f"checkov ended with exit code {result.returncode}:\n{result.stderr[-2000:]}")
    return report(result.stdout)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong, or what was looked at; 1 if something is."""
    parser = argparse.ArgumentParser(description="Look for broken policies in the chart, deploy/ and the Dockerfile.")
    parser.add_argument("--checkov", type=Path, default=CHECKOV, help="the program (default: the one of `make policy`)")
    checkov = parser.parse_args(arguments).checkov
    try:
        helm = locate_or_build_helm(say=lambda line: print(line, file=sys.stderr, flush=True)).helm3
        with tempfile.TemporaryDirectory() as folder:
            gather(helm, Path(folder))
            found = run(checkov, Path(folder))
        said = complaints(found.findings, exemptions(EXCEPTIONS.read_text(encoding="utf-8")))
    except (LocalClusterError, PolicyError) as error:
        print(error, file=sys.stderr)
        return 1
    for line in said:
        print(line, file=sys.stderr)
    if not said:
        print(
            f"{found.passed} checks passed; {EXCEPTIONS.name} has a reason for each of the {len(found.findings)} others"
        )
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main())
