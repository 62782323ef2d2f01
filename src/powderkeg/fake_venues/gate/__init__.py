"""Gate's protocol, API v4, spoken by a server to a client that asks for decimal sizes.

https://www.gate.com/docs/developers/apiv4/ and https://www.gate.com/docs/developers/futures/ws/, read
2026-11-25. The age beyond which Gate refuses candles, funding and statistics is not enforced.
"""

from __future__ import annotations

from powderkeg.fake_venues.dialect import Dialect
from powderkeg.fake_venues.gate.rest import answer
from powderkeg.fake_venues.gate.stream import frames, heard
from powderkeg.fake_venues.gate.wording import refused

DIALECT = Dialect(
    venue="gate",
    # BTC_USDT: a ten-thousandth of a bitcoin.
    example=lambda row: row._replace(contract_size=0.0001, quantity_step=1.0),
    answer=answer,
    limited=refused("TOO_MANY_REQUESTS", "Request Rate limit Exceeded"),
    opened=lambda _: (),
    heard=heard,
    frames=frames,
    stream_path=lambda instrument: f"/v4/ws/{instrument.settle.lower()}",
)
