"""A server with parameters: calibrated maps with bands by default, others where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from made_markets import made_calibration
from powderkeg.cli.main import main
from powderkeg.maps.parameter_file import write_calibration
from powderkeg.maps.venue_models import VenueModels, read_venue_models
from powderkeg.model.times import MINUTE, iso
from powderkeg.server.application import application
from powderkeg.server.coin_maps import CoinMaps
from powderkeg.server.lake_events import LakeEvents
from powderkeg.server.server_rules import ServerRules
from server.conftest import BASE, FilledLake
from server.test_maps_api import got, printed

VENUES = "venues=binance,bybit"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two parameter files."""
    made = tmp_path_factory.mktemp("parameters")
    write_calibration(made_calibration("binance:BTC"), made / "one.toml")
    write_calibration(made_calibration("bybit:BTC", pass_through=0.4), made / "other.toml")
    return made


def served_with(filled: FilledLake, models: VenueModels) -> TestClient:
    rules = ServerRules(burst=100_000)
    app = application(filled.lake, rules, lambda: filled.end + 5 * MINUTE, models=models)
    return TestClient(app, base_url=BASE, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def both(folder: Path) -> VenueModels:
    return read_venue_models({"binance": folder / "one.toml", "bybit": folder / "other.toml"})


@pytest.fixture(scope="module")
def calibrated(filled: FilledLake, both: VenueModels) -> Iterator[TestClient]:
    """Return a client of a server whose venues have a calibration each."""
    with served_with(filled, both) as made:
        yield made


def test_the_default_is_the_calibrated_map_that_the_command_prints(
    calibrated: TestClient, filled: FilledLake, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = iso(filled.end)
    mine = got(calibrated, f"map?coin=BTC&{VENUES}&at={at}")
    line = (
        f"map BTC {VENUES.replace('=', ' ').replace('venues', '--venues')} --offline --at {at} "
        f"--parameters binance={folder / 'one.toml'} --parameters bybit={folder / 'other.toml'}"
    )
    assert mine == printed(capfd, filled, line)
    assert mine == got(calibrated, f"map?coin=BTC&{VENUES}&at={at}&model=calibrated")
    assert mine["model"] == "calibrated"
    for entry in (*mine["cumulative"], *mine["clusters"], *mine["layers"][1]["map"]["clusters"]):
        band = entry["expected_forced_band"]
        assert 0 <= band["low_90"] <= band["low_50"] <= band["high_50"] <= band["high_90"]
    assert all("imbalance_band" in one for one in mine["imbalance"])
    notes = mine["provenance"]["notes"]
    assert "bands: errors of different calibrations are taken to be independent of each other" in notes
    assert got(calibrated, f"map?coin=BTC&{VENUES}&model=worlds")["model"] == "worlds"
    clusters = got(calibrated, f"clusters?coin=BTC&{VENUES}&at={at}&limit=2")
    assert clusters["clusters"] == mine["clusters"][:2]


def test_a_heatmap_and_a_squeeze_are_of_the_same_model(
    calibrated: TestClient, filled: FilledLake, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    at = iso(filled.end)
    heatmap = got(calibrated, f"heatmap?coin=BTC&{VENUES}&at={at}&step=1d")
    for key in ("cells", "edges"):
        heatmap.pop(key)
    given = f"--parameters binance={folder / 'one.toml'} --parameters bybit={folder / 'other.toml'}"
    line = f"heatmap BTC --venues binance,bybit --offline --end {at} --step 1d {given}"
    assert heatmap == printed(capfd, filled, line)
    assert heatmap["model"] == "calibrated"
    (told,) = got(calibrated, f"squeeze?coin=BTC&{VENUES}&push=2e6&side=down")["squeezes"]
    assert told["members"] == 16
    assert any("each member of the calibration" in note for note in told["provenance"]["notes"])
    refused = calibrated.get(f"/v1/squeeze?coin=BTC&{VENUES}&push=2e6&pass_through=0.5")
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "pass_through")


def test_the_stream_tells_of_the_default_model(filled: FilledLake, both: VenueModels) -> None:
    def first_bins(models: VenueModels) -> object:
        events = LakeEvents(CoinMaps(filled.lake, models), lambda: filled.end).look(["BTC"])
        return next(event["bins"] for _, event in events if event["type"] == "map")

    assert first_bins(both) != first_bins(VenueModels())


def test_models_are_listed_with_what_they_were_fitted_on(calibrated: TestClient, both: VenueModels) -> None:
    listed = {one["name"]: one for one in got(calibrated, "models")["models"]}
    assert [name for name, one in listed.items() if one["default"]] == ["calibrated"]
    assert [*listed] == ["calibrated", "worlds", "fixed_tiers", "diffuse"]
    first, second = listed["calibrated"]["calibrations"]
    fitted = both.calibrations["binance"]
    assert first == {
        "venue": "binance",
        "instrument": "binance:BTC",
        "fitted_from": iso(fitted.start),
        "fitted_until": iso(fitted.end),
        "coverage": [0.5, 0.5],
        "members": 16,
        "parameter_hash": fitted.parameters.parameter_hash,
    }
    assert second["venue"] == "bybit"
    assert "calibrated on bybit:BTC" in listed["calibrated"]["source"]
    worlds = got(calibrated, "map?coin=BTC&venues=binance&model=worlds")
    own = worlds["layers"][0]["map"]["provenance"]["parameter_hash"]
    assert listed["worlds"]["parameter_hash"] == own


def test_without_parameters_the_default_is_the_prior_and_calibrated_is_refused(client: TestClient) -> None:
    assert got(client, f"map?coin=BTC&{VENUES}")["model"] == "worlds"
    listed = got(client, "models")["models"]
    assert [one["name"] for one in listed if one["default"]] == ["worlds"]
    assert "calibrated" not in [one["name"] for one in listed]
    for path in ("map", "clusters", "heatmap", "squeeze"):
        answer = client.get(f"/v1/{path}?coin=BTC&model=calibrated")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["field"]) == (404, "not_calibrated", "model")
        assert "start it with --parameters FILE" in error["message"]


def test_one_venue_of_two_leaves_the_sum_without_bands_and_is_named(
    filled: FilledLake, both: VenueModels
) -> None:
    only = VenueModels(calibrations={"bybit": both.calibrations["bybit"]})
    with served_with(filled, only) as client:
        mixed = got(client, f"map?coin=BTC&{VENUES}")
        assert mixed["model"] == "calibrated and worlds"
        assert "long_notional_band" not in mixed["bins"][0]
        assert any("binance:BTC without a calibration" in note for note in mixed["provenance"]["notes"])
        alone = got(client, "map?coin=BTC&venues=bybit")
        assert alone["model"] == "calibrated"
        assert "long_notional_band" in alone["bins"][0]
        assert got(client, "map?coin=BTC&venues=binance")["model"] == "worlds"
        refused = client.get("/v1/map?coin=BTC&venues=binance&model=calibrated")
        assert "the server has them for bybit" in refused.json()["error"]["message"]


def test_one_file_for_all_venues_has_common_errors(filled: FilledLake, folder: Path) -> None:
    with served_with(filled, read_venue_models({"all": folder / "one.toml"})) as client:
        (own,) = (one for one in got(client, "models")["models"] if one["name"] == "calibrated")
        assert {one["venue"] for one in own["calibrations"]} > {"binance", "bybit", "okx"}
        assert own["parameter_hash"] == own["calibrations"][0]["parameter_hash"]
        notes = got(client, f"map?coin=BTC&{VENUES}")["provenance"]["notes"]
    assert "bands: one calibration for all venues, so that its errors are common to them" in notes
    assert any("fitted on binance:BTC, another instrument" in note for note in notes)


@pytest.mark.parametrize("given", ["option", "setting"])
def test_serve_takes_parameters_from_the_command_line_or_the_settings(
    filled: FilledLake,
    folder: Path,
    given: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = tmp_path / "powderkeg.toml"
    file = json.dumps(str(folder / "one.toml"))
    settings.write_text(f"[parameters]\nbinance = {file}\n" if given == "setting" else "")
    line = f"powderkeg serve --lake {filled.lake.root} --settings {settings}"
    if given == "option":
        line += f" --parameters binance={folder / 'one.toml'}"
    told: list[object] = []

    def ask(server: uvicorn.Server, *_: object, **__: object) -> None:
        told.append(got(TestClient(server.config.app, base_url="http://127.0.0.1"), "models"))  # type: ignore[arg-type]

    monkeypatch.setattr("uvicorn.Server.run", ask)
    monkeypatch.setattr("sys.argv", line.split())
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code, capfd.readouterr().err
    ((first, *_),) = (one["models"] for one in told)  # type: ignore[index]
    assert [one["venue"] for one in first["calibrations"]] == ["binance"]
