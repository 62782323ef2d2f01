"""The numbers of the simulated market, with where each of them comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from powderkeg.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketParameters:
    """Everything that shapes a simulated market apart from its venues and its scenario.

    Shares, rates and probabilities are fractions, prices are moved in natural logarithms, notionals are in
    quote. "Chosen" means that no source was found and the value was set so that the stylised facts listed in
    ``docs/simulated-market.md`` come out.

    Attributes
    ----------
    initial_price
        Price at the start of the warm-up, quote per base.
    lot
        Smallest quantity in base. All quantities are whole lots, so that both sides agree exactly.
    warm_up_days
        Days simulated before the first one that is shown, so that entries and leverages have sorted
        themselves out.
    daily_volatility
        Standard deviation of the efficient price per day. With what flow adds it gives the 2.4 % of recorded
        BTC days in 2025.
    slow_volatility, slow_volatility_days
        Stationary standard deviation of log volatility and its memory; chosen for the autocorrelation of
        absolute returns at one day, 0.15 recorded.
    fast_volatility, fast_volatility_hours
        The same for the faster component; chosen for the autocorrelation at one hour, 0.24 recorded.
    jumps_per_day, jump_size
        Rate of jumps and their standard deviation; sizes are Laplace. Chosen for the kurtosis.
    jump_excitation, jump_excitation_hours
        What a jump of one standard deviation adds to the variance (as a multiple of it), and its memory.
    season
        Amplitude of the daily cycle of log activity and of log variance, which peaks at 15:00 UTC.
    depth_share
        Notional the book absorbs within 1 % of the mid, per one-sided open interest of the venue. Chosen:
        about 2 % for the own book of the largest BTC market, and more for the spot books behind it, which
        arbitrage draws on.
    depth_exponent
        Cumulative depth grows as distance to this power up to 1 %, and linearly beyond; 0.67 near the mid
        (model.md section 6).
    depth_withdrawal
        Depth falls with the ratio of short-term to usual volatility to this power; falls of 30-90 % are
        documented (model.md section 6). `depth_floor` bounds it.
    depth_floor
        Smallest depth as a share of the usual one.
    refill_seconds, refill_slowdown
        Time in which a consumed book refills, and how much longer it takes when depth is withdrawn.
    bargain_distance
        Displacement in log price that doubles the speed of refilling, because it attracts those who have
        waited for it.
    spot_follows
        Share of a venue's transient displacement that arbitrage carries into the spot price, and so into the
        index. Perpetuals traded below spot during the falls of October 2025.
    lasting_impact
        Price move in units of 1 % that a taker flow of the depth within 1 % leaves after the book refilled.
        Of a thin book the geometric mean with the usual depth counts.
    lasting_impact_hours
        Memory of that move; `information_share` of it is never taken back.
    information_share
        Share of a lasting move that becomes part of the efficient price.
    arbitrage_seconds
        Time in which arbitrage closes the gap between a venue and the average over all.
    half_spread
        Half the bid-ask spread in log price.
    index_seconds, mark_basis_seconds, mark_basis_bound
        Smoothing of the index, of a venue's basis to it, and the largest basis that enters its mark price;
        30 s of basis is Binance's window since 2025-09-18 (venues.md).
    maker_skew, maker_comfort
        Largest premium by which market makers shade their quotes, and the share of open interest at which
        they reach three quarters of it.
    churn_turnover
        Volume that market makers and high-frequency traders exchange per day, per one-sided open interest.
    forced_impact
        How much of its book impact a liquidation order has: 1 as in the book, 0 fills at the present price
        and moves nothing. The switch of the feedback.
    engine_pace
        Largest part of a liquidation order sent in one second, per depth within 1 %.
    retail_share, directional_share, hedger_share
        Notional of each kind's positions, both sides together, per two-sided open interest that a venue is
        meant to have. What is missing to 1 is held by basis traders and market makers. On Hyperliquid the 300
        largest accounts hold most of it, and 78-95 % of notional is cross (model.md section 4).
    retail_median, retail_sigma, retail_cap
        Lognormal law of retail notional in quote, and its cap. Chosen; real accounts are smaller and more.
    directional_minimum, directional_tail, directional_cap
        Pareto law of directional notional: minimum in quote, tail index, cap.
    hedger_notional
        Mean notional of a hedger, who is short with little leverage.
    retail_leverage, retail_leverage_sigma
        Lognormal law of retail leverage. Most is snapped to the presets that interfaces offer.
    retail_short_leverage
        Factor on the leverage of retail shorts. Chosen for the difference between the sides.
    directional_leverage, directional_leverage_sigma, directional_leverage_slope
        Lognormal law of notional over equity: median, sigma and how the median falls with size (exponent).
        On Hyperliquid 36 % of open interest is below 3x, 48 % at 3-7x and 15 % above (model.md section 4).
    retail_long_bias, directional_long_bias
        Log-odds of a long in a quiet market. Longs are liquidated three times as much as shorts (peers.md).
    retail_chase, retail_contrarians
        How strongly the odds follow the last hours' trend in units of its own deviation, and the share of
        retail who fade it instead.
    retail_holding_hours, retail_holding_sigma
        Lognormal law of intended holding times: median and sigma. Chosen for daily turnover.
    directional_holding_days, directional_holding_sigma
        The same; 19 % of Hyperliquid's followed positions are gone after four days (model.md section 4).
    hedger_holding_days
        Mean holding time of hedgers and basis traders, exponential.
    retail_stop_share, retail_target_share, directional_stop_share
        Share of traders with a stop-loss and with a take-profit. Chosen.
    retail_isolated_share, directional_isolated_share
        Share of positions with isolated margin; 78-95 % of notional is cross (model.md section 4).
    limit_entry_share
        Share of retail entries that wait at a round price.
    round_step
        Distance between round prices in quote.
    loss_holding
        Probability that a retail trader who meant to leave stays because the position is at a loss.
    panic
        Probability per minute that a retail trader notices and leaves when three quarters of the margin are
        lost.
    retail_top_up, directional_top_up
        Probability that a trader who sees the liquidation price come near adds margin.
    attention_per_minute
        Probability per minute that a directional trader notices a threatened position; retail notices at a
        quarter of it.
    threatened_distance
        Distance to liquidation in log price below which a position counts as threatened.
    reserve_multiple
        Mean of the exponential law of what a directional trader can add, in multiples of the first margin.
    review_days
        Mean time between two changes of a cross account's other collateral: other positions, deposits,
        withdrawals.
    review_sigma
        Standard deviation of the log change at a review; 48 % of positions that survive four days have moved
        their liquidation price by more than 2 % (model.md section 4).
    slice_share
        Largest part of an order sent in one minute, per depth within 1 %.
    basis_hours
        Time in which basis traders take over what market makers hold.
    maker_accounts
        Number of market-making accounts per venue.
    appetite_sigma, appetite_days
        Standard deviation and memory of the log appetite for new positions.
    insurance_fund_share
        Insurance fund at the start of the warm-up per one-sided open interest. The real ones were 1-3 %
        of a venue's BTC open interest.
    """

    initial_price: float = 100_000.0
    lot: float = 0.001
    warm_up_days: int = 3
    daily_volatility: float = 0.0175
    slow_volatility: float = 0.5
    slow_volatility_days: float = 6.0
    fast_volatility: float = 0.5
    fast_volatility_hours: float = 3.0
    jumps_per_day: float = 3.0
    jump_size: float = 0.0028
    jump_excitation: float = 2.0
    jump_excitation_hours: float = 0.7
    season: float = 0.45
    depth_share: float = 0.045
    depth_exponent: float = 0.67
    depth_withdrawal: float = 0.3
    depth_floor: float = 0.15
    refill_seconds: float = 15.0
    refill_slowdown: float = 4.0
    lasting_impact: float = 0.45
    lasting_impact_hours: float = 10.0
    information_share: float = 0.3
    arbitrage_seconds: float = 6.0
    half_spread: float = 0.00003
    bargain_distance: float = 0.03
    spot_follows: float = 0.6
    index_seconds: float = 3.0
    mark_basis_seconds: float = 30.0
    mark_basis_bound: float = 0.005
    maker_skew: float = 0.0009
    maker_comfort: float = 0.03
    churn_turnover: float = 0.7
    forced_impact: float = 1.0
    engine_pace: float = 0.1
    retail_share: float = 0.11
    directional_share: float = 0.5
    hedger_share: float = 0.12
    retail_median: float = 12_000.0
    retail_sigma: float = 1.5
    retail_cap: float = 1_500_000.0
    directional_minimum: float = 250_000.0
    directional_tail: float = 1.25
    directional_cap: float = 60_000_000.0
    hedger_notional: float = 3_000_000.0
    retail_leverage: float = 15.0
    retail_leverage_sigma: float = 0.8
    directional_leverage: float = 4.2
    directional_leverage_sigma: float = 0.6
    directional_leverage_slope: float = 0.12
    retail_long_bias: float = 0.7
    directional_long_bias: float = 0.15
    retail_chase: float = 0.6
    retail_contrarians: float = 0.3
    retail_short_leverage: float = 0.8
    retail_holding_hours: float = 3.0
    retail_holding_sigma: float = 1.8
    directional_holding_days: float = 6.0
    directional_holding_sigma: float = 1.1
    hedger_holding_days: float = 30.0
    retail_stop_share: float = 0.3
    retail_target_share: float = 0.5
    directional_stop_share: float = 0.08
    retail_isolated_share: float = 0.8
    directional_isolated_share: float = 0.08
    limit_entry_share: float = 0.45
    round_step: float = 250.0
    loss_holding: float = 0.6
    panic: float = 0.03
    retail_top_up: float = 0.25
    directional_top_up: float = 0.6
    attention_per_minute: float = 0.05
    threatened_distance: float = 0.04
    reserve_multiple: float = 1.0
    review_days: float = 2.0
    review_sigma: float = 0.12
    slice_share: float = 0.03
    basis_hours: float = 3.0
    maker_accounts: int = 6
    appetite_sigma: float = 0.2
    appetite_days: float = 4.0
    insurance_fund_share: float = 0.01

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise InputError(f"{field.name} is {value!r}; expected a finite number")
            if value < 0 and not field.name.endswith("_bias"):
                raise InputError(f"{field.name} is {value!r}; expected a number that is not negative")
            if value == 0 and field.name.endswith(_DIVISORS):
                raise InputError(f"{field.name} is 0; expected a positive number")
            if value > 1 and field.name in _FRACTIONS:
                raise InputError(f"{field.name} is {value!r}; expected a fraction in [0, 1]")
        if self.retail_share + self.directional_share + self.hedger_share > 0.95:
            raise InputError(
                "retail_share, directional_share and hedger_share leave less than 0.05 to basis traders and "
                "market makers; expected a sum of 0.95 at most"
            )
        if self.maker_accounts < 2:
            raise InputError(f"maker_accounts is {self.maker_accounts}; expected at least 2")

    def as_record(self) -> Any:
        """Return the numbers as a numpy record, which is how the compiled kernel reads them."""
        names = [field.name for field in fields(self)]
        layout = [(name, np.float64) for name in names]
        return np.array([tuple(float(getattr(self, name)) for name in names)], dtype=layout)[0]


_DIVISORS = (
    *("_days", "_hours", "_seconds", "_price", "lot", "_step", "_comfort", "_minimum", "_tail", "_median"),
    *("_share", "_leverage", "_exponent", "_notional", "_cap", "_volatility", "_floor", "_pace", "_distance"),
)
_FRACTIONS = frozenset(
    (
        *("season", "depth_floor", "information_share", "mark_basis_bound", "forced_impact", "spot_follows"),
        *("retail_contrarians", "retail_stop_share", "retail_target_share", "directional_stop_share"),
        *("retail_isolated_share", "directional_isolated_share", "limit_entry_share", "loss_holding"),
        *("panic", "retail_top_up", "directional_top_up", "attention_per_minute", "depth_share"),
    )
)
