"""The house keeps its own rules: verbs, file sizes, paths, pages and floors."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "powderkeg"
VERBS = {"help", "demo", "test", "check", "bench", "docs", "clean"}
LONGEST_FILE = 500

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]


# Verbs


def test_makefile_has_the_verbs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE)) == VERBS


def test_first_code_block_of_the_readme_runs_the_demo_and_the_tests() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\w*\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert block, "README.md has no code block"
    commands = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert "make demo" in commands
    assert "make test" in commands


def test_documents_name_only_verbs_that_exist() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        code = re.findall(
            r"^```.*?^```|`[^`\n]+`", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        commands = [line.split("#")[0] for block in code for line in block.splitlines()]
        named = {verb for command in commands for verb in re.findall(r"\bmake ([a-z]+)", command)}
        assert named <= VERBS, path.name


# Files


def test_no_source_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "src").rglob("*.py")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_tracked_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    if listing.returncode != 0:
        pytest.skip("not a git checkout, so no file is tracked")
    machine_path = re.compile(rb"(?<![\w.])/(?:work|root)/")
    tracked = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked
        if path.is_file() and machine_path.search(path.read_bytes())
    ]
    assert offenders == []


def pages_of(navigation: list[Any]) -> Iterator[str]:
    """Yield every page that a navigation names, sections included."""
    for entry in navigation:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(target, str):
                yield target
            else:
                yield from pages_of(target)


def test_the_navigation_and_the_pages_are_the_same() -> None:
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    docs = ROOT / "docs"
    pages = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    assert sorted(pages_of(navigation)) == sorted(pages)


def test_every_image_of_a_document_exists() -> None:
    missing = [
        (path.name, target)
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"!\[[^]]*\]\(([^)\s]+)", path.read_text(encoding="utf-8"))
        if "://" in target or not (path.parent / target).is_file()
    ]
    assert missing == []


# Floors: each contract of import-linter is broken on purpose in a copy of the package


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the copy of the package in `directory`."""
    if importlib.util.find_spec("importlinter") is None:
        pytest.skip("import-linter is not installed; it is in the check dependency group")
    program = "import importlinter.cli; importlinter.cli.lint_imports_command()"
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, "--no-cache"],
        cwd=directory,
        # The copy goes before the installed package, and nothing wraps the lines that are read below.
        env={**os.environ, "PYTHONPATH": str(directory), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )


def forbidden_imports(contract: dict[str, Any]) -> set[tuple[str, str]]:
    """Return each import, as (importer, imported), that a contract exists to forbid."""
    if contract["type"] == "forbidden":
        return {(low, high) for low in contract["source_modules"] for high in contract["forbidden_modules"]}
    assert contract["type"] == "layers", f"say here what a contract of type {contract['type']} forbids"
    (container,) = contract["containers"]
    floors = [[f"{container}.{room.strip()}" for room in floor.split("|")] for floor in contract["layers"]]
    upwards = {
        (low, high)
        for index, floor in enumerate(floors)
        for low in floor
        for above in floors[:index]
        for high in above
    }
    strangers = {(room, other) for floor in floors for room in floor for other in floor if other != room}
    return upwards | strangers


def add_import(directory: Path, importer: str, imported: str) -> None:
    """Append an import of one module to another, in the copy of the package in `directory`."""
    path = directory.joinpath(*importer.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\nimport {imported}\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "powderkeg", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_package_keeps_every_contract(copy: Path) -> None:
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["type"])
def test_one_forbidden_import_breaks_its_contract(copy: Path, contract: dict[str, Any]) -> None:
    add_import(copy, *min(forbidden_imports(contract)))
    result = lint_imports(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract['name']} BROKEN" in result.stdout


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["type"])
def test_no_forbidden_import_escapes_its_contract(copy: Path, contract: dict[str, Any]) -> None:
    forbidden = forbidden_imports(contract)
    for importer, imported in sorted(forbidden):
        add_import(copy, importer, imported)
    reported = set(re.findall(r"-\s+(\S+) -> (\S+) \(l\.", lint_imports(copy).stdout))
    assert forbidden <= reported


def test_a_room_without_a_floor_breaks_the_floors(copy: Path) -> None:
    (copy / "powderkeg" / "helpers.py").write_text('"""Where does this belong?"""\n', encoding="utf-8")
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "helpers" in result.stdout
