"""The documentation holds: commands run, the reference is what the program says, names exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import alerts_page
import column_table
import command_reference
import powderkeg
from powderkeg.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# Files that stand for a reader's own.
SIMULATED_DAYS = {"2025-10-01": "2026-01-29", "2025-10-20": "2026-02-02", "2025-10-10T20": "2026-01-31T20"}
OWN_FILES = {"bars.parquet": "simulated-bars.parquet", "open_interest.csv": "simulated-open-interest.csv"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def documented_commands(*, recorded: bool) -> list[str]:
    """Return the documented powderkeg commands that read recorded data, or those that do not."""
    lines = {
        line
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("powderkeg ")
    }
    return sorted(line for line in lines if ("POWDERKEG_SHARED" in line) == recorded)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the demo has run, with files of the names that the pages use."""
    folder = tmp_path_factory.mktemp("documentation")
    run(f"powderkeg demo --output {folder / 'demo-output'}", folder)
    shutil.copy(folder / "demo-output" / OWN_FILES["bars.parquet"], folder / "bars.parquet")
    import polars as pl

    interest = pl.read_parquet(folder / "demo-output" / "simulated-open-interest.parquet")
    interest.write_csv(folder / "open_interest.csv")
    liquidations = pl.read_parquet(folder / "demo-output" / "simulated-liquidations.parquet")
    liquidations.write_csv(folder / "liquidations.csv")
    # Commands run in any order: what one would have written is there.
    shutil.copy(folder / "demo-output" / "parameters.toml", folder / "btc.toml")
    return folder


def run(line: str, folder: Path) -> int:
    """Run one documented command line in `folder` and return its status."""
    words = [os.path.expandvars(word) for word in shlex.split(line)]
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        os.chdir(folder)
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0)
        finally:
            os.chdir(before)
    return 0


@pytest.mark.parametrize("line", documented_commands(recorded=False))
def test_documented_commands_run(line: str, demo_folder: Path) -> None:
    assert run(line, demo_folder) == 0


@pytest.mark.parametrize("line", documented_commands(recorded=True))
def test_documented_commands_on_recorded_data_run(
    line: str, demo_folder: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWDERKEG_SHARED", str(shared))
    assert run(line, demo_folder) == 0


PROGRAMS = [(page.name, block) for page in PAGES for block in blocks(page, "python")]


@pytest.mark.parametrize(("page", "program"), [p for p in PROGRAMS if "POWDERKEG_SHARED" not in p[1]])
def test_documented_python_runs(
    page: str, program: str, demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo_folder)
    # The examples name days of the recorded year; the demo's market has others.
    for recorded, simulated in SIMULATED_DAYS.items():
        program = program.replace(recorded, simulated)
    exec(program, {})  # noqa: S102 - our own pages


@pytest.mark.parametrize(("page", "program"), [p for p in PROGRAMS if "POWDERKEG_SHARED" in p[1]])
def test_documented_python_on_recorded_data_prints_what_the_page_says(
    page: str, program: str, shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWDERKEG_SHARED", str(shared))
    exec(program, {})  # noqa: S102 - our own pages
    assert f"prints `{capsys.readouterr().out.strip()}`" in (ROOT / "docs" / page).read_text()


@pytest.mark.parametrize(
    "maker", [alerts_page, command_reference, column_table], ids=lambda maker: maker.__name__
)
def test_what_is_made_from_the_program_is_up_to_date(maker: ModuleType) -> None:
    page = maker.PAGE.read_text()
    written = page[page.index(maker.BEGIN) + len(maker.BEGIN) : page.index(maker.END)]
    assert written.strip() == maker.made().strip(), f"run python tests/{maker.__name__}.py"


def test_public_names_are_declared_once_and_exist() -> None:
    assert set(powderkeg.__all__) - {"__version__"} == set(powderkeg._HOME_OF)
    for name in powderkeg.__all__:
        assert getattr(powderkeg, name).__doc__, name


def test_every_heading_of_the_method_that_the_readme_promises_is_there() -> None:
    for target in re.findall(r"\]\((docs/[^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).is_file(), target
