"""How long does a heatmap take from the server, against reading the same bytes from disk?"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from rich.table import Table

from benchmarks.live_latency import process
from benchmarks.made_lake import BAR, COIN, made_lake
from benchmarks.measure import timing
from benchmarks.page_browser import serving_page
from powderkeg.model.times import DAY, iso

_REPEATS = 7


def answer(port: int, path: str, **headers: str) -> tuple[bytes, str]:
    """Return the body of an answer, as it was sent, and its ETag."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(
            "GET", f"/v1/{path}", headers={key.replace("_", "-"): headers[key] for key in headers}
        )
        found = connection.getresponse()
        return found.read(), found.headers["etag"]
    finally:
        connection.close()


def table() -> Table:
    """Return the answer, for a month of 15-minute columns of three venues, and for their map beside it."""
    end = time.time_ns() // 1_000_000 // BAR * BAR
    out = Table("what", "bytes", "time", "over the file")
    with tempfile.TemporaryDirectory() as folder:
        lake = made_lake(Path(folder) / "lake", end)
        copy = Path(folder) / "copy"
        with process(serving_page, lake.root) as port:
            answer(port, f"imbalance?coin={COIN}&at={iso(end - DAY)}")  # the estimator is compiled
            which = f"coin={COIN}&at={iso(end)}&history=60d"
            heatmap = f"heatmap?{which}&start={iso(end - 30 * DAY)}&step=15m&format=binary"
            begun = time.perf_counter()
            body, tag = answer(port, heatmap)
            first = time.perf_counter() - begun
            copy.write_bytes(body)
            size = f"{len(body):,}"
            read = timing(copy.read_bytes, _REPEATS)
            out.add_row("reading a file", size, str(read), "1.0")
            out.add_row("heatmap, asked first", size, f"{first:.3g} s", f"{first / read.median:.0f}")
            kept = timing(partial(answer, port, heatmap), _REPEATS)
            out.add_row("heatmap, asked again", size, str(kept), f"{kept.median / read.median:.1f}")
            same = timing(partial(answer, port, heatmap, If_None_Match=tag), _REPEATS)
            out.add_row("heatmap, not changed", "0", str(same), f"{same.median / read.median:.1f}")
            for name, coding in (("map, asked again", "identity"), ("map, asked again, gzip", "gzip")):
                asked = partial(answer, port, f"map?{which}", Accept_Encoding=coding)
                sent, _ = asked()
                took = timing(asked, _REPEATS)
                out.add_row(name, f"{len(sent):,}", str(took), "")
    return out
