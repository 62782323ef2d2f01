"""Modelled crowding against the entries that simulated traders really had."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.analytics.simulated_frames import SYMBOL, venue_frame
from powderkeg.analytics.simulated_positions import venue_snapshot
from powderkeg.core import worlds
from powderkeg.core.crowding import measured_crowding, modelled_crowding
from powderkeg.core.named_models import model_parameters
from powderkeg.model.times import DAY
from powderkeg.simulation.market import DEFAULT_START, simulated_market
from powderkeg.simulation.scenarios import ScenarioName

MARKETS: tuple[tuple[int, ScenarioName], ...] = ((911, "short_squeeze"), (912, "long_cascade"))
DAYS = 12


@pytest.mark.timeout(300)
def test_the_estimate_follows_true_entries_and_its_bounds_nearly_always_hold_them() -> None:
    pairs, held = [], []
    for seed, scenario in MARKETS:
        instants = [DEFAULT_START + day * DAY for day in (6, 9, 12)]
        market = simulated_market(
            np.random.default_rng(seed), scenario=scenario, days=DAYS, truth_at=instants
        )
        for venue in range(len(market.venues)):
            frame = venue_frame(market, venue)
            state, begin = worlds.init(model_parameters("worlds")), 0
            for positions in market.truth.positions:
                stop = frame.rows_known_at(positions.ts)
                state, begin = worlds.run(state, frame.rows(begin, stop)).state, stop
                known = np.isfinite(positions.entry_price)
                snapshot = venue_snapshot(positions, venue, known)
                mark = float(snapshot.mark_price[0])
                # Market makers have no entries: all of theirs may be offside, or none.
                for side in (1, -1):
                    mine = (positions.venue == venue) & (positions.position_side == side)
                    makers = float(positions.quantity[mine & ~known].sum())
                    total = float(positions.quantity[mine].sum())
                    true = measured_crowding(snapshot, SYMBOL, side, np.random.default_rng(0), draws=2)
                    said = modelled_crowding(state, side, price=mark)
                    offside = true.offside_notional / mark
                    held.append(said.lowest <= (offside + makers) / total and said.highest >= offside / total)
                    pairs.append((true.offside.value, said.offside, said.highest - said.lowest))
    true_share, estimate, width = np.array(pairs).T
    error = np.abs(estimate - true_share).mean()
    constant = np.abs(true_share - true_share.mean()).mean()
    correlation = float(np.corrcoef(true_share, estimate)[0, 1])
    print(
        f"{len(pairs)} sides: correlation {correlation:.2f}, mean error {error:.3f} against {constant:.3f} "
        f"of the mean, bounds {width.mean():.2f} wide hold {np.mean(held):.2f}"
    )
    # The model's law of distances is not that of the traders, so even its bounds can fail.
    assert np.mean(held) > 0.9
    assert correlation > 0.75
    assert error < 0.7 * constant
