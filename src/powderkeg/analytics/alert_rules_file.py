"""The file that alert rules are written in, and the one that is a start."""

from __future__ import annotations

import tomllib
from pathlib import Path

from powderkeg.analytics.alert_rules import AlertRule, alert_rules
from powderkeg.errors import InputError

DEFAULT_RULES = """\
# Alert rules of powderkeg. docs/alerts.md describes each kind with its parameters, units and defaults.
# Fractions are of one: 0.01 is 1 %. Try a change without sending anything: powderkeg alerts test --since 30d
#
# Every rule has a name, a coin and a kind; and, if these do not fit, a cooldown (1h), a hysteresis (a margin,
# by kind) and a severity: info, warning or critical.

[[rule]]
name = "wall near"
coin = "BTC"
kind = "price_near_wall"
within = 0.01          # of the mark price
least_share = 0.02     # of open interest; or least_usd = 50e6
cooldown = "4h"

[[rule]]
name = "wall grew"
coin = "BTC"
kind = "wall_grew"
added = 0.5            # half of it is new
window = "4h"
least_share = 0.02
severity = "info"
cooldown = "8h"

[[rule]]
name = "wall swept"
coin = "BTC"
kind = "wall_swept"
window = "1h"
least_share = 0.02
cooldown = "4h"

[[rule]]
name = "map one-sided"
coin = "BTC"
kind = "map_imbalance_beyond"
range = 0.05
percentile = 0.98      # of the last 21 days; or beyond = 0.6
severity = "info"
cooldown = "12h"

[[rule]]
name = "one side liquidated"
coin = "BTC"
kind = "realised_imbalance_beyond"
window = "4h"
percentile = 0.98      # of the last year; or beyond = 0.8
severity = "info"
cooldown = "12h"

[[rule]]
name = "large liquidations"
coin = "BTC"
kind = "liquidations_above"
usd = 50e6
window = "1h"

[[rule]]
name = "cascade"
coin = "BTC"
kind = "cascade_under_way"
usd = 20e6
drop = 0.02            # of open interest
window = "15m"
severity = "critical"

[[rule]]
name = "funding extreme"
coin = "BTC"
kind = "funding_extreme"
percentile = 0.98      # of the last 90 days; or absolute = 0.0005 per 8 hours
cooldown = "1d"

[[rule]]
name = "deleveraging"
coin = "BTC"
kind = "open_interest_drop"
fraction = 0.05
window = "1h"
severity = "critical"

[[rule]]
name = "large position near"
coin = "BTC"
kind = "measured_position_near"
usd = 10e6
within = 0.02

[[rule]]
name = "feed silent"
coin = "BTC"
kind = "feed_silent"
table = "liquidations"
longer_than = "2h"

[[rule]]
name = "coverage lost"
coin = "BTC"
kind = "coverage_lost"
table = "liquidations"
window = "6h"
least = 0.9

# A level of your own:
# [[rule]]
# name = "above 100k"
# coin = "BTC"
# kind = "price_crosses"
# level = 100000
# direction = "up"
"""


def read_rules(path: Path) -> tuple[AlertRule, ...]:
    """Return the rules of a TOML file, each a table ``[[rule]]``.

    Raises
    ------
    InputError
        The file cannot be read, is no TOML, or holds something else; or as `alert_rules`, after its name.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"rules: {path} cannot be read: {error.strerror}; `powderkeg alerts init` writes a first one"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"rules: {path} is no TOML: {error}") from None
    tables = told.pop("rule", [])
    if told:
        raise InputError(f"rules: {path} holds {next(iter(told))!r}; expected tables [[rule]] alone")
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise InputError(f"rules: {path} holds no rules; expected tables [[rule]]")
    try:
        return alert_rules(tables)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
