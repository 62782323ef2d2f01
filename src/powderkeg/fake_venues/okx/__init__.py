"""OKX's protocol, spoken by a server; https://www.okx.com/docs-v5/en/, read 2026-11-25."""

from __future__ import annotations

from powderkeg.fake_venues.dialect import Dialect
from powderkeg.fake_venues.okx.answers import answered, refused
from powderkeg.fake_venues.okx.stream import frames_of, heard_by

DIALECT = Dialect(
    venue="okx",
    example=lambda row: row._replace(contract_size=0.01),
    answer=answered,
    limited=refused(50011, "Too Many Requests"),
    opened=lambda _: (),
    heard=heard_by,
    frames=frames_of,
)
