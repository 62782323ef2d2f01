"""``powderkeg alerts``: rules over the lake, and who is told when one fires."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from powderkeg.cli import lake_options
from powderkeg.cli.options import Json
from powderkeg.errors import InputError, OutputError

if TYPE_CHECKING:
    from powderkeg.analytics.alert_rules import AlertRule
    from powderkeg.cli.alert_rounds import AlertRounds
    from powderkeg.settings.settings import Settings

alerts_app = typer.Typer(
    name="alerts",
    help="Rules over the lake: tell somebody when one fires, see how far each is from it, and try them out.",
    no_args_is_help=True,
)
RulesPath = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="File with the rules; the setting `alerts.rules` otherwise.", show_default=False
    ),
]
Venues = Annotated[
    str | None, typer.Option("--venues", help="Venues, separated by commas; all of them otherwise.")
]


@alerts_app.command("init")
def init(
    rules: RulesPath = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
) -> None:
    """Write a file with rules to begin with, each with a comment; one that exists is left alone.

    Example: powderkeg alerts init --rules alerts.toml
    """
    from powderkeg.analytics.alert_rules_file import DEFAULT_RULES

    path = rules or lake_options.settings_of(settings, lake).alert_rules_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(DEFAULT_RULES)
    except FileExistsError:
        raise OutputError(f"--rules: {path} exists already; expected a new file") from None
    except OSError as error:
        raise OutputError(f"--rules: {path} cannot be written: {error.strerror}") from error
    typer.echo(f"Wrote {path}. Try it without sending anything: powderkeg alerts test --since 30d")


@alerts_app.command("once")
def once(
    venues: Venues = None,
    rules: RulesPath = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Evaluate every rule now, send what fired and what still waits, and show where each rule stands.

    For a timer in the place of `powderkeg alerts run`. Example: powderkeg alerts once --venues binance,bybit
    """
    from powderkeg.cli.terminal import print_json, working
    from powderkeg.cli.terminal_alerts import print_fired, print_watch_list, round_json

    chosen = lake_options.settings_of(settings, lake)
    rounds = _rounds(chosen, rules, venues)
    with working("Reading the lake"):
        fired = rounds.evaluate_all()
    with working("Sending"):
        arrived, failed = rounds.deliver()
    watched = rounds.watch_list()
    if as_json:
        print_json(round_json(fired, watched, rounds.troubles, arrived, failed))
    else:
        print_fired(fired, rounds.troubles, arrived, failed)
        print_watch_list(watched)


@alerts_app.command("run")
def run(
    every: Annotated[
        float, typer.Option("--every", min=0.5, help="Seconds between two looks at the price.")
    ] = 5.0,
    lasting: Annotated[
        str | None, typer.Option("--for", help="Stop after this long, such as 8h. Default: on Ctrl-C.")
    ] = None,
    venues: Venues = None,
    rules: RulesPath = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Evaluate all rules at every close of a bar and those of the price in between, and send what fires.

    It can be interrupted at any time: what was detected and not sent is sent by the next run. With --json
    each alert is a line. Run it beside `powderkeg record`. Example: powderkeg alerts run --every 2
    """
    from powderkeg.model.times import duration

    seconds = None if lasting is None else duration(lasting, "--for") / 1000
    rounds = _rounds(lake_options.settings_of(settings, lake), rules, venues)
    rounds.run(every, seconds, as_json=as_json)


@alerts_app.command("list")
def watch_list(
    rules: RulesPath = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show the watch list: where each rule stood when it was evaluated last, and how far it is from firing.

    Example: powderkeg alerts list
    """
    from powderkeg.analytics.alert_watch import watch_list as watch_list_of
    from powderkeg.cli.terminal import print_json
    from powderkeg.cli.terminal_alerts import print_watch_list
    from powderkeg.lake.alert_store import AlertStore

    chosen = lake_options.settings_of(settings, lake)
    found = watch_list_of(AlertStore(_lake_root(chosen)), _rules(chosen, rules))
    if as_json:
        print_json({"watch_list": [one.as_json() for one in found]})
    else:
        print_watch_list(found)


@alerts_app.command("history")
def history(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    coin: Annotated[str | None, typer.Option("--coin", help="Of this coin alone.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Of the rule with this name alone.")] = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Show which rules fired, when, and whether everybody was told.

    Example: powderkeg alerts history --coin BTC --limit 50
    """
    from powderkeg.analytics.alert_watch import history_json
    from powderkeg.cli.terminal import print_json
    from powderkeg.cli.terminal_alerts import print_history
    from powderkeg.lake.alert_store import AlertStore

    store = AlertStore(_lake_root(lake_options.settings_of(settings, lake)))
    found = store.history(limit, coin=coin and coin.upper(), rule=rule)
    if as_json:
        print_json({"history": history_json(found)})
    else:
        print_history(found)


@alerts_app.command("test")
def try_out(
    since: lake_options.Since = "30d",
    until: lake_options.Until = None,
    step: Annotated[str, typer.Option("--step", help="Time between two looks.")] = "1h",
    move: Annotated[
        float, typer.Option("--move", help="Move of the price, either way, that counts; a fraction.")
    ] = 0.03,
    horizon: Annotated[str, typer.Option("--horizon", help="In how long it has to come.")] = "1d",
    venues: Venues = None,
    rules: RulesPath = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
    as_json: Json = False,
) -> None:
    """Try rules on recorded data: how often each would have fired, and what the price did afterwards.

    Nothing is sent and nothing is kept. Example: powderkeg alerts test --since 2025-10-01 --until 2025-11-01
    """
    from powderkeg.analytics.alert_trials import trial
    from powderkeg.cli.terminal import counting, print_json
    from powderkeg.cli.terminal_alerts import print_trial
    from powderkeg.maps.venue_models import read_venue_models
    from powderkeg.model.times import duration
    from powderkeg.venues.registry import venues as venues_of

    chosen = lake_options.settings_of(settings, lake)
    window = lake_options.window_of(since, until)
    asked = venues_of(lake_options.names_of(venues, ())) if venues is not None else venues_of()
    with counting("Weeks") as tell:
        found = trial(
            lake_options.lake_of(chosen),
            asked,
            _rules(chosen, rules),
            window,
            duration(step, "step"),
            move=move,
            horizon=duration(horizon, "--horizon"),
            models=read_venue_models(chosen.parameter_paths),
            tell=tell,
        )
    if as_json:
        print_json(found.as_json())
    else:
        print_trial(found)


def _rules(settings: Settings, path: Path | None) -> tuple[AlertRule, ...]:
    from powderkeg.analytics.alert_rules_file import read_rules

    return read_rules(path or settings.alert_rules_path)


def _lake_root(settings: Settings) -> Path:
    """Return the directory of the lake; LakeError where there is none."""
    return lake_options.lake_of(settings).root


def _rounds(settings: Settings, path: Path | None, venues: str | None) -> AlertRounds:
    from powderkeg.cli.alert_rounds import AlertRounds
    from powderkeg.venues.registry import venues as venues_of

    names = lake_options.names_of(venues, ())
    if venues is not None and not names:
        raise InputError("--venues: expected at least one")
    return AlertRounds(
        lake_options.lake_of(settings),
        _rules(settings, path),
        venues_of(names) if names else venues_of(),
        settings,
    )
