"""Messages of the library in the words of the command line: arguments become the options they came from."""

from __future__ import annotations

import re

# Arguments of `market_frame` and of the commands, where the option's name is not the argument's with dashes.
_OPTIONS = {
    "open_interest_sides": "--sides",
    "liquidation_side_meaning": "--liquidation-side",
    "columns": "--column",
}
_ARGUMENTS = (
    *_OPTIONS,
    *(
        "open_interest_unit",
        "open_interest_stamp",
        "volume_scale",
        "bar_step",
        "train_end",
        "symbol",
        "venue",
    ),
    *("at", "start", "end", "step", "embargo", "models", "model", "output", "limit", "share"),
    *(
        "bars",
        "open_interest",
        "mark",
        "funding",
        "liquidations",
        "parameters",
        "until",
        "coverage",
        "feed_slot",
    ),
)
_COLUMNS = re.compile(r"columns=\{'(\w+)': \{'(\w+)': '([^']*)'\}\}")
_VALUE = re.compile(rf"\b({'|'.join(_ARGUMENTS)})='([^']*)'")
_FIRST = re.compile(rf"({'|'.join(_ARGUMENTS)})(?=:| \()")
_LONE = re.compile(r"\b(open_interest_(?:unit|sides|stamp)|liquidation_side_meaning|volume_scale|bar_step)\b")


def option_of(argument: str) -> str:
    """Return the option that fills an argument: ``--bar-step`` for ``bar_step``."""
    return _OPTIONS.get(argument, "--" + argument.replace("_", "-"))


def in_options(message: str) -> str:
    """Return `message` with the library's arguments as options.

    ``bar_step='1h'`` becomes ``--bar-step 1h``, a leading ``train_end:`` becomes ``--train-end:``, and
    ``columns={'bars': {'ts': 'my_time'}}`` becomes ``--column bars.ts=my_time``. Anything else stays.
    """
    message = _COLUMNS.sub(r"--column \1.\2=\3", message)
    message = _VALUE.sub(lambda found: f"{option_of(found[1])} {found[2]}", message)
    message = _LONE.sub(lambda found: option_of(found[1]), message)
    return (
        _FIRST.sub(lambda found: option_of(found[1]), message, count=1) if _FIRST.match(message) else message
    )
