"""How fast a venue may be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from powderkeg.venues.asking import RateLimit

USED_SHARE = 0.9
"""Of the venue's budget: clocks differ, and others behind the same address ask too."""


class TokenBucket:
    """Hands out a venue's request budget, in order of asking.

    The bucket holds at most a tenth of the period's budget: a venue that counts per minute is not asked for
    all of it in the first second.

    Parameters
    ----------
    limit
        What the venue allows.
    clock, sleep
        Seconds that only rise, and how to wait; the defaults are the running loop's.
    """

    def __init__(
        self,
        limit: RateLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = USED_SHARE * limit.weight / (limit.period_ms / 1000)
        self._most = max(limit.weight / 10, 1.0)
        self._tokens = self._most
        self._clock = clock
        self._sleep = sleep
        self._at = clock()
        self._closed_until = 0.0
        self._order = asyncio.Lock()

    async def take(self, weight: int) -> None:
        """Wait until `weight` may be spent, and spend it; a weight above the bucket waits for a full one."""
        async with self._order:
            while True:
                now = self._clock()
                self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
                self._at = now
                wait = self._closed_until - now
                if wait <= 0:
                    short = min(weight, self._most) - self._tokens
                    if short <= 0:
                        break
                    wait = short / self._rate
                await self._sleep(wait)
            # A debt beyond the bucket is paid by those who come next.
            self._tokens -= weight

    def close_for(self, seconds: float) -> None:
        """Let nobody ask for this long: the venue said so."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
