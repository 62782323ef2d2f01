"""Batches that say by their number what must be in the lake once they are acknowledged."""

from __future__ import annotations

from lake.made_rows import HOUR, START
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.model.market_rows import MarkPrice
from powderkeg.model.window import Window

# One series of rows for each writer, so that two can write to one dataset and both be checked.
OFFSETS = {"live": 0, "backfill": 1}
SHARED_TS = START - HOUR


def batch_key() -> DatasetKey:
    """Return the dataset that the batches go to."""
    return DatasetKey("mark_prices", "binance", "BTCUSDT")


def batch_window(writer: str, number: int) -> Window:
    """Return the seven hours that a batch covers: the months change often."""
    start = START + (2 * number + OFFSETS[writer]) * 7 * HOUR
    return Window(start, start + 7 * HOUR)


def batch_rows(writer: str, number: int) -> list[MarkPrice]:
    """Return two rows of the batch alone, and one that each batch tells anew with its number as the price."""
    start = batch_window(writer, number).start
    return [
        MarkPrice(start, float(number), None, 0.0001, None),
        MarkPrice(start + 5 * HOUR, float(number), 1.0, None, start),
        MarkPrice(SHARED_TS + OFFSETS[writer], float(number), None, None, None),
    ]


def expected_rows(writers: dict[str, int]) -> list[tuple[float | None, ...]]:
    """Return what stands after the batches 0 up to each writer's last number."""
    kept = {
        row.ts: tuple(row)
        for writer, last in writers.items()
        for number in range(last + 1)
        for row in batch_rows(writer, number)
    }
    return [kept[ts] for ts in sorted(kept)]
