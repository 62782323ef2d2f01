"""What to record, from settings and options, in one place for all commands that do."""

from __future__ import annotations

from collections.abc import Sequence

from powderkeg.cli import lake_options
from powderkeg.ingest.recorder_child import RecordingPlan
from powderkeg.ingest.recorder_settings import RecorderSettings
from powderkeg.ingest.recording import recorded_tables
from powderkeg.settings.settings import Settings
from powderkeg.venues.venue import Venue

TABLES = (
    "trades", "liquidations", "mark_prices", "open_interest", "bars", "depth_levels", "insurance_funds",
    "deleveraging_signals",
)  # fmt: skip


def recording_plans(
    chosen: Settings, venues: Sequence[Venue], coins: str | None, tables: Sequence[str] = TABLES
) -> list[RecordingPlan]:
    """Return what to record at each venue that has any of the tables; coins are the settings' without any."""
    return [
        RecordingPlan(
            one.name,
            chosen.urls(one.name),
            lake_options.names_of(coins, chosen.symbols(one.name)),
            own,
        )
        for one in venues
        if (own := [table for table in recorded_tables(one) if table in tables])
    ]


def recorder_settings(chosen: Settings) -> RecorderSettings:
    """Return how to record."""
    return RecorderSettings(
        flush=chosen.record.flush_seconds,
        memory=chosen.record.memory_mib * 2**20,
        segment_bytes=chosen.record.segment_mib * 2**20,
        segment_seconds=chosen.record.segment_seconds,
        books_every=int(chosen.record.book_seconds * 1000),
    )
