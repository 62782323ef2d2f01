"""``powderkeg serve``: the HTTP and WebSocket API over the lake."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from powderkeg.cli import lake_options, model_options, options
from powderkeg.errors import InputError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from powderkeg.ingest.recorder_child import RecorderChild
    from powderkeg.lake.market_lake import Lake
    from powderkeg.settings.settings import Settings

_LOOK = 0.05


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback need --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8321,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="POWDERKEG_TOKEN",
            help="What every request must present, at least 16 characters. Best given by POWDERKEG_TOKEN: "
            "others on this machine can read a command line.",
            show_default=False,
        ),
    ] = None,
    parameters: options.Parameters = None,
    record: Annotated[
        bool, typer.Option("--record", help="Record beside the server, in a process of its own.")
    ] = False,
    venues: Annotated[
        str | None,
        typer.Option("--venues", help="With --record: venues, separated by commas; all of them otherwise."),
    ] = None,
    coins: Annotated[
        str | None,
        typer.Option(
            "--coins", help="With --record: coins or symbols, separated by commas; the settings' otherwise."
        ),
    ] = None,
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
) -> None:
    """Serve maps, heatmaps, liquidations and positions of the lake over HTTP, until told to stop.

    It reads the lake and asks no venue. With --record a recorder in a process of its own keeps the lake
    growing, and is begun again should it end; otherwise `powderkeg record` beside it does. With --parameters,
    or the setting `parameters`, maps are calibrated ones unless another model is asked for. Endpoints are in
    docs/server.md, and described at /v1/openapi.json.

    Example: powderkeg serve --record --venues binance,bybit --coins BTC
    """
    if not record and (venues or coins):
        raise InputError(f"{'--venues' if venues else '--coins'} is of the recorder: give --record with it")
    chosen = lake_options.settings_of(settings, lake)
    served = ServedLake(
        lake_options.lake_of(chosen, create=record),
        model_options.parameter_files(parameters) or chosen.parameter_paths,
        _recorder(chosen, venues, coins) if record else None,
    )

    def ready(url: str) -> None:
        typer.echo(
            f"Serving the lake at {url}/ until Ctrl-C: the dashboard; below /v1 the API, described at "
            "/v1/openapi.json."
        )

    with served.recorder or nullcontext():
        run_server(served, host=host, port=port, token=token, ready=ready)


class ServedLake(NamedTuple):
    """A lake, files of calibrations by venue, and the recorder that runs beside the server, if one does."""

    lake: Lake
    parameters: Mapping[str, str | Path] = {}
    recorder: RecorderChild | None = None


def run_server(
    served: ServedLake,
    *,
    host: str,
    port: int,
    token: str | None = None,
    seconds: float | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C, SIGTERM or for so many seconds; a recorder is told of, and is the caller's to stop.

    Parameters
    ----------
    served
        What is served.
    host, port, token
        Where, and what a request must present.
    seconds
        How long; None without an end.
    ready
        Called with the url, in another thread, once requests are answered.

    Raises
    ------
    InputError
        As `powderkeg.server.server_rules.ServerRules`.
    MissingExtraError
        The server is not installed.
    OutputError
        The port cannot be listened on.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError:
        raise MissingExtraError("the server is not installed: pip install 'powderkeg[server]'") from None
    from powderkeg.maps.venue_models import read_venue_models
    from powderkeg.server.application import application
    from powderkeg.server.connection_guard import connection_options
    from powderkeg.server.server_rules import ServerRules

    rules = ServerRules(host=host, token=token)
    recorder, models = served.recorder, read_venue_models(served.parameters)
    app = application(
        served.lake, rules, models=models, recorder=None if recorder is None else lambda: recorder.report
    )
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, **connection_options(rules)))
    shown = f"[{host}]" if ":" in host else host
    over = threading.Event()

    def attend() -> None:
        while not server.started:
            if over.wait(_LOOK):
                return
        ready(f"http://{shown}:{port}")
        if seconds is not None and not over.wait(seconds):
            server.should_exit = True

    attending = threading.Thread(target=attend, daemon=True)
    attending.start()
    # uvicorn ends itself well, and then raises the signal again.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    except SystemExit as error:
        if error.code and not server.started:
            raise _port_taken(host, port) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        over.set()
        attending.join()


def require_free(host: str, port: int) -> None:
    """Raise OutputError if a port cannot be listened on: to be told before long work, not after it."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise _port_taken(host, port) from error


def _port_taken(host: str, port: int) -> OutputError:
    return OutputError(f"--port: {port} of {host} cannot be listened on; is another server there?")


def _recorder(chosen: Settings, venues: str | None, coins: str | None) -> RecorderChild:
    from powderkeg.cli.recording_plans import recorder_settings, recording_plans
    from powderkeg.ingest.recorder_child import RecorderChild
    from powderkeg.venues.registry import venues as venues_of

    named = lake_options.names_of(venues, ())
    plans = recording_plans(chosen, venues_of(named) if named else venues_of(), coins)
    return RecorderChild(chosen.lake_path, plans, recorder_settings(chosen))
