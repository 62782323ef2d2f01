"""Random numbers inside the compiled kernel: xoshiro256++ streams whose state is an array.

Each stream belongs to one purpose. What a trader does therefore never shifts the numbers that the efficient
price is made of, and two runs that differ in a parameter see the same news.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from powderkeg.simulation.compiled import inside_kernel

SeedArray = npt.NDArray[np.uint64]

_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@inside_kernel
def uniform(seeds: SeedArray, stream: int) -> float:
    """Return the next number of `stream` in (0, 1); `seeds` has shape (streams, 4) and advances in place.

    References
    ----------
    Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021, xoshiro256++.
    """
    s0, s1, s2, s3 = seeds[stream, 0], seeds[stream, 1], seeds[stream, 2], seeds[stream, 3]
    mixed = s0 + s3
    result = ((mixed << np.uint64(23)) | (mixed >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    seeds[stream, 0], seeds[stream, 1], seeds[stream, 2], seeds[stream, 3] = s0, s1, s2, s3
    return (float(result >> np.uint64(11)) + 0.5) * _UNIT


@inside_kernel
def normal(seeds: SeedArray, stream: int) -> float:
    """Return the next standard normal number of `stream` (Box and Muller, one of the pair)."""
    radius = math.sqrt(-2.0 * math.log(uniform(seeds, stream)))
    return radius * math.cos(2.0 * math.pi * uniform(seeds, stream))


@inside_kernel
def exponential(seeds: SeedArray, stream: int) -> float:
    """Return the next exponential number of mean 1 of `stream`."""
    return -math.log(uniform(seeds, stream))
