"""``--parameters`` of a coin: one file for all venues, or one for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.served_venues import answer_that_filled
from command_line import Command, Files
from made_markets import made_calibration
from powderkeg.maps.parameter_file import write_calibration

BOTH = "map BTC --venues binance,bybit --since 13d"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parameters of venues") / "lake"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_calibration(made_calibration("binance:BTC"), tmp_path / "one.toml")
    return tmp_path / "one.toml"


def test_a_coin_has_bands_where_all_its_venues_have_parameters(
    powderkeg: Command, settings: Path, lake: Path, written: Path
) -> None:
    plain = answer_that_filled(powderkeg, BOTH, settings, lake)
    assert plain["cumulative"][0]["notional_band"] is None
    line = f"{BOTH} --offline --settings {settings}"
    told = json.loads(powderkeg(f"{line} --json --parameters", written).out)
    assert told["model"] == "calibrated"
    for one in (told, *(layer["map"] for layer in told["layers"])):
        assert one["cumulative"][0]["notional_band"]["high_90"] > 0
        assert one["bins"][0]["long_expected_forced"] > 0
    people = powderkeg(f"{line} --parameters", written).out
    assert "Expected to be forced" in people
    one_of_two = json.loads(powderkeg(f"{line} --json --parameters", f"bybit={written}").out)
    assert one_of_two["model"] == "calibrated and worlds"
    assert one_of_two["cumulative"][0]["notional_band"] is None
    squeeze = powderkeg(f"squeeze {line.removeprefix('map ')} --push 2e6 --json --parameters", written)
    assert json.loads(squeeze.out)["squeezes"][0]["members"] == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--parameters okx={file}", "--parameters: given for okx, but the map is of BTC"),
        ("--parameters mtgox={file}", "--parameters: 'mtgox' is no venue; expected all or one of binance"),
        ("--parameters {file} --parameters {file}", "for all; expected one file"),
        ("--parameters binance=none.toml", "none.toml does not exist"),
    ],
)
def test_parameters_that_fit_nothing_are_refused(
    powderkeg: Command, files: Files, written: Path, arguments: str, message: str
) -> None:
    found = powderkeg("map", *files.arguments, *arguments.format(file=written).split())
    assert (found.status, found.out) == (2, "")
    assert message in found.err
