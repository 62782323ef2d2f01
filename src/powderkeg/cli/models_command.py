"""``powderkeg models``: what can be chosen with --model."""

from __future__ import annotations

from powderkeg.cli import options


def models(as_json: options.Json = False) -> None:
    """List the models, where their numbers come from, and their parameter hashes."""
    from rich.table import Table

    from powderkeg.cli.terminal import output, print_json
    from powderkeg.core.named_models import NAMED_MODELS

    parameters = [factory() for factory in NAMED_MODELS.values()]
    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "source": model.source,
                    "worlds": model.worlds,
                    "inert_share": {"long": model.inert_share[0], "short": model.inert_share[1]},
                    "parameter_hash": model.parameter_hash,
                }
                for model in parameters
            ]
        )
        return
    table = Table("model", "where its numbers come from", "worlds", "inert", "parameter hash")
    for model in parameters:
        table.add_row(
            model.name, model.source, str(model.worlds), f"{model.inert_share[0]:.0%}", model.parameter_hash
        )
    output.print(table)
