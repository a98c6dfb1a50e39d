from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from localcluster.build import (
    CONTROL_PLANE,
    Recipe,
    build,
    cache_key,
    cache_root,
    cached_folder,
    control_plane,
    kubernetes_stamps,
    wait_with_progress,
)
from localcluster.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tools.localcluster.conftest import ProgramFolder

GO_MOD = "module tools\n\nrequire k8s.io/kubernetes v1.34.4 // indirect\n"

# A compiler that puts the four files where `-o` says, in its sixth argument.
COMPILER = """
case $1 in version) echo 'go version go1.26.8 linux/amd64'; exit ;; esac
echo compiling >&2
for name in server kube-apiserver kube-controller-manager kubectl; do echo built > "$6$name"; done
"""
BROKEN_COMPILER = """
case $1 in version) echo 'go version go1.26.8 linux/amd64'; exit ;; esac
echo built > "$6kubectl"
seq 1 100 >&2
echo 'no space left on device' >&2
exit 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text(GO_MOD, encoding="utf-8")
    (folder / "go.sum").write_text("a hash\n", encoding="utf-8")
    return control_plane(folder)


def environment(tmp_path: Path, path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{path}:/usr/bin:/bin"}


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_version_is_stamped_in_from_the_pin(recipe: Recipe) -> None:
    trimpath, option, linker = recipe.flags()
    assert (trimpath, option) == ("-trimpath", "-ldflags")
    for stamp in ("gitVersion=v1.34.4", "gitMajor=1", "gitMinor=34"):
        assert f"-X k8s.io/component-base/version.{stamp} " in linker


def test_a_pin_that_is_no_release_is_refused() -> None:
    with pytest.raises(BuildError, match=r"must require k8s\.io/kubernetes in a release version"):
        kubernetes_stamps("module tools\nrequire k8s.io/kubernetes v0.0.0-2026\n")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/githubtoken-operator/tools", id="XDG_CACHE_HOME"),
        pytest.param({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/githubtoken-operator/tools", id="HOME"),
    ],
)
def test_the_cache_is_outside_the_tree(environ: dict[str, str], expected: str) -> None:
    assert str(cache_root(environ)) == expected


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_the_cache_key_changes_with_the_pins(recipe: Recipe, file: str) -> None:
    before = cache_key(recipe)
    assert before == cache_key(recipe)
    with (recipe.module / file).open("a", encoding="utf-8") as pins:
        pins.write("// changed\n")
    assert cache_key(recipe) != before


def test_a_build_leaves_the_four_programs_under_their_names(
    recipe: Recipe, tmp_path: Path, program_folder: ProgramFolder
) -> None:
    environ = environment(tmp_path, program_folder("go", {"go": ""}, script=COMPILER))
    folder = build(environ, lambda _: None, recipe)
    assert folder == cached_folder(environ, recipe)
    names = {path.name for path in folder.iterdir()}
    assert names == {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}


def test_what_is_built_is_not_built_again(recipe: Recipe, tmp_path: Path, program_folder: ProgramFolder) -> None:
    environ = environment(tmp_path, program_folder("go", {"go": ""}, script=COMPILER))
    folder = build(environ, lambda _: None, recipe)
    without_go = {**environ, "PATH": ""}
    assert build(without_go, pytest.fail, recipe) == folder


def test_a_failed_build_shows_the_end_of_the_output_and_leaves_nothing_that_counts(
    recipe: Recipe, tmp_path: Path, program_folder: ProgramFolder
) -> None:
    environ = environment(tmp_path, program_folder("go", {"go": ""}, script=BROKEN_COMPILER))
    with pytest.raises(BuildError, match="no space left on device") as raised:
        build(environ, lambda _: None, recipe)
    assert "run `make tools` again" in str(raised.value)
    assert "\n12\n" not in str(raised.value)
    assert [path.name for path in cache_root(environ).iterdir()] == ["lock"]


def test_the_rest_of_an_interrupted_build_is_built_anew(
    recipe: Recipe, tmp_path: Path, program_folder: ProgramFolder
) -> None:
    environ = environment(tmp_path, program_folder("go", {"go": ""}, script=COMPILER))
    target = cached_folder(environ, recipe).parent
    unfinished = target.with_name(f"{target.name}.building")
    (unfinished / "bin").mkdir(parents=True)
    (unfinished / "bin" / "leftover").touch()
    folder = build(environ, lambda _: None, recipe)
    assert not (folder / "leftover").exists()
    assert not unfinished.exists()


def test_a_second_build_waits_for_the_first(recipe: Recipe, tmp_path: Path, program_folder: ProgramFolder) -> None:
    environ = environment(tmp_path, program_folder("go", {"go": ""}, script=COMPILER))
    said: list[str] = []
    cache_root(environ).mkdir(parents=True)
    with (cache_root(environ) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def first_build_ends(line: str) -> None:
            said.append(line)
            fcntl.flock(lock, fcntl.LOCK_UN)

        build(environ, first_build_ends, recipe)
    assert said[0] == "another build is running; waiting for it"


def test_progress_is_told_at_once_and_then_once_a_minute() -> None:
    clock = Clock()
    told: list[tuple[float, str]] = []

    def poll() -> int | None:
        return 0 if clock.now >= 1000.0 + 150 else None

    exit_code = wait_with_progress(
        poll, lambda line: told.append((clock.now - 1000.0, line)), CONTROL_PLANE, clock=clock, sleep=clock.sleep
    )
    assert exit_code == 0
    assert [round(when) for when, _ in told] == [0, 60, 120]
    for minutes, (_, line) in enumerate(told):
        assert f"kubectl: {minutes} min so far (usually about 10 minutes" in line
        assert "building etcd, kube-apiserver" in line


def test_a_build_that_has_ended_already_tells_nothing() -> None:
    clock = Clock()
    assert wait_with_progress(lambda: 1, pytest.fail, clock=clock, sleep=clock.sleep) == 1
