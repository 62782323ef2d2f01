"""The pages about venues hold: one is what the program makes, the other builds a venue that passes checks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import venues_page
from powderkeg.cli.venue_offers import TABLE_NAMES, ways_of
from powderkeg.venues.registry import VENUE_NAMES, venue, venues

ROOT = Path(__file__).resolve().parents[1]
PAGE = venues_page.PAGE.read_text(encoding="utf-8")
GUIDE = (ROOT / "ADD_A_VENUE.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```', GUIDE, flags=re.DOTALL | re.MULTILINE))
REGISTRIES = {
    "src/powderkeg/venues/registry.py": "VENUE_NAMES = (",
    "src/powderkeg/fake_venues/dialects.py": "DIALECT_NAMES = (",
}


def test_the_page_is_what_the_declarations_say() -> None:
    written = PAGE[PAGE.index(venues_page.BEGIN) + len(venues_page.BEGIN) : PAGE.index(venues_page.END)]
    assert written.strip() == venues_page.made().strip(), "run python tests/venues_page.py"


@pytest.mark.parametrize("name", VENUE_NAMES)
def test_every_table_is_offered_or_missing_for_a_stated_reason(name: str) -> None:
    asked = venue(name)
    for table in TABLE_NAMES:
        assert bool(ways_of(asked, table)) != bool(asked.unavailable.get(table, "").strip()), table


@pytest.mark.parametrize("name", VENUE_NAMES)
def test_a_reader_is_told_what_is_not_confirmed_of_every_venue(name: str) -> None:
    start = PAGE.index("## Not confirmed")
    points = PAGE[start : PAGE.index(venues_page.BEGIN)].split(f"**{venue(name).title}**\n\n- ")
    assert len(points) == 2


def test_every_reason_note_and_dated_change_is_on_the_page() -> None:
    for asked in venues():
        section = PAGE[PAGE.index(f"\n## {asked.title}\n") :]
        regimes = [regime.what for regime in asked.semantics.regimes]
        for words in (*asked.unavailable.values(), *asked.semantics.notes, *regimes):
            assert words.replace("|", "/") in section, (asked.name, words)


def test_no_word_of_a_venue_is_taken_for_an_equation() -> None:
    assert "$" not in venues_page.made()


# ADD_A_VENUE.md


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of powderkeg to which the guide's venue was added as the guide says."""
    folder = tmp_path_factory.mktemp("guide")
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "powderkeg", folder / "src" / "powderkeg", ignore=without_caches)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=without_caches)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, beginning in REGISTRIES.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(beginning) == 1
        (folder / name).write_text(text.replace(beginning, f'{beginning}"examplex", '), encoding="utf-8")
    return folder


def python(folder: Path, *arguments: str) -> str:
    """Run Python on the copy and return what it printed; it must end well."""
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guide_has_every_file_that_it_says_a_venue_has() -> None:
    promised = re.findall(r"^\| `([^`]*NAME[^`]*)` \|", GUIDE, flags=re.MULTILINE)
    assert {name.replace("NAME", "examplex") for name in promised} == set(FILES)
    assert all(name in GUIDE for name in REGISTRIES)


def test_the_guides_venue_passes_the_shared_checks_and_its_own(copy: Path) -> None:
    tests = ("tests/venues/test_every_venue.py", "tests/venues/test_examplex.py")
    found = python(copy, "-m", "pytest", *tests, "-k", "examplex", "-q", "-p", "no:cacheprovider")
    passed = re.search(r"(\d+) passed", found)
    assert passed
    own = FILES["tests/venues/test_examplex.py"].count("\ndef test_")
    assert int(passed[1]) >= own + len(("history", "feeds", "subscribing", "instruments", "tables", "bytes"))
    assert "skipped" not in found


def test_the_guides_venue_is_shown_as_the_guide_says(copy: Path) -> None:
    program = "from powderkeg.cli.main import app; app(['venues', 'examplex'])"
    shown = python(copy, "-c", program)
    for words in (
        "Examplex, BTC is BTC-PERP",
        "both sides, halved here",
        "leverage_tiers: only told to signed",
    ):
        assert words in shown


def test_the_guides_files_are_in_the_style_of_the_house(copy: Path) -> None:
    python(copy, "-m", "ruff", "check", "--no-cache", *FILES)
    python(copy, "-m", "ruff", "format", "--check", "--no-cache", *FILES)


def test_every_declaration_is_explained() -> None:
    from dataclasses import fields

    from powderkeg.venues.asking import HistorySource, SnapshotSource
    from powderkeg.venues.listening import Feed, Stream
    from powderkeg.venues.venue import Semantics

    obvious = {"table", "tables", "request", "read", "feeds", "channel_of"}
    for declared in (HistorySource, SnapshotSource, Feed, Stream, Semantics):
        names = {field.name for field in fields(declared)} - obvious
        unexplained = {name for name in names if not re.search(rf"`(\w+\.)?{name}`", GUIDE)}
        assert unexplained == set(), declared.__name__
