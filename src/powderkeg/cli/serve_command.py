"""``powderkeg serve``: the HTTP and WebSocket API over the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from powderkeg.cli import lake_options, model_options, options
from powderkeg.errors import MissingExtraError


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
    lake: lake_options.LakePath = None,
    settings: lake_options.SettingsPath = None,
) -> None:
    """Serve maps, heatmaps, liquidations and positions of the lake over HTTP, until told to stop.

    It reads the lake and asks no venue; `powderkeg record` beside it keeps the lake growing. With
    --parameters, or the setting `parameters`, maps are calibrated ones unless another model is asked for.
    Endpoints are in docs/server.md, and described at /v1/openapi.json.

    Example: powderkeg serve --port 8321
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
    chosen = lake_options.settings_of(settings, lake)
    models = read_venue_models(model_options.parameter_files(parameters) or chosen.parameter_paths)
    app = application(lake_options.lake_of(chosen), rules, models=models)
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"Serving the lake at http://{shown}:{port}/v1 until Ctrl-C; /v1/openapi.json describes it.")
    uvicorn.run(app, host=host, port=port, **connection_options(rules))
