"""What is written from other files of the repository: the chart's CRDs and README, and deploy/ from the chart.

    python tools/manifests.py            writes them
    python tools/manifests.py --check    fails if one of them is not current

    deploy/crds                    →  charts/githubtoken-operator/templates/crds
    values.yaml of the chart       →  its README.md (tools/chartdoc.py)
    the chart, rendered by helm 3  →  deploy/install.yaml, deploy/rbac, deploy/optional

So the chart and the CRDs are the only sources.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import chartdoc
from localcluster.errors import LocalClusterError
from localcluster.helm import locate_or_build_helm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

REPOSITORY: Final = chartdoc.CHART.parents[1]
DEPLOY: Final = REPOSITORY / "deploy"
NAMESPACE: Final = "githubtoken-system"

# The operator's own; those of its users and the optional ones are the chart's alone.
_RIGHTS: Final = (
    "serviceaccount",
    *(
        f"rbac/{concern}"
        for concern in ("objects", "clusterapps", "clustertokens", "secrets", "events", "lease", "replicas")
    ),
    *(f"admission/{concern}" for concern in ("secrets", "tokens")),
)
_OPTIONAL: Final = {
    "immediate-propagation": ("rbac.immediatePropagation.enabled=true", ("rbac/pods", "admission/pods")),
    "restart-targets": ("rbac.restartTargets.enabled=true", ("rbac/workloads", "admission/workloads")),
}
_HEAD: Final = "# Rendered from charts/githubtoken-operator by `make manifests`: change it there.\n"
# Whoever applies a manifest has no release: helm's own words would mislead.
_OF_HELM: Final = re.compile(r"^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^# Source: .*\n", re.MULTILINE)
_NAMESPACE_MANIFEST: Final = f"""\
# The operator's own namespace, which also holds its Lease, the Secrets of ClusterGitHubApps, and what ClusterGitHub-
# Tokens read and keep.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
"""


def chart_crd(text: str) -> str:
    """A CRD of deploy/crds as a template: behind `crds.enabled`, kept where `crds.keep` says so, with the labels."""
    escaped = text.replace("{{", '{{ "{{" }}')
    metadata = re.compile(r"^metadata:\n  name: (\S+)\n", re.MULTILINE)
    named = metadata.search(escaped)
    template, count = metadata.subn(
        r"""metadata:
  name: \1
  labels:
    {{- include "githubtoken-operator.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
""",
        escaped,
    )
    if named is None or count != 1:
        raise ValueError("a CRD must have `metadata` with `name` as its first field, once")
    return (
        f'{{{{- if include "githubtoken-operator.bringsCRD" (list . "{named[1]}") }}}}\n'
        "{{- /* Written by tools/manifests.py from deploy/crds: change it there. */}}\n"
        f"{template.rstrip()}\n"
        "{{- end }}\n"
    )


def without_helm() -> dict[Path, str]:
    """The text of every file that can be written without helm, by its path."""
    crds = sorted((DEPLOY / "crds").glob("*.yaml"))
    return {
        chartdoc.CHART / "templates" / "crds" / crd.name: chart_crd(crd.read_text(encoding="utf-8")) for crd in crds
    } | {chartdoc.README: chartdoc.current()}


def with_helm(helm: Path) -> dict[Path, str]:
    """The text of every file that helm renders, by its path; the chart must be current."""
    return {
        DEPLOY / "install.yaml": _manifest(_template(helm, "--set", "crds.keep=false"), head=_NAMESPACE_MANIFEST),
        DEPLOY / "rbac" / "rbac.yaml": _manifest(_template(helm, *_show(*_RIGHTS)), head=_NAMESPACE_MANIFEST),
        **{
            DEPLOY / "optional" / f"{name}.yaml": _manifest(_template(helm, "--set", switch, *_show(*templates)))
            for name, (switch, templates) in _OPTIONAL.items()
        },
    }


def _show(*templates: str) -> list[str]:
    return [word for name in templates for word in ("--show-only", f"templates/{name}.yaml")]


def _template(helm: Path, *arguments: str) -> str:
    command = [str(helm), "template", "githubtoken-operator", str(chartdoc.CHART), "--namespace", NAMESPACE, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _manifest(rendered: str, *, head: str = "") -> str:
    parts = rendered.removeprefix("---\n").split("\n---\n")
    documents = [*([head] if head else []), *(_OF_HELM.sub("", part).strip() + "\n" for part in parts)]
    return _HEAD + "---\n".join(documents)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or compare them; 1 if one is not current."""
    parser = argparse.ArgumentParser(description="Write what is made from the CRDs and the chart.")
    parser.add_argument("--check", action="store_true", help="only look whether the files are current")
    check = parser.parse_args(arguments).check
    try:
        helm = locate_or_build_helm(say=lambda line: print(line, file=sys.stderr, flush=True)).helm3
    except LocalClusterError as error:
        print(error, file=sys.stderr)
        return 1
    # In this order: helm renders what the first step has written.
    stale = outdated(without_helm(), write=not check) + outdated(with_helm(helm), write=not check)
    for path in stale:
        print(path.relative_to(REPOSITORY), file=sys.stderr)
    if check and stale:
        print("the files above are not current; run: make manifests", file=sys.stderr)
    return int(check and bool(stale))


def outdated(files: Mapping[Path, str], *, write: bool = False) -> list[Path]:
    """The files whose text is another one, written anew if asked for."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale if write else ():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
