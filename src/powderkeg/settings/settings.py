"""Settings from a TOML file and the environment, with sensible defaults for all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from powderkeg.errors import InputError

FILE = "powderkeg.toml"
PREFIX = "POWDERKEG_"


class VenueSettings(BaseModel):
    """One venue's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: dict[str, str] = Field(
        default_factory=dict, description="Base urls by host, in the place of the venue's own."
    )
    symbols: tuple[str, ...] = Field(
        default=(), description="Symbols or coins to record, in the place of `coins`."
    )


class RecordSettings(BaseModel):
    """How a recorder works; see `powderkeg.ingest.recorder.RecorderSettings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flush_seconds: float = Field(default=0.1, gt=0, description="Between two groups made safe on disk.")
    memory_mib: int = Field(default=64, ge=1, description="Frames that each connection may hold in memory.")
    segment_mib: int = Field(default=64, ge=1, description="Size at which a live segment goes into tables.")
    segment_seconds: float = Field(default=300, gt=0, description="Age at which it does.")
    book_seconds: float = Field(default=10, gt=0, description="Between two order books in the tables.")


class SeriesSettings(BaseModel):
    """Files of series that others compute; `powderkeg.lake.series_files` says what their columns are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    etf_flows: dict[str, Path] = Field(
        default_factory=dict, description="Daily net flows of funds, by coin; one file alone is of BTC."
    )
    exchange_netflow: dict[str, Path] = Field(
        default_factory=dict, description="Daily net flows to exchanges, by coin; one file alone is of BTC."
    )
    fear_and_greed: Path | None = Field(default=None, description="Daily values of a sentiment index.")
    spot_bars: dict[str, Path] = Field(
        default_factory=dict, description="Bars of a spot market, by coin; one file alone is of BTC."
    )
    spot_taker: dict[str, Path] = Field(
        default_factory=dict, description="What takers bought on it, by coin; one file alone is of BTC."
    )

    @field_validator("etf_flows", "exchange_netflow", "spot_bars", "spot_taker", mode="before")
    @classmethod
    def _of_bitcoin(cls, given: object) -> object:
        return {"BTC": given} if isinstance(given, str | Path) else given

    @field_validator("etf_flows", "exchange_netflow", "spot_bars", "spot_taker")
    @classmethod
    def _upper(cls, given: dict[str, Path]) -> dict[str, Path]:
        return {coin.upper(): path.expanduser() for coin, path in given.items()}

    @field_validator("fear_and_greed")
    @classmethod
    def _at_home(cls, given: Path | None) -> Path | None:
        return given and given.expanduser()


class AlertSettings(BaseModel):
    """Which alerts are told to whom; see `powderkeg.lake.alert_store.DeliveryRules`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: Path | None = Field(
        default=None, description="File with the rules; alerts/rules.toml in the lake otherwise."
    )
    urls: tuple[SecretStr, ...] = Field(
        default=(), description="URLs of services as apprise has them; they are never shown."
    )
    per_minute: int = Field(default=10, ge=1, description="Most messages to a service in a minute.")
    attempts: int = Field(default=12, ge=1, description="How often a message is tried before it is given up.")


class Settings(BaseSettings):
    """All settings.

    They come, the first that has it winning, from environment variables (``POWDERKEG_LAKE``, and with two
    underscores between the parts ``POWDERKEG_RECORD__FLUSH_SECONDS``), from the file, and from here.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    lake: Path = Field(default=Path("~/.local/share/powderkeg/lake"), description="Directory of the lake.")
    coins: tuple[str, ...] = Field(default=("BTC",), description="Coins to record and backfill.")
    venues: dict[str, VenueSettings] = Field(default_factory=dict, description="Settings by venue.")
    parameters: dict[str, Path] = Field(
        default_factory=dict,
        description="Parameter files by venue, or for `all`, that `powderkeg serve` draws maps with.",
    )
    record: RecordSettings = Field(default_factory=RecordSettings, description="How a recorder works.")
    series: SeriesSettings = Field(
        default_factory=SeriesSettings, description="Files of series that others compute."
    )
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="Which alerts are told to whom.")

    @property
    def lake_path(self) -> Path:
        """The lake's directory, with the home directory in the place of a tilde."""
        return self.lake.expanduser()

    @property
    def alert_rules_path(self) -> Path:
        """The file with alert rules, with the home directory in the place of a tilde."""
        return (self.alerts.rules or self.lake / "alerts" / "rules.toml").expanduser()

    @property
    def parameter_paths(self) -> dict[str, Path]:
        """Parameter files by venue, with the home directory in the place of a tilde."""
        return {venue: path.expanduser() for venue, path in self.parameters.items()}

    def urls(self, venue: str) -> dict[str, str]:
        """Return base urls that replace the venue's own, by host."""
        return dict(self.venues[venue].urls) if venue in self.venues else {}

    def symbols(self, venue: str) -> tuple[str, ...]:
        """Return what to record at a venue: its symbols, or the coins."""
        return (self.venues[venue].symbols if venue in self.venues else ()) or self.coins


def settings_file() -> Path | None:
    """Return the file that settings come from, None where there is none.

    It is named by ``POWDERKEG_SETTINGS``; otherwise ``powderkeg.toml`` in the working directory, or in the
    user's configuration directory.
    """
    named = os.environ.get(f"{PREFIX}SETTINGS")
    if named:
        return Path(named).expanduser()
    home = Path("~/Library/Application Support" if sys.platform == "darwin" else "~/.config").expanduser()
    candidates = (Path(FILE), Path(os.environ.get("XDG_CONFIG_HOME", home)) / "powderkeg" / FILE)
    return next((path for path in candidates if path.is_file()), None)


def read_settings(path: Path | None = None, **given: Any) -> Settings:
    """Return the settings of a file, or of that which `settings_file` finds, under those of the environment.

    Parameters
    ----------
    path
        The file.
    given
        Values that go before everything else; None is not given.

    Raises
    ------
    InputError
        The file is missing or no TOML, or a value in it or in the environment is unfit; the message names the
        setting, its value, and what was expected.
    """
    path = path or settings_file()
    if path is not None and not path.is_file():
        raise InputError(f"settings: {path} is no file")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = TomlConfigSettingsSource(settings_cls)
            # The last two hold nothing: no such files are configured.
            return init_settings, env_settings, file, dotenv_settings, file_secret_settings

    try:
        return FromFile(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        where = f"{path}, {PREFIX}* or the defaults" if path else f"{PREFIX}* or the defaults"
        # URLs of services hold secrets, and so may whatever stands in their place.
        secret = first["loc"][:1] == ("alerts",) and first["loc"][1:2] in ((), ("urls",))
        value = "not shown" if secret else repr(first.get("input"))
        raise InputError(f"settings: {name} is {value}; {first['msg']} (from {where})") from None
    except ValueError as error:
        raise InputError(f"settings: {path} is no TOML: {error}") from None
