from __future__ import annotations

from pathlib import Path

import pytest

from powderkeg.errors import InputError
from powderkeg.settings.settings import read_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("POWDERKEG_LAKE", "POWDERKEG_SETTINGS"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    settings = read_settings()
    assert settings.lake_path == tmp_path / ".local/share/powderkeg/lake"
    assert settings.symbols("binance") == ("BTC",)
    assert settings.urls("binance") == {}


def test_the_environment_goes_before_the_file_and_an_option_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("powderkeg.toml").write_text(
        'lake = "in-file"\ncoins = ["BTC", "ETH"]\n[record]\nflush_seconds = 2\n'
        '[venues.okx]\nsymbols = ["BTC-USDT-SWAP"]\nurls = { rest = "http://127.0.0.1:1" }\n'
        '[parameters]\nall = "~/btc.toml"\nokx = "okx.toml"\n'
    )
    settings = read_settings()
    assert settings.lake == Path("in-file")
    assert settings.record.flush_seconds == 2
    assert settings.urls("okx") == {"rest": "http://127.0.0.1:1"}
    assert settings.symbols("okx") == ("BTC-USDT-SWAP",)
    assert settings.symbols("gate") == ("BTC", "ETH")
    assert settings.parameter_paths == {"all": tmp_path / "btc.toml", "okx": Path("okx.toml")}
    monkeypatch.setenv("POWDERKEG_LAKE", "in-environment")
    monkeypatch.setenv("POWDERKEG_RECORD__FLUSH_SECONDS", "3")
    assert read_settings().lake == Path("in-environment")
    assert read_settings().record.flush_seconds == 3
    assert read_settings(lake=Path("given")).lake == Path("given")


@pytest.mark.parametrize(
    "text",
    ['[alerts]\nurls = "json://SECRET"', "[alerts]\nurls = [['SECRET']]", 'alerts = "SECRET"'],
)
def test_urls_of_services_are_never_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("powderkeg.toml").write_text(text)
    with pytest.raises(InputError, match="settings: alerts.* is not shown") as error:
        read_settings()
    assert "SECRET" not in str(error.value)
    Path("powderkeg.toml").write_text('[alerts]\nurls = ["json://SECRET"]')
    settings = read_settings()
    assert "SECRET" not in repr(settings)
    assert settings.alerts.urls[0].get_secret_value() == "json://SECRET"
    assert settings.alert_rules_path == settings.lake_path / "alerts" / "rules.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lakes = 1", r"settings: lakes is 1; Extra inputs are not permitted \(from powderkeg.toml"),
        ("[record]\nflush_seconds = 0", r"settings: record.flush_seconds is 0; .*greater than 0"),
        ("lake = ", r"settings: powderkeg.toml is no TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_named(text: str, message: str) -> None:
    Path("powderkeg.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings()


def test_a_named_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWDERKEG_SETTINGS", "elsewhere.toml")
    with pytest.raises(InputError, match="settings: elsewhere.toml is no file"):
        read_settings()


def test_files_of_series_are_by_coin_and_one_alone_is_of_bitcoin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_settings().series.etf_flows == {}
    assert read_settings().series.fear_and_greed is None
    Path("powderkeg.toml").write_text(
        '[series]\netf_flows = "~/flows.csv"\nfear_and_greed = "~/fng.csv"\n'
        'exchange_netflow = { btc = "a.csv", eth = "b.parquet" }\n'
    )
    series = read_settings().series
    assert series.etf_flows == {"BTC": tmp_path / "flows.csv"}
    assert series.fear_and_greed == tmp_path / "fng.csv"
    assert series.exchange_netflow == {"BTC": Path("a.csv"), "ETH": Path("b.parquet")}
    monkeypatch.setenv("POWDERKEG_SERIES__FEAR_AND_GREED", "other.csv")
    assert read_settings().series.fear_and_greed == Path("other.csv")
    Path("powderkeg.toml").write_text('[series]\nvix = "vix.csv"')
    with pytest.raises(InputError, match="settings: series.vix is 'vix.csv'; Extra inputs are not permitted"):
        read_settings()
