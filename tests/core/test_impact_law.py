"""The impact law: its own equation, where it ends, and what bars must hold for one."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.cascade_envelope import ForcedCurve, envelope
from powderkeg.core.impact_law import (
    IMPACT_CONSTANT,
    LAW_HORIZON,
    fitted_impact_constant,
    impact_depth,
    recent_flow,
)
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.times import DAY, HOUR, MINUTE

VOLUME, VOLATILITY = 20e9, 0.03
SHARE = LAW_HORIZON / DAY


def law(volume: float = VOLUME, volatility: float = VOLATILITY, **changed: float) -> DepthCurve:
    return impact_depth(volume, volatility, direction=1, source="test", as_of=0, **changed)  # type: ignore[arg-type]


def landing(curve: DepthCurve, order: float) -> float:
    return float(envelope(curve, ForcedCurve(np.zeros(1), np.zeros(1))).landing(order))


@pytest.mark.parametrize("share_of_volume", [0.01, 0.1, 0.5, 1.0])
def test_an_order_moves_price_by_the_square_root_of_its_share_of_volume(share_of_volume: float) -> None:
    order = share_of_volume * VOLUME * SHARE
    expected = IMPACT_CONSTANT * VOLATILITY * np.sqrt(SHARE) * np.sqrt(share_of_volume)
    assert landing(law(), order) == pytest.approx(expected, rel=0.01)


def test_while_it_holds_the_law_does_not_hang_on_its_horizon() -> None:
    order = 0.5 * VOLUME * SHARE
    assert landing(law(horizon=HOUR), order) == pytest.approx(landing(law(), order), rel=0.01)


def test_the_law_is_not_followed_into_orders_larger_than_what_trades() -> None:
    knee = VOLATILITY * np.sqrt(SHARE)
    order = 10 * VOLUME * SHARE
    # By the square root this would be 3.2 knees; the resting shape gives 10^(1 / 0.67).
    assert landing(law(), order) == pytest.approx(knee * 10 ** (1 / 0.67), rel=0.02)


def test_it_says_that_it_is_a_law() -> None:
    assert law().kind == "law"


def test_more_volume_absorbs_more_and_more_volatility_less() -> None:
    order = 1e6
    assert landing(law(volume=2 * VOLUME), order) < landing(law(), order)
    assert landing(law(volatility=2 * VOLATILITY), order) > landing(law(), order)
    assert landing(law(constant=2.0), order) == pytest.approx(2 * landing(law(), order), rel=0.01)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"volume": 0.0}, "volume is 0; expected a finite number above 0"),
        ({"volume": float("nan")}, "volume is nan"),
        ({"volatility": 0.0}, "volatility is 0"),
        ({"horizon": 0}, "horizon is 0"),
        ({"constant": -1.0}, "constant is -1"),
    ],
)
def test_a_market_without_volume_or_volatility_has_no_law(changed: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        law(**changed)


def test_volume_and_volatility_come_from_the_same_bars() -> None:
    generator = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.03 * np.sqrt(5 * MINUTE / DAY), 5_000)))
    volume = np.full(5_000, 7.0)
    volume[3] = close[3] = np.nan
    traded, volatility = recent_flow(close, volume, 5 * MINUTE, half_life=3 * DAY)
    assert volatility == pytest.approx(0.03, rel=0.05)
    assert traded == pytest.approx(7.0 * 288 * close[-1], rel=0.2)
    # A burst of ten times the volume and variance leaves their ratio, which the law hangs on, as it was.
    calm = recent_flow(close[:-100], volume[:-100], 5 * MINUTE)
    burst = close.copy()
    burst[-100:] = close[-101] * np.exp(np.sqrt(10) * np.log(close[-100:] / close[-101]))
    volume[-100:] *= 10
    wild = recent_flow(burst, volume, 5 * MINUTE)
    assert wild[0] > 5 * calm[0]
    assert wild[0] / wild[1] ** 2 == pytest.approx(calm[0] / calm[1] ** 2, rel=0.25)


@pytest.mark.parametrize(
    ("close", "volume", "message"),
    [
        (np.full(29, 100.0), np.ones(29), "bars: 29; expected 30 or more for a law"),
        (np.full(40, 100.0), np.ones(40), "bars: .* at a volatility of 0; expected both above 0"),
        (np.linspace(100, 101, 40), np.zeros(40), "bars: 0 traded a day at"),
        (np.linspace(100, 101, 40), np.full(40, -1.0), r"volume\[0\] is -1"),
    ],
)
def test_bars_that_are_few_flat_or_empty_give_no_law(
    close: np.ndarray, volume: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        recent_flow(close, volume, MINUTE)


def test_the_constant_is_found_again_in_bars_made_with_it() -> None:
    generator = np.random.default_rng(11)
    volume = generator.exponential(10.0, 20_000)
    imbalance = volume * generator.uniform(-1, 1, 20_000)
    push = np.sign(imbalance) * np.sqrt(np.abs(imbalance) / volume.mean())
    returns = 1e-4 * (0.8 * push + generator.normal(0, np.sqrt(1 - 0.64 * (push**2).mean()), 20_000))
    constant, error = fitted_impact_constant(returns, imbalance, volume)
    assert abs(constant - 0.8) < 3 * error
    assert 0 < error < 0.05


def test_a_constant_is_not_fitted_to_what_cannot_be() -> None:
    many = np.ones(40)
    with pytest.raises(InputError, match="returns: 5 bars; expected 30 or more"):
        fitted_impact_constant(many[:5], many[:5], many[:5])
    with pytest.raises(InputError, match=r"imbalance\[0\] is 2 of a volume of 1; expected no more"):
        fitted_impact_constant(many, 2 * many, many)
    with pytest.raises(InputError, match="nothing moves"):
        fitted_impact_constant(0 * many, many, many)
    with pytest.raises(InputError, match="returns, imbalance, volume"):
        fitted_impact_constant(many, many[:5], many)
