"""``powderkeg check`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Command, Files
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import DAY, MINUTE
from reported_liquidations import MadeLake, total

TEXT = (
    "BTC liquidation imbalance of $7,132 in 24 hours. $9.6bn of shorts liquidate at $196,900. "
    "\x1b[31mWe drank 3 coffees."
)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return a lake in which Gate added up 71.32 times as many longs as shorts."""
    made = MadeLake(Lake(tmp_path / "lake", create=True))
    rows = [total(i * 5 * MINUTE, 5 * MINUTE, 7.132e5, 1e4) for i in range(288)]
    made.totals("gate", "BTC_USDT", rows, [(0, DAY)])
    return made.lake.root


def note(folder: Path, text: str | bytes) -> Path:
    path = folder / "note.md"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_people_see_a_sign_a_word_and_the_numbers(powderkeg: Command, lake: Path, tmp_path: Path) -> None:
    found = powderkeg("check --at 2026-03-18 --venues gate --lake", lake, note(tmp_path, TEXT))
    assert (found.status, found.err) == (0, "")
    for words in (
        "≠ unit error suspected",
        "ratio in percent, not dollars",
        "? not decidable",
        "Not understood: 2 places",
    ):
        assert words in found.out
    assert "\x1b[31m" not in found.out
    assert r"\x1b[31m" in found.out


def test_json_and_the_date_of_the_text(powderkeg: Command, lake: Path, tmp_path: Path) -> None:
    path = note(
        tmp_path, "2026-03-17: BTC liquidation imbalance of 7,132%. $1m of BTC longs were liquidated."
    )
    line = "check --as-of-text-date --at 2026-05-01 --venues gate --json --lake"
    result = json.loads(powderkeg(line, lake, path).out)
    assert result["at"] == "2026-03-18T00:00:00Z"
    assert [one["verdict"] for one in result["checks"]] == ["supported", "contradicted"]
    assert result["checks"][0]["claim"]["text"] == "7,132%"
    assert powderkeg(f"{line.replace('--json', '--json --strict')}", lake, path).status == 1


def test_files_in_place_of_a_lake(powderkeg: Command, files: Files, tmp_path: Path) -> None:
    path = note(tmp_path, "BTC price at $186,583, and a squeeze to $190,000 may follow.")
    result = json.loads(powderkeg("check --json", path, *files.arguments).out)
    assert [one["verdict"] for one in result["checks"]] == ["contradicted", "not_decidable"]
    found = powderkeg("check --coin ETH", path, *files.arguments)
    assert (found.status, "the files are of BTC" in found.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (b"a\x00b", "is a binary file"),
        (b"BTC at $5", "has no date with a year"),
    ],
)
def test_what_is_no_text_is_refused(
    powderkeg: Command, tmp_path: Path, lake: Path, content: bytes, message: str
) -> None:
    found = powderkeg("check --as-of-text-date --lake", lake, note(tmp_path, content))
    assert found.status == 2
    assert message in " ".join(found.err.split())


def test_a_lake_that_is_not_there_and_a_file_that_is_not(powderkeg: Command, tmp_path: Path) -> None:
    path = note(tmp_path, TEXT)
    assert "backfill binance BTC" in " ".join(powderkeg("check --lake", tmp_path / "none", path).err.split())
    assert "there is no file" in powderkeg("check", tmp_path / "none.md").err
