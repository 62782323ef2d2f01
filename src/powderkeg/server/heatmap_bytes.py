"""A heatmap as bytes: a header, what there is per column, and the cells as float32.

Everything is little-endian, and arrays begin at multiples of 8:

======  ======================================================================================
offset  content
======  ======================================================================================
0       ``PKHEAT01``
8       uint32 columns, uint32 bins
16      float64 width of a bin in natural log of price
24      int64 number of the lowest bin: bin i holds prices from exp(i width) to exp((i + 1) width)
32      uint32 length of the description, a multiple of 8, and uint32 0
40      description: the object of ``powderkeg heatmap --json``, JSON in UTF-8, padded with spaces
then    int64 as-of times (columns), UTC milliseconds
then    float64 mark price, open, high, low, close (columns each); NaN where no bar was observed
then    float32 USD of longs, then of shorts (columns x bins each, one column after the other)
======  ======================================================================================
"""

from __future__ import annotations

import struct

import numpy as np

from powderkeg.maps.heatmap import Heatmap

MAGIC = b"PKHEAT01"
MEDIA_TYPE = "application/vnd.powderkeg.heatmap"
HEADER = struct.Struct("<8sIIdqII")


def heatmap_bytes(heatmap: Heatmap, description: bytes) -> bytes:
    """Return the heatmap in the layout above; `description` is JSON of any length."""
    padded = description.ljust(-(-len(description) // 8) * 8)
    grid = heatmap.grid
    header = HEADER.pack(MAGIC, len(heatmap), grid.count, grid.width, grid.first, len(padded), 0)
    columns = (heatmap.mark_price, heatmap.open, heatmap.high, heatmap.low, heatmap.close)
    return b"".join(
        [
            header,
            padded,
            heatmap.times.astype("<i8").tobytes(),
            *(np.ascontiguousarray(values, "<f8").tobytes() for values in columns),
            *(
                np.ascontiguousarray(cells, "<f4").tobytes()
                for cells in (heatmap.long_notional, heatmap.short_notional)
            ),
        ]
    )
